import Postgres
import Values

/// Why a record was not handled.
public struct DeadLetterSummary: Sendable, Hashable {
  public let topic: String
  public let partition: Int32
  public let offset: Int64
  public let reason: String
  public let detail: String
  public let createdAt: Timestamp
}

/// What people ask about dead letters.
public struct DeadLetterQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// The dead letter that a record became during the last `age`, by the database's clock; older ones are not looked at.
  public func deadLetter(
    of topic: String, partition: Int32, offset: Int64, age: Duration
  ) async throws(MediatorError) -> DeadLetterSummary? {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select reason, detail, created_at from dead_letters
         where created_at > now() - $4 * interval '1 millisecond'
           and topic = $1 and partition = $2 and "offset" = $3 limit 1
        """,
        [.text(topic), .int4(partition), .int8(offset), .int8(age.milliseconds)]))
    return try store { () throws(PostgresError) in
      guard let row = rows.first else { return nil }
      return DeadLetterSummary(
        topic: topic, partition: partition, offset: offset, reason: try row.text("reason"),
        detail: try row.text("detail"), createdAt: try row.time("created_at"))
    }
  }
}
