import Kafka
import Postgres
import Values

/// Order keys, collections and schedules as rows.
enum OrderRows {
  static func statements(_ batch: ShardBatch, shard: Int32) -> [PostgresStatement] {
    var statements: [PostgresStatement] = []
    if !batch.releasedOrderKeys.isEmpty { statements.append(release(batch.releasedOrderKeys, shard, batch.at)) }
    if !batch.collected.isEmpty { statements.append(collect(batch.collected, shard, batch.at)) }
    if !batch.uncollected.isEmpty { statements.append(uncollect(batch.uncollected)) }
    if !batch.schedules.isEmpty { statements.append(schedule(batch.schedules, shard)) }
    if !batch.unscheduled.isEmpty {
      statements.append(
        PostgresStatement("delete from schedules where workflow = any($1)", [.texts(batch.unscheduled)]))
    }
    return statements
  }

  /// The first open instance of each key may run, if it does not yet.
  private static func release(_ keys: Set<String>, _ shard: Int32, _ now: Timestamp) -> PostgresStatement {
    PostgresStatement(
      """
      update instances set wake_at = $3
       where status = 'pending' and id in (
             select distinct on (order_key) id from instances
              where shard = $1 and order_key = any($2) and ended_at is null order by order_key, order_place)
      """, [.int4(shard), .texts(keys.sorted()), .timestamp(now.microseconds)])
  }

  static let openOrderKeys = """
    select distinct order_key from instances where shard = $1 and order_key = any($2) and ended_at is null
    """

  /// They expire when the events do as which they came.
  private static func collect(_ events: [CollectedEvent], _ shard: Int32, _ now: Timestamp) -> PostgresStatement {
    PostgresStatement(
      """
      insert into collected (workflow, correlation, filter, number, event, shard, expires_at)
      select n.workflow, n.correlation, n.filter, n.number, n.event, $6, coalesce(e.expires_at, $7)
        from unnest($1::text[], $2::text[], $3::int4[], $4::int8[], $5::json[])
             as n(workflow, correlation, filter, number, event) left join events e on e.number = n.number
      """,
      keys(events) + [.jsons(events.map { $0.event.serialized() }), .int4(shard), .timestamp(now.microseconds)])
  }

  static let overdue = """
    select c.workflow, c.correlation, c.filter, c.number, c.event,
           e.topic, e.partition, e."offset", e.timestamp, e.key, e.value, e.headers
      from collected c left join events e on e.number = c.number
     where c.shard = $1 and c.expires_at <= $2 order by c.expires_at limit $3
    """

  static func overdueEvent(_ row: PostgresRow) throws(MediatorError) -> OverdueEvent {
    let event = try collectedEvent(row)
    return try store { () throws(PostgresError) in
      if try !row.isNull("topic") { return OverdueEvent(event: event, record: try EventRows.record(row)) }
      // Collected before events were kept for as long: what was read is all that is left.
      let header = KafkaHeader(name: "content-type", value: Array("application/cloudevents+json".utf8))
      return OverdueEvent(
        event: event,
        record: KafkaRecord(
          topic: "", partition: -1, offset: -1, timestamp: -1, key: nil, value: event.event.serialized(),
          headers: [header]))
    }
  }

  private static func uncollect(_ events: [CollectedEvent]) -> PostgresStatement {
    PostgresStatement(
      """
      delete from collected c using unnest($1::text[], $2::text[], $3::int4[], $4::int8[])
             as d(workflow, correlation, filter, number)
       where c.workflow = d.workflow and c.correlation = d.correlation and c.filter = d.filter
         and c.number = d.number
      """, keys(events))
  }

  private static func keys(_ events: [CollectedEvent]) -> [PostgresValue] {
    [
      .texts(events.map(\.collection.workflow)), .texts(events.map(\.collection.correlation)),
      .int4s(events.map { Int32($0.filter) }), .int8s(events.map(\.number)),
    ]
  }

  static let collected = """
    select c.workflow, c.correlation, c.filter, c.number, c.event
      from collected c join unnest($1::text[], $2::text[]) as w(workflow, correlation) using (workflow, correlation)
    """

  static func collectedEvent(_ row: PostgresRow) throws(MediatorError) -> CollectedEvent {
    let (collection, filter, number, bytes) = try store { () throws(PostgresError) in
      (
        CollectedEvent.Collection(workflow: try row.text("workflow"), correlation: try row.text("correlation")),
        try row.int("filter"), Int64(try row.int("number")), try row.bytes("event")
      )
    }
    do {
      return CollectedEvent(collection: collection, filter: filter, number: number, event: try JSON.parse(bytes))
    } catch {
      throw MediatorError(.store, "a collected event of \(collection.workflow) cannot be read: \(error)")
    }
  }

  private static func schedule(_ rows: [ScheduleRow], _ shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      insert into schedules (workflow, shard, definition, next_at)
      select workflow, $1, definition, next_at
        from unnest($2::text[], $3::int4[], $4::timestamptz[]) as s(workflow, definition, next_at)
      on conflict (workflow) do update set shard = excluded.shard, definition = excluded.definition,
                                           next_at = excluded.next_at
      """,
      [
        .int4(shard), .texts(rows.map(\.workflow)), .int4s(rows.map(\.definition)),
        .timestamps(rows.map(\.nextAt?.microseconds)),
      ])
  }

  static let schedules = "select workflow, definition, next_at from schedules where shard = $1"

  static func scheduleRow(_ row: PostgresRow) throws(PostgresError) -> ScheduleRow {
    ScheduleRow(
      workflow: try row.text("workflow"), definition: Int32(try row.int("definition")),
      nextAt: try row.optionalTimestamp("next_at").map { Timestamp(microseconds: $0) })
  }
}
