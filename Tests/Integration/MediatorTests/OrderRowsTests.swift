import Engine
import Kafka
import Postgres
import Testing
import Values
import Wire

@testable import Mediator

@Suite struct OrderRowsTests {
  private static let body = "do: [{ask: {call: oracle}}]"

  private func stored(
    _ number: UInt64, _ engine: Engine, key: String?, place: Int64 = 0, pending: Bool = false, shard: Int32 = 0,
    parent: UUIDValue? = nil
  ) -> StoredInstance {
    let id = instance(number)
    let (state, _) =
      pending ? engine.pending(id: id, input: [], now: start) : engine.start(id: id, input: [], now: start)
    return StoredInstance(
      shard: shard, definition: 1, key: nil, eventID: "\(number)", eventSource: "/tests", parent: parent,
      order: key.map { StoredInstance.Order(key: $0, place: place) }, state: state)
  }

  // MARK: Order keys

  @Test func theNextInTheOrderIsWoken() async throws {
    let cluster = try await Cluster.make()
    let engine = try await cluster.deploy(body: Self.body)
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    var first = stored(1, engine, key: "a", place: 4)
    let started = [
      first, stored(3, engine, key: "a", place: 9, pending: true), stored(2, engine, key: "a", place: 6, pending: true),
      stored(4, engine, key: "b", place: 7), stored(5, engine, key: "b", place: 8, pending: true),
      stored(6, engine, key: nil),
    ]
    try await home.commit { $0.started = started }
    #expect(try await home.store.openOrderKeys(["a", "b", "c"]) == ["a", "b"])
    #expect(try await other.store.openOrderKeys(["a", "b", "c"]) == [])
    #expect(try await home.store.due(at: start + .seconds(1), limit: 10).isEmpty)
    // The first one runs yet: nobody is woken.
    try await home.commit(at: start) { $0.releasedOrderKeys = ["a", "b", "c"] }
    #expect(try await home.store.due(at: start + .seconds(1), limit: 10).isEmpty)
    _ = engine.cancel("", compensating: false, state: &first.state, now: start)
    let ended = first
    try await home.commit(at: start + .seconds(1)) { batch in
      batch.updated = [ended]
      batch.releasedOrderKeys = ["a"]
    }
    #expect(try await home.store.due(at: start, limit: 10).isEmpty)
    #expect(try await home.store.due(at: start + .seconds(1), limit: 10) == [instance(2)])
    #expect(try await home.store.openOrderKeys(["a"]) == ["a"])
    let loaded = try await home.store.load([instance(2), instance(6)])
    #expect(Set(loaded.map(\.order)) == [StoredInstance.Order(key: "a", place: 6), nil])
    #expect(loaded.contains { $0.state.status == .pending })
    await cluster.close()
  }

  /// The last one of a key ends in the batch that brings the next one.
  @Test func theNextComesWithTheEndOfTheFirst() async throws {
    let cluster = try await Cluster.make()
    let engine = try await cluster.deploy(body: Self.body)
    let home = try await cluster.shard(0)
    var first = stored(1, engine, key: "a", place: 1)
    let begun = first
    try await home.commit { $0.started = [begun] }
    _ = engine.cancel("", compensating: false, state: &first.state, now: start)
    let (ended, next) = (first, stored(2, engine, key: "a", place: 2, pending: true))
    try await home.commit { batch in
      batch.started = [next]
      batch.updated = [ended]
      batch.releasedOrderKeys = ["a"]
    }
    #expect(try await home.store.due(at: start, limit: 10) == [instance(2)])
    await cluster.close()
  }

  @Test func aParentIsRemembered() async throws {
    let cluster = try await Cluster.make()
    let engine = try await cluster.deploy(body: Self.body)
    let home = try await cluster.shard(0)
    let child = stored(2, engine, key: nil, parent: instance(1))
    try await home.commit { $0.started = [child] }
    #expect(try await home.store.load([instance(2)]).map(\.parent) == [instance(1)])
    await cluster.close()
  }

  // MARK: Collections, schedules

  private func collected(_ number: Int64, filter: Int = 0, _ correlation: String = "x") -> CollectedEvent {
    CollectedEvent(
      collection: CollectedEvent.Collection(workflow: "tests/a", correlation: correlation), filter: filter,
      number: number, event: ["n": .number(JSONNumber(Int(number))), "text": "\u{0}é"])
  }

  @Test func whatIsCollected() async throws {
    let cluster = try await Cluster.make()
    let home = try await cluster.shard(0)
    let events = [collected(1), collected(2), collected(2, filter: 1), collected(3, "y")]
    try await home.commit { $0.collected = events }
    let collections: Set = [events[0].collection, CollectedEvent.Collection(workflow: "tests/b", correlation: "x")]
    #expect(Set(try await home.store.collected(collections)) == Set(events.prefix(3)))
    try await home.commit { batch in
      batch.uncollected = [events[1]]
      batch.collected = [collected(5)]
    }
    #expect(Set(try await home.store.collected(collections)) == [events[0], events[2], collected(5)])
    await cluster.close()
  }

