import Engine
import Postgres
import TestSupport
import Testing
import Values

@testable import Mediator

/// Calls that wait for room, and how many are under way, as Postgres keeps them.
@Suite struct QueueRowsTests {
  private func call(_ number: UInt64, _ definition: Int32 = 1, _ channel: String = "c") -> QueuedCall {
    QueuedCall(instance: instance(number), activity: 2, key: ChannelLoad.Key(definition: definition, channel: channel))
  }

  @Test func callsGoOutInTheOrderInWhichTheyCame() async throws {
    let cluster = try await Cluster.make()
    let (owner, other) = (try await cluster.shard(0), try await cluster.shard(1))
    let (mine, theirs) = ([call(3), call(1), call(9, 2), call(8, 1, "größe")], [call(7)])
    try await owner.commit { $0.queued = mine }
    try await other.commit { $0.queued = theirs }
    try await owner.commit { [more = call(2)] in $0.queued = [more] }
    let (one, two) = (call(0).key, call(0, 2).key)
    #expect(try await owner.store.queuedCalls([one: 2]).map(\.instance) == [instance(3), instance(1)])
    #expect(Set(try await owner.store.queuedCalls([one: 9, two: 9])) == [call(3), call(1), call(2), call(9, 2)])
    #expect(try await owner.store.queuedCalls([call(0, 1, "größe").key: 1]) == [call(8, 1, "größe")])
    // In one transaction a call leaves the queue of one version for that of another.
    try await owner.commit { [from = call(3), to = call(3, 2)] in ($0.unqueued, $0.queued) = ([from], [to]) }
    #expect(try await owner.store.queuedCalls([one: 1]).map(\.instance) == [instance(1)])
    #expect(try await owner.store.queuedCalls([two: 9]).map(\.instance) == [instance(9), instance(3)])
    await cluster.close()
  }

  @Test func theNextOwnerCountsOn() async throws {
    let cluster = try await Cluster.make()
    let owner = try await cluster.shard(0)
    #expect(try await owner.store.channelLoad() == ChannelLoad())
    let (one, two) = (call(0).key, call(0, 2).key)
    try await owner.commit { $0.loads = [(one, .init(inFlight: 3, queued: 1)), (two, .init(inFlight: 1))] }
    try await owner.commit { $0.loads = [(one, .init(inFlight: 2, queued: 0))] }
    #expect(try await owner.store.channelLoad().counts == [one: .init(inFlight: 2), two: .init(inFlight: 1)])
    #expect(try await cluster.shard(1).store.channelLoad() == ChannelLoad())
    await cluster.close()
  }

  /// Databases from before the limits: what is under way is counted once.
  @Test func whatIsUnderWayIsCountedByTheMigration() async throws {
    let configuration = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "mediator"))
    let connection = try await PostgresConnection.connect(configuration)
    let all = MediatorSchema.migrations.migrations
    try await Migrations(component: "mediator", all.filter { $0.number < 8 }).apply(on: connection)
    _ = try await connection.query(
      "insert into definitions (namespace, name, version, digest, source, file) values ('n', 'a', '1.0.0', '', '', '')")
    let states = [
      // Out, twice; answered and suspended; failed and to be repeated; no call at all.
      #"{"activities":[{"id":1,"call":{"channel":"c","attempt":1}},{"id":2,"call":{"channel":"c","attempt":2}}]}"#,
      #"{"activities":[{"id":1,"call":{"channel":"c","attempt":1,"answered":true}}]}"#,
      #"{"activities":[{"id":1,"retryAt":5,"call":{"channel":"c","attempt":1}}]}"#,
      #"{"activities":[{"id":1,"until":7},{"id":2,"call":{"channel":"d","attempt":1}}]}"#,
    ]
    _ = try await connection.query(
      """
      insert into instances (id, shard, definition, status, started_at, updated_at, input, state)
      select gen_random_uuid(), 3, 1, 'running', now(), now(), '[]', s::json from unnest($1::text[]) as s
      """, [.texts(states)])
    try await MediatorSchema.migrations.apply(on: connection)
    let rows = try await connection.query("select shard, channel, in_flight from channel_loads order by channel")
    #expect(try rows.map { try $0.text("channel") } == ["c", "d"])
    #expect(try rows.map { try $0.int("in_flight") } == [2, 1])
    #expect(try rows.map { try $0.int("shard") } == [3, 3])
    await connection.close()
  }
}
