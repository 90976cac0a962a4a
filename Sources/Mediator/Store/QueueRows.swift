import Postgres
import Values

/// Calls that wait for room on their channels, and how many are under way, as rows.
enum QueueRows {
  static func statements(_ batch: ShardBatch, shard: Int32) -> [PostgresStatement] {
    var statements: [PostgresStatement] = []
    // First: a call whose instance was migrated leaves the queue of one version and enters that of another.
    if !batch.unqueued.isEmpty { statements.append(delete(batch.unqueued)) }
    if !batch.queued.isEmpty { statements.append(insert(batch.queued, shard)) }
    if !batch.loads.isEmpty { statements.append(save(batch.loads, shard)) }
    return statements
  }

  private static func insert(_ calls: [QueuedCall], _ shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      insert into queued_calls (shard, instance, activity, definition, channel)
      select $1, * from unnest($2::uuid[], $3::int4[], $4::int4[], $5::text[])
      """,
      [.int4(shard)] + identity(calls) + [.int4s(calls.map(\.key.definition)), .texts(calls.map(\.key.channel))])
  }

  private static func delete(_ calls: [QueuedCall]) -> PostgresStatement {
    PostgresStatement(
      """
      delete from queued_calls where (instance, activity) in (select * from unnest($1::uuid[], $2::int4[]))
      """, identity(calls))
  }

  private static func identity(_ calls: [QueuedCall]) -> [PostgresValue] {
    [.uuids(calls.map { PostgresUUID($0.instance) }), .int4s(calls.map { Int32(truncatingIfNeeded: $0.activity) })]
  }

  private static func save(
    _ loads: [(key: ChannelLoad.Key, count: ChannelLoad.Count)], _ shard: Int32
  ) -> PostgresStatement {
    PostgresStatement(
      """
      insert into channel_loads (shard, definition, channel, in_flight, queued)
      select $1, * from unnest($2::int4[], $3::text[], $4::int8[], $5::int8[])
      on conflict (shard, definition, channel) do update
        set in_flight = excluded.in_flight, queued = excluded.queued
      """,
      [
        .int4(shard), .int4s(loads.map(\.key.definition)), .texts(loads.map(\.key.channel)),
        .int8s(loads.map { Int64($0.count.inFlight) }), .int8s(loads.map { Int64($0.count.queued) }),
      ])
  }

  // MARK: Reading

  static let loads = "select definition, channel, in_flight, queued from channel_loads where shard = $1"

  static func load(_ row: PostgresRow) throws(PostgresError) -> (ChannelLoad.Key, ChannelLoad.Count) {
    (
      try key(row),
      ChannelLoad.Count(inFlight: try row.int("in_flight"), queued: try row.int("queued"))
    )
  }

  static func parameters(_ shard: Int32, _ wanted: [ChannelLoad.Key: Int]) -> [PostgresValue] {
    let wanted = wanted.sorted { $0.key < $1.key }
    return [
      .int4(shard), .int4s(wanted.map(\.key.definition)), .texts(wanted.map(\.key.channel)),
      .int8s(wanted.map { Int64($0.value) }),
    ]
  }

  static let queued = """
    select first.*
      from unnest($2::int4[], $3::text[], $4::int8[]) as w(definition, channel, wanted)
           cross join lateral (
             select q.definition, q.channel, q.instance, q.activity from queued_calls q
              where q.shard = $1 and q.definition = w.definition and q.channel = w.channel
              order by q.place limit w.wanted) as first
    """

  static func queuedCall(_ row: PostgresRow) throws(PostgresError) -> QueuedCall {
    QueuedCall(
      instance: UUIDValue(try row.uuid("instance")), activity: try row.int("activity"), key: try key(row))
  }

  private static func key(_ row: PostgresRow) throws(PostgresError) -> ChannelLoad.Key {
    ChannelLoad.Key(definition: Int32(try row.int("definition")), channel: try row.text("channel"))
  }
}
