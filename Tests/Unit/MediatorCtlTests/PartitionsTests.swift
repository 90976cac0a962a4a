import Kafka
import Testing
import Values

@testable import Mediator
@testable import mediatorctl

@Suite struct PartitionsTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)
  private let place = TopicPartition(topic: "mediator.queue", partition: 5)

  private var partitions: [SourcePartition] {
    let halt = HaltedPartition(
      topic: "mediator.queue", partition: 5, reason: "the topic was created anew", mediator: "m1", since: now)
    return [
      SourcePartition(partition: place, shard: 1, position: 10, halts: [halt]),
      SourcePartition(
        partition: TopicPartition(topic: "mediator.replies", partition: 0), shard: 0, position: nil, halts: []),
    ]
  }

  @Test func onlyAHaltedPartitionIsDecidedAbout() throws {
    let plan = try AcceptancePlan(place, among: partitions)
    #expect(plan.question.contains("mediator.queue/5"))
    let other = TopicPartition(topic: "mediator.replies", partition: 0)
    let failure = #expect(throws: CommandFailure.self) { try AcceptancePlan(other, among: partitions) }
    #expect(failure?.status == .failure)
    #expect(failure?.text.contains("mediator.replies/0 is not halted") == true)
    #expect(failure?.text.contains("halted: mediator.queue/5") == true)
    #expect(AcceptancePlan.refusal(place, among: []).text.contains("no partition is halted"))
  }

  @Test func tellsWhatWouldHappenAndWhatDid() throws {
    var plan = try AcceptancePlan(place, among: partitions)
    #expect(plan.json["dryRun"] == true)
    #expect(plan.json["former"] == 10)
    #expect(plan.json["position"] == JSON.null)
    #expect(plan.text(.plain(now: now)).contains("it would be read from the first record that the broker has"))
    plan.position = 42
    plan.decision = PositionDecision(number: 7, former: nil, epoch: 12)
    #expect(plan.json["dryRun"] == false)
    #expect(plan.json["former"] == JSON.null)
    #expect(plan.json["position"] == 42)
    #expect(plan.json["epoch"] == 12)
    let text = plan.text(.plain(now: now))
    #expect(text.contains("it is read from offset 42"))
    #expect(text.contains("the topic was created anew (m1, "))
  }

  /// As after a refused start: nobody has halted it, but its position does not fit.
  @Test func whatWasFoundAboutAPositionIsDecidedAboutToo() throws {
    let other = TopicPartition(topic: "mediator.replies", partition: 0)
    let finding = PositionFinder.Finding(partition: other, position: 3, reason: "the end is 0", isForeign: true)
    let plan = try AcceptancePlan(other, among: partitions, finding: finding)
    #expect(plan.json["finding"] == "the end is 0")
    #expect(plan.json["halts"] == [])
    let text = plan.text(.plain(now: now))
    #expect(text.contains("the end is 0") && !text.contains("halted"))
    #expect(try AcceptancePlan(place, among: partitions).json["finding"] == JSON.null)
  }

  @Test func aPlaceLiesWithinWhatTheBrokerHas() throws {
    let bounds = KafkaWatermarks(low: 5, high: 9)
    #expect(ReadingPlace(argument: "earliest") == .earliest)
    #expect(ReadingPlace(argument: "-1") == nil)
    #expect(ReadingPlace(argument: "newest") == nil)
    let latest = try #require(ReadingPlace(argument: "latest"))
    #expect(try latest.resolved(within: bounds, of: place) == 9)
    let (inside, outside): ([Int64], [Int64]) = ([5, 7, 9], [4, 10])
    for offset in inside {
      #expect(try ReadingPlace.offset(offset).resolved(within: bounds, of: place) == offset)
    }
    for offset in outside {
      #expect(throws: CommandFailure.self) { try ReadingPlace.offset(offset).resolved(within: bounds, of: place) }
    }
  }

  @Test func listsThem() {
    let list = PartitionList(partitions, limit: 2)
    #expect(list.json["hasMore"] == false)
    #expect(list.json["partitions"]?[0]?["halts"]?[0]?["mediator"] == "m1")
    #expect(list.json["partitions"]?[1]?["position"] == JSON.null)
    let lines = list.text(.plain(now: now)).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[1].contains("halted") && lines[1].contains("the topic was created anew"))
    #expect(lines[2].hasSuffix("read"))
    #expect(PartitionList(partitions, limit: 1).json["hasMore"] == true)
    #expect(PartitionList([], limit: 1).text(.plain(now: now)) == "No partition was read yet.")
  }
}
