import Kafka
import Postgres
import Values
import Wire

/// Events of a type that were seen lately: those that are kept, and those that became dead letters because nothing wanted
/// them in time.
struct EventSightings: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  init(pool: PostgresPool, timeout: Duration) {
    self.pool = pool
    self.timeout = timeout
  }

  /// How many of the newest events and dead letters are looked at: an event has no index on its type.
  static let window = 10_000
  private static let limit = 50

  func seen(ofType type: String) async throws(MediatorError) -> [NearMiss.Sighting] {
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select e.topic, e.partition, e."offset", e.timestamp, e.key, e.value, e.headers, e.consumed
            from (select * from events order by number desc limit $2) e
           where exists (select from unnest(e.keys) k where split_part(k, E'\\n', 1) = $1)
           order by e.number desc limit $3
          """, [.text(type), .int8(Int64(Self.window)), .int8(Int64(Self.limit))]),
        PostgresStatement(
          """
          select topic, partition, "offset", timestamp, key, value, headers, reason
            from (select * from dead_letters order by created_at desc limit $1) d
           where reason in ('expired', 'unknownType') order by created_at desc limit $2
          """, [.int8(Int64(Self.window / 10)), .int8(Int64(Self.limit * 10))]),
      ])
    var sightings: [NearMiss.Sighting] = []
    for row in results[0] {
      let isConsumed = try store { () throws(PostgresError) in try row.bool("consumed") }
      if let sighting = try sighting(row, type, isConsumed ? .consumed : .kept) { sightings.append(sighting) }
    }
    for row in results[1] {
      let reason = try store { () throws(PostgresError) in try row.text("reason") }
      if let sighting = try sighting(row, type, .deadLetter(reason: reason)) { sightings.append(sighting) }
    }
    return sightings
  }

  /// Nil when it is of another type, or no event that can be read.
  private func sighting(
    _ row: PostgresRow, _ type: String, _ fate: NearMiss.Fate
  ) throws(MediatorError) -> NearMiss.Sighting? {
    let record = try store { () throws(PostgresError) in
      KafkaRecord(
        topic: try row.text("topic"), partition: Int32(try row.int("partition")), offset: Int64(try row.int("offset")),
        timestamp: Int64(try row.int("timestamp")), key: try row.optionalBytes("key"),
        value: try row.optionalBytes("value"), headers: HeaderBytes.decode(try row.bytes("headers")))
    }
    guard let event = try? CloudEventCodec.decode(record, binding: nil), event.type == type else { return nil }
    return NearMiss.Sighting(
      id: event.id, source: event.source, event: event.json, at: Timestamp(microseconds: record.timestamp * 1_000),
      fate: fate)
  }
}
