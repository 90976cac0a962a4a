import Postgres
import Values
import Wire

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

  /// Dead letters, newest first.
  public func list(_ filter: DeadLetterFilter, limit: Int) async throws(MediatorError) -> Page<DeadLetterEntry> {
    var parameters: [PostgresValue] = []
    let restriction = filter.restriction(&parameters)
    parameters.append(.int8(Int64(limit) + 1))
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select \(DeadLetterEntry.columns) from \(DeadLetterEntry.tables) \(restriction)
         order by d.created_at desc, d.shard desc, d.sequence desc limit $\(parameters.count)
        """, parameters))
    return Page(
      try store { () throws(PostgresError) in
        var entries: [DeadLetterEntry] = []
        for row in rows { entries.append(try DeadLetterEntry(row)) }
        return entries
      }, limit: limit)
  }

  /// Those of the given ids that exist, in the order of their ids, each with what has happened to it.
  public func details(of ids: [DeadLetterID]) async throws(MediatorError) -> [DeadLetterDetail] {
    let named: [PostgresValue] = [.int4s(ids.map(\.shard)), .int8s(ids.map(\.sequence))]
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select \(DeadLetterEntry.columns), d.timestamp, d.value, d.headers, d.edited_value, d.edited_headers
            from \(DeadLetterEntry.tables)
           where (d.shard, d.sequence) in (select * from unnest($1::int4[], $2::int8[])) order by d.shard, d.sequence
          """, named),
        PostgresStatement(
          """
          select letter_shard, letter_sequence, at, action, actor, round, detail from dead_letter_history
           where (letter_shard, letter_sequence) in (select * from unnest($1::int4[], $2::int8[])) order by number
          """, named),
      ])
    return try store { () throws(PostgresError) in
      var history: [DeadLetterID: [DeadLetterDetail.Event]] = [:]
      for row in results[1] {
        let id = DeadLetterID(shard: Int32(try row.int("letter_shard")), sequence: try row.int64("letter_sequence"))
        history[id, default: []].append(
          DeadLetterDetail.Event(
            at: try row.time("at"), action: try row.text("action"), actor: try row.text("actor"),
            round: try row.int("round"), detail: try row.text("detail")))
      }
      var details: [DeadLetterDetail] = []
      for row in results[0] {
        let id = DeadLetterID(shard: Int32(try row.int("shard")), sequence: try row.int64("sequence"))
        details.append(try DeadLetterDetail(row, history: history[id] ?? []))
      }
      return details
    }
  }

  /// Instances of an event whose source is not known: those that started since then.
  public func instances(ofEvent id: String, since: Timestamp) async throws(MediatorError) -> [UUIDValue] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select id from instances where started_at >= $2 and event_id = $1 order by started_at limit 20",
        [.text(id), .timestamp(since.microseconds)]))
    return try store { () throws(PostgresError) in
      var ids: [UUIDValue] = []
      for row in rows { ids.append(UUIDValue(try row.uuid("id"))) }
      return ids
    }
  }
}
