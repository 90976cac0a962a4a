import Engine
import Kafka
import Postgres
import Testing
import Values

@testable import Mediator

/// Transactions of two shards at the same moment.
@Suite struct RaceTests {
  /// An event and a listener that meet: never past each other, never twice.
  @Test func anArrivingEventAndANewWait() async throws {
    let cluster = try await Cluster.make()
    let (arriving, waiting) = (try await cluster.shard(0), try await cluster.shard(1))
    let rounds = 2500
    for round in 0..<rounds {
      let key = "paid\n\(round)"
      let event = offered("\(round)", keys: "paid", key)
      let listener = instance(UInt64(round))
      // Each is now and then a little ahead of the other.
      async let offer: Void = {
        if round % 3 == 1 { await Task.yield() }
        try await arriving.offer(event)
      }()
      async let wait: Void = {
        if round % 3 == 2 { await Task.yield() }
        try await waiting.wait(listener, for: key)
      }()
      _ = try await (offer, wait)
    }
    let items = try await waiting.inbox()
    #expect(items.count == rounds)
    #expect(Set(items.compactMap(\.instance)).count == rounds)
    #expect(Set(items.map(\.event)).count == rounds)
    await cluster.close()
  }

  /// The same events in another order, offered, taken and sent on at the same time: nobody waits for the other for ever.
  @Test func theSameEventsInAnotherOrder() async throws {
    let cluster = try await Cluster.make()
    let shards = [try await cluster.shard(0), try await cluster.shard(1)]
    let dispatch = [OfferedEvent.Dispatch(shard: 2, kind: .start, workflow: "tests/a")]
    for round in 0..<300 {
      let events = (0..<6).map { offered("\(round)-\($0)", used: true, dispatches: dispatch) }
      async let first: Void = shards[0].commit { $0.offered = events }
      async let second: Void = shards[1].commit { $0.offered = events.reversed() }
      _ = try await (first, second)
    }
    let third = try await cluster.shard(2)
    #expect(try await third.inbox().count == 1800)
    await cluster.close()
  }

  @Test func theSameEventsAreTakenInAnotherOrder() async throws {
    let cluster = try await Cluster.make()
    let shards = [try await cluster.shard(0), try await cluster.shard(1)]
    for round in 0..<200 {
      let key = "paid\n\(round)"
      try await shards[0].wait(instance(1), for: key)
      try await shards[1].wait(instance(2), for: key)
      try await shards[0].commit { batch in batch.offered = (0..<6).map { offered("\(round)-\($0)", keys: key) } }
      let items = [try await shards[0].inbox(), try await shards[1].inbox()]
      #expect(items.map(\.count) == [6, 6])
      @Sendable func taken(_ items: [InboxItem]) -> [HandledItem] {
        items.map { HandledItem(number: $0.number, event: $0.event, isConsumed: true) }
      }
      async let first: Void = shards[0].commit { $0.handled = taken(items[0]) }
      async let second: Void = shards[1].commit { $0.handled = taken(items[1].reversed()) }
      _ = try await (first, second)
    }
    #expect(try await cluster.count("select count(*) from inbox") == 0)
    #expect(try await cluster.count("select count(*) from events where not consumed") == 0)
    await cluster.close()
  }

  /// An event that expires while somebody begins to wait for it: told of, or delivered.
  @Test func anExpiringEventAndANewWait() async throws {
    let cluster = try await Cluster.make()
    let (home, waiting) = (try await cluster.shard(0), try await cluster.shard(1))
    var delivered = 0
    for round in 0..<400 {
      let key = "paid\n\(round)"
      try await home.offer(offered("\(round)", keys: key))
      let expired = try await home.store.expired(at: start + .seconds(60), limit: 10)
      async let wait: Void = waiting.wait(instance(UInt64(round)), for: key, at: start + .seconds(59))
      async let expire = { () async throws -> Bool in
        do throws(MediatorError) {
          try await home.commit(at: start + .seconds(60)) { $0.expired = expired }
          return true
        } catch {
          guard error.code == .conflict else { throw error }
          return false
        }
      }()
      let (_, isExpired) = try await (wait, expire)
      let items = try await waiting.inbox()
      #expect(items.count == (isExpired ? 0 : 1))
      for item in items { try await waiting.handle(item, consumed: true) }
      delivered += items.count
      let rest = try await home.store.expired(at: start + .seconds(60), limit: 10)
      #expect(rest.allSatisfy { $0.unused == nil })
      try await home.commit { $0.expired = rest }
    }
    #expect(try await cluster.count("select count(*) from inbox") == 0)
    print("expiring events: \(delivered) of 400 were delivered after all")
    await cluster.close()
  }

