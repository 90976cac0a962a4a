import Kafka
import Testing
import Values

@testable import Mediator

@Suite struct StuckReportTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)
  private let id = UUIDValue(high: 1, low: 1)

  private func facts(_ change: (inout StuckFacts) -> Void) -> StuckFacts {
    var facts = StuckFacts(now: now, patience: .seconds(60))
    facts.mediators = 1
    change(&facts)
    return facts
  }

  private func sample(_ count: Int, complete: Bool = true) -> StuckFacts.Sample {
    var sample = StuckFacts.Sample()
    sample.count = count
    sample.isComplete = complete
    sample.examples = [id]
    sample.oldest = now - .seconds(90)
    return sample
  }

  private func codes(_ change: (inout StuckFacts) -> Void) -> [String] { StuckReport(facts(change)).groups.map(\.code) }

  @Test func findsNothingWhereNothingIs() {
    #expect(codes { _ in } == [])
  }

  @Test func groupsByCauseTheGreatestFirst() {
    let report = StuckReport(
      facts {
        $0.overdue = sample(7)
        $0.suspended = sample(10_000, complete: false)
        $0.unowned = [.init(number: 2, lastOwner: "m1", since: now - .seconds(70), open: sample(40))]
        $0.forgotten = [.init(instance: id, kind: .waitLost)]
        $0.orderKeys = [.init(key: "k", holder: id, since: now - .seconds(61), waiting: 9)]
      })
    #expect(
      report.groups.map(\.code) == ["suspended", "shardWithoutOwner", "orderKeyHeld", "overdue", "forgotten.waitLost"])
    #expect(report.groups.map(\.count) == [10_000, 40, 9, 7, 1])
    #expect(report.groups.map(\.isComplete) == [false, true, true, true, true])
    #expect(report.groups.allSatisfy { !$0.next.isEmpty && !$0.summary.isEmpty })
  }

  @Test func hasPatience() {
    #expect(
      codes { $0.orderKeys = [.init(key: "k", holder: id, since: now - .seconds(59), waiting: 9)] } == [])
    #expect(
      codes { $0.unowned = [.init(number: 2, lastOwner: "m1", since: now - .seconds(3), open: sample(40))] } == [])
    #expect(codes { $0.unowned = [.init(number: 2, lastOwner: nil, since: nil, open: sample(40))] }.count == 1)
    #expect(codes { $0.unowned = [.init(number: 2, lastOwner: nil, since: nil, open: sample(0))] } == [])
  }

  @Test func tellsChannelsThatAreFull() throws {
    let full = facts {
      $0.queues = [.init(channel: "bank", inFlight: 10, waiting: sample(12_000))]
      $0.queues[0].waiting.oldest = now - .seconds(61)
    }
    let group = try #require(StuckReport(full).groups.first)
    #expect(group.code == "callQueued")
    #expect(group.summary.contains("channel 'bank': 10 are under way there, 12000 wait"))
    #expect(group.count == 12_000)
    #expect(group.next == ["# start the processor that reads mediator.channel.bank"])
    #expect(
      codes {
        $0.queues = [.init(channel: "bank", inFlight: 10, waiting: sample(12_000))]
        $0.queues[0].waiting.oldest = now - .seconds(59)
      } == [])
  }

  @Test func tellsChannelsForWhichAnOpenInstanceWaits() {
    func found(members: Int?, oldest: Int, examples: [UUIDValue]) -> [String] {
      let consumers = members.map { [ChannelFacts.Consumer(group: "g", members: $0, committed: [0: 1])] } ?? []
      let channel = ChannelFacts(channel: "bank", partitions: [0: .init(low: 0, high: 9)], consumers: consumers)
      return codes {
        $0.channels = [.init(facts: channel, oldest: now - .seconds(oldest), examples: examples)]
      }
    }
    #expect(found(members: nil, oldest: 90, examples: [id]) == ["channelWithoutConsumer"])
    #expect(found(members: 0, oldest: 90, examples: [id]) == ["consumerStopped"])
    #expect(found(members: 1, oldest: 90, examples: [id]) == ["consumerLag"])
    #expect(found(members: 1, oldest: 30, examples: [id]) == [])
    #expect(found(members: nil, oldest: 90, examples: []) == [])
  }
}
