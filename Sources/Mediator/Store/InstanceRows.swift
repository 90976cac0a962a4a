import Engine
import Postgres
import Values

/// Instances as rows of the table `instances`.
enum InstanceRows {
  static let load = """
    select id, shard, definition, key, event_id, event_source, status, started_at, updated_at, input, state, parent,
           depth, order_key, order_place
      from instances where id = any($1)
    """

  static func decode(_ rows: PostgresRows) throws(MediatorError) -> [StoredInstance] {
    var instances: [StoredInstance] = []
    instances.reserveCapacity(rows.count)
    for row in rows { instances.append(try decode(row)) }
    return instances
  }

  private static func decode(_ row: PostgresRow) throws(MediatorError) -> StoredInstance {
    let id = try store { () throws(PostgresError) in UUIDValue(try row.uuid("id")) }
    let (input, state) = try store { () throws(PostgresError) in
      (try row.bytes("input"), try row.optionalBytes("state"))
    }
    let stored = try store { () throws(PostgresError) in
      (
        shard: Int32(try row.int("shard")), definition: Int32(try row.int("definition")),
        key: try row.optionalBytes("key"), eventID: try row.optionalText("event_id"),
        eventSource: try row.optionalText("event_source"), status: try row.text("status"),
        startedAt: Timestamp(microseconds: try row.timestamp("started_at")),
        updatedAt: Timestamp(microseconds: try row.timestamp("updated_at")),
        parent: try row.optionalUUID("parent").map { UUIDValue($0) }, depth: try row.int("depth"),
        orderKey: try row.optionalText("order_key"),
        orderPlace: try row.optionalInt("order_place")
      )
    }
    do {
      guard let status = InstanceStatus(rawValue: stored.status) else {
        throw MediatorError(.store, "instance \(id.text) has the unknown status '\(stored.status)'")
      }
      // An ended instance has no state left, but for one that faulted: an operator may want it to be tried again.
      let resting = try state.map { try JSON.parse($0) } ?? ["next": 0, "activities": []]
      var state = try InstanceState(
        id: id, input: try JSON.parse(input), startedAt: stored.startedAt, status: status,
        resting: resting)
      state.updatedAt = stored.updatedAt
      return StoredInstance(
        shard: stored.shard, definition: stored.definition, key: stored.key, eventID: stored.eventID ?? "",
        eventSource: stored.eventSource ?? "", parent: stored.parent, depth: stored.depth,
        order: stored.orderKey.map { StoredInstance.Order(key: $0, place: Int64(stored.orderPlace ?? 0)) }, state: state
      )
    } catch {
      throw MediatorError(.store, "instance \(id.text) cannot be read: \(error)")
    }
  }

  /// In an order that all transactions share: two that start the same instances must not wait for each other.
  static func insert(_ instances: [StoredInstance]) -> PostgresStatement {
    let instances = instances.sorted { ($0.id.high, $0.id.low) < ($1.id.high, $1.id.low) }
    let states = instances.map(\.state)
    return PostgresStatement(
      """
      insert into instances (id, shard, definition, key, event_id, event_source, status, started_at, updated_at,
                             ended_at, wake_at, input, state, output, error, parent, depth, order_key, order_place)
      select * from unnest($1::uuid[], $2::int4[], $3::int4[], $4::bytea[], $5::text[], $6::text[], $7::text[],
                           $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::json[],
                           $13::json[], $14::json[], $15::json[], $16::uuid[], $17::int4[], $18::text[], $19::int8[])
      """,
      [
        .uuids(instances.map { PostgresUUID($0.id) }), .int4s(instances.map(\.shard)),
        .int4s(instances.map(\.definition)), .bytesArray(instances.map(\.key)), .texts(instances.map(\.eventID)),
        .texts(instances.map(\.eventSource)), .texts(states.map(\.status.rawValue)),
        .timestamps(states.map(\.startedAt.microseconds)), .timestamps(states.map(\.updatedAt.microseconds)),
        .timestamps(states.map { $0.status.isTerminal ? $0.updatedAt.microseconds : nil }),
        .timestamps(states.map(\.wakeAt?.microseconds)), .jsons(states.map { $0.input.serialized() }),
        .jsons(states.map(restingBytes)), .jsons(states.map { $0.output?.serialized() }),
        .jsons(states.map { $0.error?.json.serialized() }),
        .uuids(instances.map { $0.parent.map { PostgresUUID($0) } }), .int4s(instances.map { Int32($0.depth) }),
        .texts(instances.map(\.order?.key)),
        .int8s(instances.map(\.order?.place)),
      ])
  }

  static func update(_ instances: [StoredInstance]) -> PostgresStatement {
    let states = instances.map(\.state)
    return PostgresStatement(
      """
      update instances i
         set status = u.status, updated_at = u.updated_at, ended_at = u.ended_at, wake_at = u.wake_at,
             state = u.state, output = u.output, error = u.error, definition = u.definition
        from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::json[],
                    $7::json[], $8::json[], $9::int4[])
             as u(id, status, updated_at, ended_at, wake_at, state, output, error, definition)
       where i.id = u.id
      """,
      [
        .uuids(instances.map { PostgresUUID($0.id) }), .texts(states.map(\.status.rawValue)),
        .timestamps(states.map(\.updatedAt.microseconds)),
        .timestamps(states.map { $0.status.isTerminal ? $0.updatedAt.microseconds : nil }),
        .timestamps(states.map(\.wakeAt?.microseconds)), .jsons(states.map(restingBytes)),
        .jsons(states.map { $0.output?.serialized() }), .jsons(states.map { $0.error?.json.serialized() }),
        .int4s(instances.map(\.definition)),
      ])
  }

  private static func restingBytes(_ state: InstanceState) -> [UInt8]? {
    state.status.isTerminal && !state.isReopenable ? nil : state.resting.serialized()
  }
}