  /// It expires with its event, which stays as long as it is collected.
  @Test func whatIsCollectedExpires() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await other.offer(offered("left", used: true, for: .seconds(60)))
    let number = Int64(try await cluster.count("select number from events"))
    let (known, orphan) = (collected(number), collected(number + 1))
    try await home.commit { $0.collected = [known, orphan] }
    #expect(try await other.store.expired(at: start + .seconds(60), limit: 10).isEmpty)
    #expect(try await home.store.overdue(at: start + .seconds(59), limit: 10).map(\.event) == [orphan])
    #expect(try await other.store.overdue(at: start + .seconds(60), limit: 10).isEmpty)
    let overdue = try await home.store.overdue(at: start + .seconds(60), limit: 10)
    #expect(overdue.map(\.event) == [orphan, known])
    #expect(overdue.last?.record == offered("left").record)
    #expect(overdue.first?.record.value == orphan.event.serialized())
    // Nobody can remove the event behind the back of those who collect it.
    let event = ExpiredEvent(number: number, unused: nil, keys: [])
    let error = await #expect(throws: MediatorError.self) { try await other.commit { $0.expired = [event] } }
    #expect(error?.code == .conflict)
    try await home.commit { $0.uncollected = [known, orphan] }
    #expect(try await other.store.expired(at: start + .seconds(60), limit: 10).map(\.number) == [number])
    await cluster.close()
  }

  @Test func schedules() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    let rows = [
      ScheduleRow(workflow: "tests/a", definition: 1, nextAt: start),
      ScheduleRow(workflow: "tests/b", definition: 2, nextAt: nil),
    ]
    try await home.commit { $0.schedules = rows }
    #expect(Set(try await home.store.schedules()) == Set(rows))
    #expect(try await other.store.schedules().isEmpty)
    let changed = ScheduleRow(workflow: "tests/a", definition: 3, nextAt: start + .seconds(5))
    try await home.commit { batch in
      batch.schedules = [changed]
      batch.unscheduled = ["tests/b", "tests/c"]
    }
    #expect(try await home.store.schedules() == [changed])
    await cluster.close()
  }

  // MARK: All at once

  /// Every statement of a commit, in one transaction; and what a new owner finds to publish.
  @Test func everythingInOneBatch() async throws {
    let cluster = try await Cluster.make()
    let engine = try await cluster.deploy(body: Self.body)
    let home = try await cluster.shard(0)
    let old = stored(1, engine, key: "a", place: 1)
    try await home.commit { batch in
      batch.started = [old]
      batch.offered = [offered("old", keys: "old", used: true, for: .zero), offered("kept", keys: "kept")]
      batch.waits = [
        WaitChange(instance: instance(1), waits: [EventWait(activity: 1, filter: 0, type: "kept", key: "kept")])
      ]
      batch.collected = [collected(100)]
      batch.schedules = [ScheduleRow(workflow: "tests/gone", definition: 1, nextAt: nil)]
    }
    let item = try #require(try await home.inbox().first)
    let expired = try await home.store.expired(at: start, limit: 10)
    #expect(expired.count == 1)
    var ended = old
    _ = engine.cancel("", compensating: false, state: &ended.state, now: start)
    let (finished, pending) = (ended, stored(2, engine, key: "a", place: 2, pending: true))
    let (id, step) = (instance(3), engine.start(id: instance(3), input: [], now: start))
    let record = offered("record").record
    try await home.commit { batch in
      batch.started = [
        pending,
        StoredInstance(
          shard: 0, definition: 1, key: nil, eventID: "3", eventSource: "/tests", state: step.state),
      ]
      batch.updated = [finished]
      batch.journal = [JournalRow(sequence: 1, instance: id, at: start, entries: step.step.entries)]
      batch.deadLetters = [DeadLetter(sequence: 2, record: record, reason: "r", detail: "d")]
      batch.forwarded = [ForwardedReply(sequence: 3, partition: 1, record: record)]
      batch.journal.append(JournalRow(sequence: 4, instance: id, at: start, entries: [.workflowStarted]))
      batch.journalHead = 4
      batch.positions = [TopicPartition(topic: Topics.queue, partition: 3): Position(after: record)]
      batch.handled = [HandledItem(number: item.number, event: item.event, isConsumed: true)]
      batch.offered = [offered("new", keys: "new")]
      batch.waits = [WaitChange(instance: instance(1), waits: [])]
      batch.expired = expired
      batch.releasedOrderKeys = ["a"]
      batch.uncollected = [collected(100)]
      batch.collected = [collected(200)]
      batch.schedules = [ScheduleRow(workflow: "tests/a", definition: 1, nextAt: start)]
      batch.unscheduled = ["tests/gone"]
    }
    #expect(try await home.store.due(at: start, limit: 10) == [instance(2)])
    #expect(try await home.inbox().isEmpty)
    #expect(try await cluster.count("select count(*) from waits") == 0)
    #expect(try await cluster.count("select count(*) from events") == 2)
    #expect(try await cluster.count("select count(*) from collected") == 1)
    #expect(try await home.store.schedules().map(\.workflow) == ["tests/a"])
    let unpublished = try await home.store.unpublished(after: 0, limit: 10)
    #expect(unpublished.map(\.sequence) == [1, 2, 3])
    let again = try await cluster.shard(0, everyRow: true)
    #expect(try await again.store.unpublished(after: 0, limit: 10).map(\.sequence) == [1, 2, 3, 4])
    #expect(try await again.store.unpublished(after: 1, limit: 2).map(\.sequence) == [2, 3])
    // The owner before may write nothing more, and of its batch nothing is left.
    let error = await #expect(throws: MediatorError.self) { try await home.offer(offered("late", keys: "late")) }
    #expect(error?.code == .fenced)
    #expect(try await cluster.count("select count(*) from events") == 2)
    await cluster.close()
  }
}
