import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

@Suite struct ChannelLoadTests {
  private func key(_ definition: Int32, _ channel: String = "c") -> ChannelLoad.Key {
    ChannelLoad.Key(definition: definition, channel: channel)
  }

  private func load(_ counts: [ChannelLoad.Key: (Int, Int)]) -> ChannelLoad {
    ChannelLoad(counts.mapValues { ChannelLoad.Count(inFlight: $0.0, queued: $0.1) })
  }

  @Test func whatIsFullAdmitsNoMore() {
    var limits = CallLimits(perChannel: 10, channels: ["slow": 2])
    limits.versions = [2: 5]
    let load = load([key(1): (6, 0), key(2): (4, 0), key(1, "slow"): (1, 0), key(2, "slow"): (0, 1)])
    #expect(load.admission(of: 1, limits) == CallAdmission(fullChannels: ["c"]))
    // Its own calls wait on 'slow', and none overtakes them.
    #expect(load.admission(of: 2, limits) == CallAdmission(fullChannels: ["c", "slow"]))
    limits.versions = [2: 4]
    #expect(load.admission(of: 2, limits).isFull)
    #expect(load.admission(of: 3, limits) == CallAdmission(fullChannels: ["c"]))
  }

  @Test func eachShardHasItsShareAndAtLeastOne() {
    let load = load([key(1): (1, 0)])
    #expect(load.admission(of: 1, CallLimits(perChannel: 3, shards: 4)).fullChannels == ["c"])
    #expect(load.admission(of: 1, CallLimits(perChannel: 8, shards: 4)) == .everything)
  }

  @Test func aFreePlaceGoesToWhoHasTheFewest() {
    let load = load([key(1): (90, 1000), key(2): (1, 3), key(3): (0, 1)])
    let releases = load.releases(CallLimits(perChannel: 101), weights: [:], atMost: 500)
    #expect(releases == [key(1): 6, key(2): 3, key(3): 1])
    #expect(load.releases(CallLimits(perChannel: 93), weights: [:], atMost: 500) == [key(2): 1, key(3): 1])
    #expect(load.releases(CallLimits(perChannel: 91), weights: [:], atMost: 500).isEmpty)
    #expect(load.releases(CallLimits(perChannel: 1000), weights: [:], atMost: 7) == [key(1): 3, key(2): 3, key(3): 1])
  }

  @Test func placesAreSharedByWeight() {
    let load = load([key(1): (0, 100), key(2): (0, 100)])
    #expect(load.releases(CallLimits(perChannel: 40), weights: [2: 3], atMost: 500) == [key(1): 10, key(2): 30])
  }

  @Test func aVersionsOwnLimitLeavesTheRestToOthers() {
    var limits = CallLimits(perChannel: 40)
    limits.versions = [1: 5]
    #expect(
      load([key(1): (0, 9), key(2): (0, 9)]).releases(limits, weights: [:], atMost: 50) == [key(1): 5, key(2): 9])
  }

  // MARK: In a plan

  private func turns(_ limit: Int) throws -> Turns {
    var turns = Turns([try entry(1, oneCall)])
    turns.limits = CallLimits(perChannel: limit)
    return turns
  }

  @Test func eventsStartInstancesWhoseCallsWait() throws {
    var turns = try turns(2)
    let (_, batch) = turns.turn((0..<5).map { event("\($0)", offset: Int64($0)) })
    #expect(batch.started.count == 5)
    #expect(batch.journal.flatMap(\.requests).count == 2)
    #expect(batch.queued.map(\.instance) == batch.started[2...].map(\.id))
    #expect(batch.loads.map(\.count) == [ChannelLoad.Count(inFlight: 2, queued: 3)])
    #expect(batch.journal.map(\.publications) == [1, 1, 0, 0, 0])
  }

  @Test func aReplyMakesRoomForOne() throws {
    var turns = try turns(1)
    let (_, first) = turns.turn([event("1", offset: 0), event("2", offset: 1)])
    let waiting = try #require(first.queued.first)
    let (_, second) = turns.turn([]) { $0.release(waiting) }
    #expect(second.journal.isEmpty && second.unqueued.isEmpty, "there is no room yet")
    let request = try #require(first.journal.flatMap(\.requests).first)
    let (_, third) = turns.turn([reply(.completed([:]), to: request.id, of: String(request.id.prefix(36)))])
    #expect(third.loads.map(\.count) == [ChannelLoad.Count(inFlight: 0, queued: 1)])
    let (_, fourth) = turns.turn([event("3", offset: 2)]) { $0.release(waiting) }
    // The new event's call does not overtake what waits.
    #expect(fourth.journal.flatMap(\.requests).map(\.id) == ["\(waiting.instance.text).1.1"])
    #expect(fourth.unqueued == [waiting])
    #expect(fourth.queued.count == 1)
    #expect(fourth.loads.map(\.count) == [ChannelLoad.Count(inFlight: 1, queued: 1)])
  }

  @Test func aQueuedCallThatIsNotWantedAnyMoreLeavesTheQueue() throws {
    var turns = try turns(1)
    let (_, first) = turns.turn([event("1", offset: 0), event("2", offset: 1)])
    let waiting = try #require(first.queued.first)
    let (_, second) = turns.turn([]) { $0.abandon(waiting.instance, reason: "because") }
    #expect(second.unqueued == [waiting])
    #expect(second.loads.map(\.count) == [ChannelLoad.Count(inFlight: 1, queued: 0)])
  }

  /// The task faults at its deadline as any other does, and a dead letter tells of it.
  @Test func aTimeoutWhileItWaitsIsADeadLetterToo() throws {
    var turns = try turns(1)
    let (_, first) = turns.turn([event("1", offset: 0), event("2", offset: 1)])
    let waiting = try #require(first.queued.first)
    turns.now = turns.now + .seconds(600)
    let (_, second) = turns.turn([]) { $0.wake(waiting.instance) }
    #expect(second.updated.first?.state.status == .faulted)
    #expect(second.unqueued == [waiting])
    let letter = try #require(second.deadLetters.first)
    #expect(letter.reason == DeadLetter.uncaughtFault && letter.instance == waiting.instance)
    #expect(
      letter.record.headers.contains { $0.name == "ce_id" && $0.value == Array("\(waiting.instance.text).1.1".utf8) })
  }
}
