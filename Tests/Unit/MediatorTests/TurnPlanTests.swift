import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

@Suite struct TurnPlanTests {
  private func requests(_ batch: ShardBatch) -> [Request] { batch.journal.flatMap(\.requests) }

  /// Every row has a number of its own, and none is left out.
  private func expectContiguous(_ batch: ShardBatch, after head: Int64, _ location: SourceLocation = #_sourceLocation) {
    let numbers = batch.journal.map(\.sequence) + batch.deadLetters.map(\.sequence) + batch.forwarded.map(\.sequence)
    #expect(numbers.sorted() == (head..<head + Int64(numbers.count)).map { $0 + 1 }, sourceLocation: location)
    #expect(batch.journalHead == head + Int64(numbers.count), sourceLocation: location)
  }

  // MARK: Starting

  @Test func anEventStartsAnInstance() throws {
    var turns = Turns([try entry(5, oneCall)])
    let (plan, batch) = turns.turn([event("1", offset: 8, value: "{\"a\":1}")])
    let instance = try #require(batch.started.first)
    #expect(batch.started.count == 1)
    #expect(batch.updated.isEmpty)
    #expect(instance.shard == 0)
    #expect(instance.definition == 5)
    #expect(instance.key == Array("k".utf8))
    #expect(instance.eventID == "1")
    #expect(instance.eventSource == "/tests")
    #expect(instance.state.status == .running)
    #expect(instance.state.input[0]?["data"] == ["a": 1])
    #expect(requests(batch).map(\.data) == [["question": ["a": 1]]])
    #expect(batch.number == 21)
    #expect(batch.publishMark == 90)
    #expect(batch.positions[TopicPartition(topic: Topics.queue, partition: 0)]?.next == 9)
    #expect(plan.startedCount == 1)
    expectContiguous(batch, after: 100)
  }

