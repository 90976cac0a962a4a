import Engine
import Kafka
import Postgres
import Values

/// Waits, events and the inbox as rows.
///
/// An event that arrives and a listener that begins to wait may meet in two transactions at once. Those of one event
/// type take turns (`take_turns`), so the later one always sees what the earlier one wrote.
enum EventRows {
  /// The statements of a batch, in the order in which they have to run.
  static func statements(_ batch: ShardBatch, shard: Int32) -> [PostgresStatement] {
    var statements: [PostgresStatement] = []
    let keys = batch.offered.flatMap(\.keys) + batch.expired.flatMap(\.keys)
    let waits = batch.waits.flatMap(\.waits) + batch.pages.flatMap(\.waits)
    let types = Set(keys.map(type)).union(waits.map(\.type))
    if !types.isEmpty {
      statements.append(PostgresStatement("select take_turns($1)", [.texts(types.sorted())]))
    }
    // What was taken first: an event that is consumed is not offered to those that begin to wait in this batch.
    if !batch.handled.isEmpty { statements += handled(batch.handled) }
    if !batch.offered.isEmpty { statements += offer(batch.offered, shard) }
    if !batch.waits.isEmpty { statements += wait(batch.waits, shard, batch.at) }
    if !batch.pages.isEmpty { statements.append(page(batch.pages, shard, batch.at)) }
    if !batch.expired.isEmpty {
      statements.append(
        PostgresStatement(
          "select expire_events($1, $2)",
          [.int8s(batch.expired.map(\.number)), .bools(batch.expired.map { $0.unused != nil })]))
    }
    return statements
  }

  /// The event type in a key.
  private static func type(_ key: String) -> String {
    // By scalars: to Swift, a return and a line feed are one character.
    String(key.unicodeScalars.prefix { $0 != "\n" })
  }

  private static func handled(_ items: [HandledItem]) -> [PostgresStatement] {
    let consumed = items.filter(\.isConsumed).map(\.event)
    var statements = [
      PostgresStatement("delete from inbox where number = any($1)", [.int8s(items.map(\.number))])
    ]
    if !consumed.isEmpty {
      statements.append(
        PostgresStatement(
          """
          update events set consumed = true, used = true
           where number in (select number from events where number = any($1) and not consumed order by number for update)
          """, [.int8s(consumed)]))
    }
    return statements
  }

  // MARK: Events

  private static func offer(_ events: [OfferedEvent], _ shard: Int32) -> [PostgresStatement] {
    let records = events.map(\.record)
    let dispatches = events.flatMap { event in event.dispatches.map { (event, $0) } }
    // Arrays of arrays are none in Postgres when their lengths differ: keys are joined by a character that none has.
    // Numbers are given in the order of arrival. Rows are written in an order that all transactions share: those that
    // have the same events in another order would wait for each other.
    return [
      PostgresStatement(
        """
        with numbered as materialized (
          select nextval('events_number_seq') as number, e.*
            from (select * from unnest($2::text[], $3::text[], $4::text[], $5::int4[], $6::int8[], $7::int8[],
                                       $8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::bool[],
                                       $13::timestamptz[]) with ordinality
                         as e(source, id, topic, partition, "offset", timestamp, key, value, headers, keys, used,
                              expires_at, place) order by place) e
        ), arrived as (
          insert into events (number, source, id, shard, topic, partition, "offset", timestamp, key, value, headers,
                              keys, consumed, used, expires_at)
          overriding system value
          select number, source, id, $1, topic, partition, "offset", timestamp, key, value, headers,
                 string_to_array(keys, E'\\x1e'), keys = '', used, expires_at
            from numbered order by source, id
          on conflict (source, id) do nothing
          returning number, source, id, keys
        ), dispatched as (
          insert into inbox (shard, kind, workflow, event)
          select d.shard, d.kind, d.workflow, a.number
            from arrived a
            join unnest($14::text[], $15::text[], $16::int4[], $17::text[], $18::text[])
                 as d(source, id, shard, kind, workflow) using (source, id)
           order by a.number
          on conflict do nothing
        )
        insert into inbox (shard, kind, instance, event)
        select distinct w.shard, 'event', w.instance, a.number
          from arrived a join waits w on w.key = any(a.keys) and not w.behind
         order by a.number
        on conflict do nothing
        """,
        [
          .int4(shard), .texts(events.map(\.source)), .texts(events.map(\.id)), .texts(records.map(\.topic)),
          .int4s(records.map(\.partition)), .int8s(records.map(\.offset)), .int8s(records.map(\.timestamp)),
          .bytesArray(records.map(\.key)), .bytesArray(records.map(\.value)),
          .bytesArray(records.map { HeaderBytes.encode($0.headers) }),
          .texts(events.map { $0.keys.joined(separator: "\u{1e}") }), .bools(events.map(\.isUsed)),
          .timestamps(events.map(\.expiresAt.microseconds)), .texts(dispatches.map(\.0.source)),
          .texts(dispatches.map(\.0.id)), .int4s(dispatches.map(\.1.shard)),
          .texts(dispatches.map(\.1.kind.rawValue)), .texts(dispatches.map(\.1.workflow)),
        ])
    ]
  }