  /// An event that is committed after a deployment was planned with what that brought; one that comes before is not held
  /// up for it.
  @Test func anArrivingEventAndADeployment() async throws {
    let cluster = try await Cluster.make()
    let home = try await cluster.shard(0)
    // Says, in the transaction of the deployment, which events have been committed before it.
    _ = try await home.connection.execute(
      script: """
        create table before_deployment (definition integer, events bigint);
        create function note_events() returns trigger language plpgsql as $$
        begin
          insert into before_deployment select new.number, count(*) from events;
          return new;
        end $$;
        create trigger note_events after insert on definitions for each row execute function note_events();
        """, timeout: .seconds(20))
    let rounds = 300
    var outdated = 0
    for round in 0..<rounds {
      let known = Int32(try await cluster.count("select coalesce(max(number), 0) from definitions"))
      async let deployment = {
        if round % 3 == 1 { await Task.yield() }
        return try await cluster.deploy("w\(round)", body: "do: [{a: {set: {x: 1}}}]")
      }()
      async let offer = { () async throws -> Bool in
        if round % 3 == 2 { await Task.yield() }
        do throws(MediatorError) {
          try await home.commit { batch in
            batch.newestDefinition = known
            batch.offered = [offered("\(round)", keys: "paid")]
          }
          return true
        } catch {
          guard error.code == .conflict else { throw error }
          return false
        }
      }()
      let (_, isCommitted) = try await (deployment, offer)
      let before = try await cluster.count(
        "select events from before_deployment where definition = (select max(number) from definitions)")
      #expect(before == round - outdated + (isCommitted ? 1 : 0))
      if !isCommitted { outdated += 1 }
    }
    #expect(try await cluster.count("select count(*) from events") == rounds - outdated)
    // Once it is deployed, there is no way past it.
    let error = await #expect(throws: MediatorError.self) { try await home.commit { $0.newestDefinition = 1 } }
    #expect(error?.code == .conflict)
    try await home.commit { _ in }
    print("arriving events and deployments: \(outdated) of \(rounds) events had to be read again")
    await cluster.close()
  }

  /// Numbers are found in their order by whoever asks for those above the last one they know.
  @Test func definitionsThatAreDeployedAtTheSameTime() async throws {
    let cluster = try await Cluster.make()
    let pools = (0..<4).map { _ in PostgresPool(cluster.configuration, size: 1) }
    let seen = try await withThrowingTaskGroup(of: [Int32].self) { group in
      for (place, pool) in pools.enumerated() {
        let other = Cluster(configuration: cluster.configuration, pool: pool)
        group.addTask {
          for round in 0..<25 { _ = try await other.deploy("w\(place)-\(round)", body: "do: [{a: {set: {x: 1}}}]") }
          return []
        }
      }
      group.addTask {
        let store = DefinitionStore(pool: cluster.pool)
        var seen: [Int32] = []
        while seen.count < 100 {
          let isAll = try await cluster.count("select count(*) from definitions") == 100
          let rows = try await store.changes(after: seen.last ?? 0).deployed
          seen += rows.map(\.number)
          if isAll, rows.isEmpty { break }
        }
        return seen
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(seen).count == 100)
    for pool in pools { await pool.close() }
    await cluster.close()
  }
}
