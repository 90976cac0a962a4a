import Postgres
import Values

/// Where operators hand in what they want done, and see what became of it.
public struct OperatorDesk: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// Queues commands for the shards that own their instances. A request that was handed in before is the same command
  /// and is not queued again.
  ///
  /// - Returns: how many of them name an instance that exists.
  public func submit(_ commands: [OperatorCommand]) async throws(MediatorError) -> Int {
    let instances = PostgresValue.uuids(commands.map { PostgresUUID($0.instance) })
    let rows = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement("select count(distinct id) as known from instances where id = any($1)", [instances]),
        PostgresStatement(
          """
          insert into commands (shard, request, instance, verb, arguments, author, reason)
          select i.shard, c.request, c.instance, c.verb, c.arguments, c.author, c.reason
            from unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::text[], $6::text[]) with ordinality
                 as c(request, instance, verb, arguments, author, reason, place)
            join instances i on i.id = c.instance
           where not exists (select from audit a where a.request = c.request)
           order by c.place
          on conflict (request) do nothing
          """,
          [
            .uuids(commands.map { PostgresUUID($0.request) }), instances, .texts(commands.map(\.verb)),
            .jsons(commands.map { $0.arguments.serialized() }), .texts(commands.map { plain($0.author) }),
            .texts(commands.map { plain($0.reason) }),
          ]),
      ])
    return try store { () throws(PostgresError) in try rows[0][0].int("known") }
  }

  /// What has become of requests, those of which something has.
  public func outcomes(of requests: [UUIDValue]) async throws(MediatorError) -> [AuditRow] {
    try await rows("where request = any($1)", [.uuids(requests.map { PostgresUUID($0) })])
  }

  /// What operators did, the newest first.
  ///
  /// - Parameter instance: only to this one.
  public func audit(
    of instance: UUIDValue?, since: Timestamp?, limit: Int
  ) async throws(MediatorError) -> Page<AuditRow> {
    let rows = try await rows(
      """
      where ($1::uuid is null or instance = $1) and ($2::timestamptz is null or applied_at >= $2)
      order by applied_at desc limit $3
      """,
      [
        instance.map { .uuid(PostgresUUID($0)) } ?? .null, since.map { .timestamp($0.microseconds) } ?? .null,
        .int8(Int64(limit) + 1),
      ])
    return Page(rows, limit: limit)
  }

  /// The shards of these requests that nobody owns: their commands wait until somebody does.
  public func ownerlessShards(of requests: [UUIDValue]) async throws(MediatorError) -> [Int32] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select distinct s.shard from commands c join shards s using (shard)
         where c.request = any($1) and s.expires_at < clock_timestamp() order by 1
        """, [.uuids(requests.map { PostgresUUID($0) })]))
    return try store { () throws(PostgresError) in
      var shards: [Int32] = []
      for row in rows { shards.append(Int32(try row.int("shard"))) }
      return shards
    }
  }

  private func rows(_ condition: String, _ parameters: [PostgresValue]) async throws(MediatorError) -> [AuditRow] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select request, instance, verb, arguments, author, reason, requested_at, applied_at, outcome, detail, result
          from audit \(condition)
        """, parameters))
    var audit: [AuditRow] = []
    for row in rows {
      let command = try CommandRows.command(row)
      let (at, word, detail, result) = try store { () throws(PostgresError) in
        (
          try row.time("applied_at"), try row.text("outcome"), try row.text("detail"),
          try row.optionalUUID("result").map { UUIDValue($0) }
        )
      }
      audit.append(
        AuditRow(command: command, at: at, outcome: word == "applied" ? .applied(result: result) : .refused(detail)))
    }
    return audit
  }

  /// Postgres takes no NUL in a text.
  private func plain(_ text: String) -> String { String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
}
