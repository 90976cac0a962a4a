import Engine
import Kafka
import Postgres
import Testing
import Values

@testable import Mediator

/// The statements do what the simulation's double of them does.
@Suite struct EventRowsTests {
  @Test func anEventFindsWhoWaits() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await other.wait(instance(1), for: "paid\nx", "shipped")
    try await other.wait(instance(2), for: "paid")
    try await other.wait(instance(3), for: "paid\ny")
    try await home.offer(offered("1", keys: "paid", "paid\nx"))
    let items = try await other.inbox()
    #expect(
      items.map(\.instance) == [instance(1), instance(2)] || items.map(\.instance) == [instance(2), instance(1)])
    #expect(items.allSatisfy { $0.kind == .event && $0.workflow == nil })
    // Byte for byte what came.
    #expect(items.allSatisfy { $0.record == offered("1").record })
    #expect(try await home.inbox().isEmpty)
    await cluster.close()
  }

  @Test func whoBeginsToWaitFindsWhatIsKept() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await home.offer(offered("1", keys: "paid"), offered("keyless", keys: "paid", "x"), offered("3", keys: "sent"))
    try await home.offer(offered("4", keys: "paid"))
    try await other.wait(instance(1), for: "paid", "x")
    let items = try await other.inbox()
    // In the order in which they came, and each once.
    #expect(items.map(\.record.value) == ["1", "keyless", "4"].map { offered($0).record.value })
    #expect(items[1].record.key == nil)
    await cluster.close()
  }

  @Test func bothInOneBatch() async throws {
    let cluster = try await Cluster.make()
    let home = try await cluster.shard(0)
    try await home.commit { batch in
      batch.offered = [offered("1", keys: "paid")]
      batch.waits = [
        WaitChange(instance: instance(1), waits: [EventWait(activity: 1, filter: 0, type: "paid", key: "paid")])
      ]
    }
    #expect(try await home.inbox().count == 1)
    await cluster.close()
  }

  /// An event that nobody can wait for goes to those who have to do with it, and is not offered later.
  @Test func whatOtherShardsHaveToDo() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    let dispatches = [
      OfferedEvent.Dispatch(shard: 1, kind: .start, workflow: "tests/a"),
      OfferedEvent.Dispatch(shard: 1, kind: .collect, workflow: "tests/b"),
    ]
    try await home.offer(
      offered("1", used: true, dispatches: dispatches), offered("2", used: true, dispatches: dispatches))
    let items = try await other.inbox()
    #expect(items.count == 4)
    #expect(Set(items.map(\.kind)) == [.start, .collect])
    #expect(Set(items.compactMap(\.workflow)) == ["tests/a", "tests/b"])
    #expect(items.allSatisfy { $0.instance == nil })
    #expect(items.filter { $0.kind == .start }.map(\.record.value) == ["1", "2"].map { offered($0).record.value })
    #expect(try await cluster.count("select count(*) from events where not consumed") == 0)
    await cluster.close()
  }

  @Test func anEventThatComesAgainIsNone() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    let dispatch = [OfferedEvent.Dispatch(shard: 1, kind: .start, workflow: "tests/a")]
    try await other.wait(instance(1), for: "paid")
    try await home.offer(
      offered("1", keys: "paid", dispatches: dispatch), offered("1", keys: "paid", dispatches: dispatch))
    try await other.offer(offered("1", keys: "paid", dispatches: dispatch))
    try await home.offer(offered("1", keys: "paid", source: "/elsewhere"))
    let items = try await other.inbox()
    #expect(items.count == 3)
    // Also when it was taken.
    for item in items { try await other.handle(item, consumed: true) }
    try await home.offer(offered("1", keys: "paid", dispatches: dispatch))
    #expect(try await other.inbox().isEmpty)
    #expect(try await cluster.count("select count(*) from events") == 2)
    await cluster.close()
  }

  @Test func whatWasTakenIsOfferedToNobodyElse() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await home.offer(offered("1", keys: "paid"), offered("2", keys: "paid"))
    try await other.wait(instance(1), for: "paid")
    let items = try await other.inbox()
    try await other.handle(items[0], consumed: true)
    try await other.handle(items[1], consumed: false)
    #expect(try await other.inbox().isEmpty)
    try await home.wait(instance(2), for: "paid")
    #expect(try await home.inbox().map(\.event) == [items[1].event])
    // Taken and waited for in one batch.
    let again = try await home.inbox()[0]
    try await home.commit { batch in
      batch.handled = [HandledItem(number: again.number, event: again.event, isConsumed: true)]
      batch.waits = [
        WaitChange(instance: instance(3), waits: [EventWait(activity: 1, filter: 0, type: "paid", key: "paid")])
      ]
    }
    #expect(try await home.inbox().isEmpty)
    await cluster.close()
  }

  @Test func whoWaitsNoLongerIsNotTold() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await other.wait(instance(1), for: "paid", "sent")
    try await other.wait(instance(1), for: "sent")
    try await home.offer(offered("1", keys: "paid"))
    #expect(try await other.inbox().isEmpty)
    try await home.offer(offered("2", keys: "sent"))
    #expect(try await other.inbox().count == 1)
    try await other.wait(instance(1))
    #expect(try await cluster.count("select count(*) from waits") == 0)
    await cluster.close()
  }

  // MARK: Expiry

  @Test func whatNobodyTookExpires() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await home.offer(
      offered("1", keys: "paid"), offered("2", keys: "sent", used: true), offered("3", keys: "paid", for: .seconds(90)))
    let later = start + .seconds(60)
    #expect(try await home.store.expired(at: start + .seconds(59), limit: 10).isEmpty)
    #expect(try await other.store.expired(at: later, limit: 10).isEmpty)
    let expired = try await home.store.expired(at: later, limit: 10)
    #expect(expired.map { $0.unused != nil }.sorted { a, _ in a } == [true, false])
    #expect(expired.compactMap(\.unused) == [offered("1").record])
    #expect(Set(expired.flatMap(\.keys)) == ["paid", "sent"])
    // Nobody gets it any more, though it is still there.
    try await other.wait(instance(1), for: "paid", at: later)
    #expect(try await other.inbox().map(\.record.value) == [offered("3").record.value])
    try await home.commit(at: later) { $0.expired = expired }
    #expect(try await cluster.count("select count(*) from events") == 1)
    await cluster.close()
  }

  /// What was found out about it is no longer true: nothing of the batch may be written.
  @Test func whatIsWantedAfterAllDoesNotExpire() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await home.offer(offered("1", keys: "paid"))
    let expired = try await home.store.expired(at: start + .seconds(60), limit: 10)
    // By a clock that is a little late.
    try await other.wait(instance(1), for: "paid", at: start + .seconds(59))
    var error = await #expect(throws: MediatorError.self) { try await home.commit { $0.expired = expired } }
    #expect(error?.code == .conflict)
    let item = try #require(try await other.inbox().first)
    try await other.handle(item, consumed: true)
    error = await #expect(throws: MediatorError.self) { try await home.commit { $0.expired = expired } }
    #expect(error?.code == .conflict)
    let again = try await home.store.expired(at: start + .seconds(60), limit: 10)
    #expect(again.map(\.unused) == [nil])
    try await home.commit { $0.expired = again }
    #expect(try await cluster.count("select count(*) from events") == 0)
    await cluster.close()
  }

  @Test func whatIsYetToBeHandledDoesNotExpire() async throws {
    let cluster = try await Cluster.make()
    let home = try await cluster.shard(0)
    try await home.wait(instance(1), for: "paid")
    try await home.offer(offered("1", keys: "paid"))
    #expect(try await home.store.expired(at: start + .seconds(100), limit: 10).isEmpty)
    try await home.handle(try await home.inbox()[0], consumed: false)
    #expect(try await home.store.expired(at: start + .seconds(100), limit: 10).map { $0.unused != nil } == [true])
    await cluster.close()
  }

  // MARK: Indexes

  @Test func bothSidesAreFoundByAnIndex() async throws {
    let cluster = try await Cluster.make()
    let home = try await cluster.shard(0)
    _ = try await home.connection.query(
      """
      insert into events (source, id, shard, topic, partition, "offset", timestamp, headers, keys, expires_at)
      select '/s', n::text, 0, 't', 0, n, 0, '', array['paid', E'paid\\n' || n], '2100-01-01'
        from generate_series(1, 20000) n
      """, [], timeout: .seconds(20))
    _ = try await home.connection.query(
      """
      insert into waits (instance, activity, filter, shard, type, key)
      select gen_random_uuid(), 1, 0, 0, 'sent', E'sent\\n' || n from generate_series(1, 20000) n
      """, [], timeout: .seconds(20))
    _ = try await home.connection.execute(script: "analyze events; analyze waits", timeout: .seconds(20))
    var batch = ShardBatch(number: 1, journalHead: 0, publishMark: 0)
    batch.waits = [
      WaitChange(instance: instance(1), waits: [EventWait(activity: 1, filter: 0, type: "paid", key: "paid\n77")])
    ]
    batch.offered = [offered("new", keys: "sent", "sent\n55")]
    var plans = ""
    for statement in EventRows.statements(batch, shard: 0) where statement.sql.contains("into inbox") {
      let rows = try await home.connection.query(
        "explain " + statement.sql, statement.parameters, timeout: .seconds(20))
      for row in rows { plans += try row.text(.index(0)) + "\n" }
    }
    #expect(plans.contains("events_keys"), "\(plans)")
    #expect(plans.contains("waits_key"), "\(plans)")
    #expect(!plans.contains("Seq Scan on events"), "\(plans)")
    #expect(!plans.contains("Seq Scan on waits"), "\(plans)")
    await cluster.close()
  }
}