  @Test func aDuplicateInTheSameBatchIsIgnored() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (plan, batch) = turns.turn([event(offset: 0), event(partition: 3, offset: 7, key: "other")])
    #expect(batch.started.count == 1)
    #expect(batch.started.first?.key == Array("k".utf8))
    #expect(plan.ignored == [.duplicateEvent: 1])
    #expect(batch.positions.values.map(\.next).sorted() == [1, 8])
    expectContiguous(batch, after: 100)
  }

  @Test func aDuplicateOfAStoredInstanceIsIgnored() throws {
    var turns = Turns([try entry(1, oneCall)])
    _ = turns.turn([event(offset: 0)])
    let (plan, batch) = turns.turn([event(offset: 1)])
    #expect(batch.started.isEmpty)
    #expect(batch.updated.isEmpty)
    #expect(batch.journal.isEmpty)
    #expect(plan.ignored == [.duplicateEvent: 1])
    #expect(batch.positions.values.map(\.next) == [2])
    // The batch has positions to write, and nothing else.
    #expect(!batch.isEmpty)
  }

  /// Whoever started it, and whether it has ended: the event has had its effect.
  @Test func aDuplicateOfAnotherShardsInstanceIsIgnored() throws {
    var turns = Turns([try entry(1, noCall)])
    _ = turns.turn([event()])
    turns.takeover = ShardTakeover(shard: 1, epoch: 1, batch: 0, journalHead: 0, publishMark: 0)
    let (plan, batch) = turns.turn([event()])
    #expect(plan.ignored == [.duplicateEvent: 1])
    #expect(batch.started.isEmpty)
    #expect(batch.forwarded.isEmpty)
  }

  @Test func oneEventStartsTwoWorkflows() throws {
    var turns = Turns([try entry(1, oneCall, name: "a"), try entry(2, oneCall, name: "b")])
    let (_, batch) = turns.turn([event()])
    #expect(batch.started.map(\.definition) == [1, 2])
    #expect(Set(batch.started.map(\.id)).count == 2)
    expectContiguous(batch, after: 100)
    // The event comes again after a third workflow was deployed: only that one starts.
    var later = Turns([
      try entry(1, oneCall, name: "a"), try entry(2, oneCall, name: "b"), try entry(3, noCall, name: "c"),
    ])
    later.stored = turns.stored
    let (plan, second) = later.turn([event()])
    #expect(second.started.map(\.definition) == [3])
    #expect(plan.ignored == [.duplicateEvent: 2])
  }

  @Test func startedAndEndedInOneBatch() throws {
    var turns = Turns([try entry(1, noCall)])
    let (plan, batch) = turns.turn([event()])
    #expect(batch.started.map(\.state.status) == [.completed])
    #expect(batch.started.first?.state.output == ["answer": 42])
    #expect(batch.updated.isEmpty)
    #expect(plan.endedCount == [.completed: 1])
  }

  @Test func startedAndRepliedToInOneBatch() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = InstanceID.make(workflow: "tests/example", source: "/tests", id: "1").text
    let answer = reply(.completed(["yes": true]), to: "\(id).1.1", of: id, offset: 4)
    let (plan, batch) = turns.turn([event(), answer])
    #expect(batch.started.map(\.state.status) == [.completed])
    #expect(batch.updated.isEmpty)
    #expect(batch.journal.count == 2)
    #expect(plan.endedCount == [.completed: 1])
    expectContiguous(batch, after: 100)
  }

  // MARK: Replies

  private func waiting() throws -> (turns: Turns, id: String) {
    var turns = Turns([try entry(1, oneCall)])
    let (_, batch) = turns.turn([event()])
    return (turns, try #require(batch.started.first).id.text)
  }

  @Test func aReplyGoesOn() throws {
    var (turns, id) = try waiting()
    let (plan, batch) = turns.turn([reply(.completed(["yes": true]), to: "\(id).1.1", of: id, offset: 2)])
    #expect(batch.started.isEmpty)
    #expect(batch.updated.map(\.state.status) == [.completed])
    #expect(batch.updated.first?.state.output == ["yes": true])
    #expect(plan.ignored.isEmpty)
    #expect(
      batch.positions == [
        TopicPartition(topic: Topics.replies, partition: 0): Position(
          after: reply(.completed(["yes": true]), to: "\(id).1.1", of: id, offset: 2))
      ])
    expectContiguous(batch, after: 101)
  }

  @Test func progressIsKeptAndNotJournalled() throws {
    var (turns, id) = try waiting()
    let (_, batch) = turns.turn([reply(.progress(percent: 50, message: nil), to: "\(id).1.1", of: id)])
    #expect(batch.updated.count == 1)
    #expect(batch.journal.isEmpty)
    #expect(batch.journalHead == 101)
    guard case .requested(let call)? = batch.updated.first?.state.activities.last?.phase else {
      Issue.record("nothing is requested")
      return
    }
    #expect(call.progress?.percent == 50)
  }

  @Test(arguments: [
    ("1.2", IgnoredReason.stale),  // an attempt that is not under way
    ("0.1", .stale),  // the workflow's own activity awaits no reply
    ("9.1", .forged),  // an activity that never was
    ("1.0", .forged), ("-1.1", .forged), ("1", .forged), ("1.1.1", .forged), ("x.y", .forged), ("", .forged),
  ])
  func repliesThatBelongToNothingOpen(_ suffix: String, _ reason: IgnoredReason) throws {
    var (turns, id) = try waiting()
    let (plan, batch) = turns.turn([reply(.completed(nil), to: "\(id).\(suffix)", of: id)])
    #expect(plan.ignored == [reason: 1])
    #expect(batch.updated.isEmpty)
    #expect(batch.journal.isEmpty)
    #expect(batch.positions.count == 1)
  }

  @Test func aReplyToAnotherInstancesRequestIsForged() throws {
    var (turns, id) = try waiting()
    let other = UUIDValue(high: 9, low: 9).text
    let (plan, batch) = turns.turn([
      reply(.completed(nil), to: "\(other).1.1", of: id), reply(.completed(nil), to: "\(id).1.1", of: other, offset: 1),
    ])
    #expect(plan.ignored == [.forged: 2])
    #expect(batch.updated.isEmpty)
  }

  @Test func duplicateAndLateReplies() throws {
    var (turns, id) = try waiting()
    let answer = reply(.completed(nil), to: "\(id).1.1", of: id)
    let (first, batch) = turns.turn([answer, answer])
    #expect(first.ignored == [.terminal: 1])
    #expect(batch.updated.count == 1)
    #expect(batch.journal.count == 1)
    let (second, nothing) = turns.turn([answer])
    #expect(second.ignored == [.terminal: 1])
    #expect(nothing.updated.isEmpty)
  }

  @Test func aReplyOnTheWrongPartitionIsForwarded() throws {
    var (turns, id) = try waiting()
    turns.takeover = ShardTakeover(shard: 2, epoch: 1, batch: 0, journalHead: 50, publishMark: 50)
    turns.head = 50
    let answer = reply(.completed(["yes": true]), to: "\(id).1.1", of: id, partition: 2, offset: 3)
    let (plan, batch) = turns.turn([answer])
    #expect(batch.forwarded == [ForwardedReply(sequence: 51, partition: 0, record: answer)])
    #expect(batch.updated.isEmpty)
    #expect(plan.ignored.isEmpty)
    expectContiguous(batch, after: 50)
    let messages = encoder(turns.catalog, shard: 2).messages(of: batch, instances: plan.instances)
    #expect(messages.map(\.record.partition) == [0])
    #expect(messages.map(\.record.topic) == [Topics.replies])
    #expect(messages.map(\.record.headers) == [answer.headers])
  }

  // MARK: Timers, refusals, quarantine

  @Test func aDueTimerFires() throws {
    var (turns, id) = try waiting()
    let instance = try #require(UUIDValue(id))
    turns.now = start + .seconds(600)
    let (plan, batch) = turns.turn([]) { $0.wake(instance) }
    #expect(batch.updated.map(\.state.status) == [.faulted])
    #expect(batch.updated.first?.state.error?.status == 408)
    #expect(plan.endedCount == [.faulted: 1])
    #expect(batch.positions.isEmpty)
    expectContiguous(batch, after: 101)
  }

  /// It is written again so that the store learns the true time.
  @Test func anEarlyTimerIsWrittenAgain() throws {
    var (turns, id) = try waiting()
    let instance = try #require(UUIDValue(id))
    let (plan, batch) = turns.turn([]) { $0.wake(instance) }
    #expect(plan.ignored == [.early: 1])
    #expect(batch.updated.map(\.state.wakeAt) == [start + .seconds(600)])
    #expect(batch.journal.isEmpty)
  }

  @Test func timersOfNothing() throws {
    var (turns, id) = try waiting()
    _ = turns.turn([reply(.completed(nil), to: "\(id).1.1", of: id)])
    let ended = try #require(UUIDValue(id))
    let (plan, batch) = turns.turn([]) { plan in
      plan.wake(ended)
      plan.wake(UUIDValue(high: 0, low: 0))
    }
    #expect(plan.ignored == [.terminal: 1, .forged: 1])
    #expect(batch.isEmpty)
  }

  @Test func anUndeliverableProcessingEventFaultsItsTask() throws {
    var (turns, id) = try waiting()
    let instance = try #require(UUIDValue(id))
    let (_, batch) = turns.turn([]) { $0.undeliverable("\(id).1.1", instance: instance, reason: "too large") }
    #expect(batch.updated.map(\.state.status) == [.faulted])
    #expect(batch.updated.first?.state.error?.detail?.contains("too large") == true)
    // Told again after a crash: nothing more happens.
    let (plan, again) = turns.turn([]) { $0.undeliverable("\(id).1.1", instance: instance, reason: "too large") }
    #expect(plan.ignored == [.terminal: 1])
    #expect(again.isEmpty)
  }

  @Test func anUndeliverableEventIsADeadLetter() {
    var turns = Turns([])
    let headers = [KafkaHeader(name: "ce_id", value: Array("e".utf8))]
    let record = OutgoingRecord(topic: "orders", key: [1], value: [2, 3], headers: headers)
    let (_, batch) = turns.turn([]) { $0.undeliverable(record, reason: "too large") }
    #expect(batch.deadLetters.map(\.reason) == ["undeliverable"])
    #expect(batch.deadLetters.map(\.detail) == ["the broker has refused the event: too large"])
    #expect(
      batch.deadLetters.map(\.record) == [
        KafkaRecord(
          topic: "orders", partition: -1, offset: -1, timestamp: start.microseconds / 1000, key: [1], value: [2, 3],
          headers: headers)
      ])
    #expect(batch.positions.isEmpty)
    expectContiguous(batch, after: 100)
  }

  @Test func anAbandonedInstanceFaults() throws {
    var (turns, id) = try waiting()
    let instance = try #require(UUIDValue(id))
    let (plan, batch) = turns.turn([]) { $0.abandon(instance, reason: "nobody can store it") }
    #expect(batch.updated.map(\.state.status) == [.faulted])
    #expect(plan.endedCount == [.faulted: 1])
    expectContiguous(batch, after: 101)
  }

  @Test func brokenRecordsAreSetAsideAndTheRestGoesOn() throws {
    var turns = Turns([try entry(1, oneCall)])
    let broken = event("2", offset: 1, value: "{")
    let (_, batch) = turns.turn([event("1", offset: 0), broken, event("3", offset: 2)])
    #expect(batch.started.map(\.eventID) == ["1", "3"])
    #expect(batch.deadLetters.map(\.record) == [broken])
    #expect(batch.deadLetters.map(\.reason) == ["notJSON"])
    #expect(batch.deadLetters.map(\.sequence) == [102])
    #expect(batch.positions.values.map(\.next) == [3])
    expectContiguous(batch, after: 100)
  }

  @Test func positionsAdvanceWhateverARecordIs() throws {
    var (turns, id) = try waiting()
    var tombstone = event("x", partition: 1, offset: 5)
    tombstone.value = nil
    let (_, batch) = turns.turn([
      tombstone, event("y", type: "unknown", partition: 2, offset: 6), event("1", partition: 3, offset: 7),
      reply(.completed(nil), to: "\(id).7.7", of: id, partition: 0, offset: 8),
      reply(.completed(nil), to: "\(id).1.1", of: "nobody", partition: 4, offset: 9),
    ])
    let next = Dictionary(uniqueKeysWithValues: batch.positions.map { ($0.key.description, $0.value.next) })
    #expect(
      next == [
        "mediator.queue/1": 6, "mediator.queue/2": 7, "mediator.queue/3": 8, "mediator.replies/0": 9,
        "mediator.replies/4": 10,
      ])
  }

  @Test func aPositionIsThatOfTheLastRecord() throws {
    var turns = Turns([try entry(1, oneCall)])
    let last = event("3", offset: 12, value: "{\"last\":true}")
    let (_, batch) = turns.turn([event("1", offset: 10), event("2", offset: 11), last])
    #expect(batch.positions == [TopicPartition(topic: Topics.queue, partition: 0): Position(after: last)])
  }

  @Test func aNULInAReasonCanBeStored() {
    let letter = DeadLetter(sequence: 1, record: event(), reason: "r", detail: "a\0b")
    #expect(letter.detail == "a\u{FFFD}b")
  }

  @Test func theSamePlanTwice() throws {
    func plan() throws -> ShardBatch {
      var turns = Turns([try entry(1, oneCall)])
      return turns.turn([event("1"), event("2", offset: 1), event("3", offset: 2, value: "{")]).1
    }
    let (first, second) = (try plan(), try plan())
    #expect(first.started == second.started)
    #expect(first.journal == second.journal)
    #expect(first.deadLetters == second.deadLetters)
    #expect(first.positions == second.positions)
  }
}