  // MARK: Waits

  private static func wait(_ changes: [WaitChange], _ shard: Int32, _ now: Timestamp) -> [PostgresStatement] {
    var statements = [
      PostgresStatement(
        "delete from waits where instance = any($1)", [.uuids(changes.map { PostgresUUID($0.instance) })])
    ]
    let rows = changes.flatMap { change in change.waits.map { (change.instance, $0) } }
    guard !rows.isEmpty else { return statements }
    statements.append(
      PostgresStatement(
        """
        with wanted as materialized (
          select instance, activity, filter, type, key
            from unnest($2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[])
                 as w(instance, activity, filter, type, key)
        ), asked as materialized (
          select instance, array_agg(key) as keys, 0::int8 as after, $8::int4 as size from wanted group by instance
        ), \(pageOfAsked("$7")), waiting as (
          insert into waits (instance, activity, filter, shard, type, key, behind)
          select instance, activity, filter, $1, type, key, instance in (select instance from page where place = size)
            from wanted
        )
        \(inboxOfPage)
        """,
        [
          .int4(shard), .uuids(rows.map { PostgresUUID($0.0) }), .int4s(rows.map { Int32($0.1.activity) }),
          .int4s(rows.map { Int32($0.1.filter) }), .texts(rows.map(\.1.type)), .texts(rows.map(\.1.key)),
          .timestamp(now.microseconds), .int4(Int32(WaitPage.firstSize)),
        ]))
    return statements
  }

  private static func page(_ pages: [WaitPage], _ shard: Int32, _ now: Timestamp) -> PostgresStatement {
    PostgresStatement(
      """
      with asked as materialized (
        select instance, (select array_agg(w.key) from waits w where w.instance = a.instance) as keys, after, size
          from unnest($2::uuid[], $3::int8[], $4::int4[]) as a(instance, after, size)
      ), \(pageOfAsked("$5")), reached as (
        update waits set behind = instance in (select instance from page where place = size)
         where instance in (select instance from asked)
      )
      \(inboxOfPage)
      """,
      [
        .int4(shard), .uuids(pages.map { PostgresUUID($0.instance) }), .int8s(pages.map(\.after)),
        .int4s(pages.map { Int32($0.size) }), .timestamp(now.microseconds),
      ])
  }

  /// The oldest kept events for each who asks. The search has to go by the keys: that is why the limit stays outside of it
  /// (`offset 0`), and why the number is none that the primary key could be asked for (`+ 0`).
  private static func pageOfAsked(_ now: String) -> String {
    """
    page as materialized (
      select a.instance, a.size, e.number, e.place
        from asked a
       cross join lateral (
             select f.number, row_number() over (order by f.number) as place
               from (select distinct e.number
                       from unnest(a.keys) as k(key) join events e on e.keys @> array[k.key]
                      where not e.consumed and e.expires_at > \(now) and e.number + 0 > a.after offset 0) f
              order by f.number limit a.size) e
    )
    """
  }

  /// The last event of a full page says so, also when it is there already.
  private static let inboxOfPage = """
    insert into inbox (shard, kind, instance, event, page)
    select $1::int4, 'event', instance, number, case when place = size then size end from page order by number
    on conflict ((coalesce(instance::text, workflow)), event) do update set page = excluded.page
     where excluded.page is not null
    """

  // MARK: Reading

  static let inbox = """
    select i.number as item, i.kind, i.instance, i.workflow, i.event, i.page, e.topic, e.partition, e."offset", e.timestamp,
           e.key, e.value, e.headers
      from inbox i join events e on e.number = i.event where i.shard = $1 order by i.number limit $2
    """

  static func inboxItem(_ row: PostgresRow) throws(PostgresError) -> InboxItem {
    InboxItem(
      number: Int64(try row.int("item")), kind: InboxItem.Kind(rawValue: try row.text("kind")) ?? .event,
      instance: try row.optionalUUID("instance").map { UUIDValue($0) }, workflow: try row.optionalText("workflow"),
      event: Int64(try row.int("event")), record: try record(row), page: try row.optionalInt("page"))
  }

  static let expired = """
    select number, used, keys, topic, partition, "offset", timestamp, key, value, headers
      from events e
     where shard = $1 and expires_at <= $2 and not exists (select from inbox i where i.event = e.number)
       and not exists (select from collected c where c.number = e.number)
     order by expires_at limit $3
    """

  static func expiredEvent(_ row: PostgresRow) throws(PostgresError) -> ExpiredEvent {
    ExpiredEvent(
      number: Int64(try row.int("number")), unused: try row.bool("used") ? nil : try record(row),
      keys: try row.texts("keys").compactMap(\.self))
  }

  static func record(_ row: PostgresRow) throws(PostgresError) -> KafkaRecord {
    KafkaRecord(
      topic: try row.text("topic"), partition: Int32(try row.int("partition")), offset: Int64(try row.int("offset")),
      timestamp: Int64(try row.int("timestamp")), key: try row.optionalBytes("key"),
      value: try row.optionalBytes("value"), headers: HeaderBytes.decode(try row.bytes("headers")))
  }
}
