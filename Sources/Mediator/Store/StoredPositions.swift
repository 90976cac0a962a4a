import Kafka
import Postgres

/// Where the partitions are read on, and the newest decision about each, as one moment had them.
struct StoredPositions: Sendable, Hashable {
  var positions: [TopicPartition: Position] = [:]
  var decisions: [TopicPartition: Int64] = [:]

  /// One statement: a decision that comes between two would end a halt that its position did not cause.
  static let query = """
    select coalesce(p.topic, d.topic) as topic, coalesce(p.partition, d.partition) as partition, p.position,
           p.timestamp, p.checksum, d.decision
      from positions p
      full join (select topic, partition, max(number) as decision from position_decisions group by 1, 2) d
        on d.topic = p.topic and d.partition = p.partition
    """

  init() {}

  init(_ rows: PostgresRows) throws(PostgresError) {
    for row in rows {
      let partition = TopicPartition(topic: try row.text("topic"), partition: Int32(try row.int("partition")))
      if let next = try row.optionalInt64("position") {
        positions[partition] = Position(
          next: next, timestamp: try row.int64("timestamp"), checksum: try row.int64("checksum"))
      }
      if let decision = try row.optionalInt64("decision") { decisions[partition] = decision }
    }
  }

  static func load(_ pool: PostgresPool, timeout: Duration) async throws(MediatorError) -> StoredPositions {
    let results = try await pool.run(timeout: timeout, [PostgresStatement(query)])
    return try store { () throws(PostgresError) in try StoredPositions(results[0]) }
  }
}
