import Postgres
import Values

/// Commands of operators and what became of them, as rows.
enum CommandRows {
  static func statements(_ batch: ShardBatch, shard: Int32) -> [PostgresStatement] {
    guard !batch.commands.isEmpty else { return [] }
    var statements = [
      PostgresStatement("delete from commands where number = any($1)", [.int8s(batch.commands)])
    ]
    if !batch.audit.isEmpty { statements.append(insert(batch.audit, shard)) }
    return statements
  }

  private static func insert(_ rows: [AuditRow], _ shard: Int32) -> PostgresStatement {
    let commands = rows.map(\.command)
    return PostgresStatement(
      """
      insert into audit (shard, request, instance, verb, arguments, author, reason, requested_at, applied_at, outcome,
                         detail, result)
      select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::json[], $6::text[], $7::text[],
                               $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::uuid[])
      """,
      [
        .int4(shard), .uuids(commands.map { PostgresUUID($0.request) }),
        .uuids(commands.map { PostgresUUID($0.instance) }), .texts(commands.map(\.verb)),
        .jsons(commands.map { $0.arguments.serialized() }), .texts(commands.map(\.author)),
        .texts(commands.map(\.reason)), .timestamps(commands.map(\.requestedAt.microseconds)),
        .timestamps(rows.map(\.at.microseconds)), .texts(rows.map(\.outcome.word)),
        .texts(rows.map(\.outcome.detail)), .uuids(rows.map { $0.outcome.result.map { PostgresUUID($0) } }),
      ])
  }

  static let queued = """
    select c.number, c.request, c.instance, c.verb, c.arguments, c.author, c.reason, c.requested_at,
           a.request is not null as is_done
      from commands c left join audit a using (request)
     where c.shard = $1 order by c.number limit $2
    """

  static func queuedCommand(_ row: PostgresRow) throws(MediatorError) -> QueuedCommand {
    QueuedCommand(
      number: try store { () throws(PostgresError) in try row.int64("number") }, command: try command(row),
      isDone: try store { () throws(PostgresError) in try row.bool("is_done") })
  }

  static func command(_ row: PostgresRow) throws(MediatorError) -> OperatorCommand {
    let arguments = try row.parsed("arguments") ?? .null
    return try store { () throws(PostgresError) in
      OperatorCommand(
        request: UUIDValue(try row.uuid("request")), instance: UUIDValue(try row.uuid("instance")),
        verb: try row.text("verb"), arguments: arguments, author: try row.text("author"),
        reason: try row.text("reason"), requestedAt: try row.time("requested_at"))
    }
  }
}

extension AuditRow.Outcome {
  public var word: String {
    switch self {
    case .applied: "applied"
    case .refused: "refused"
    }
  }

  public var detail: String {
    switch self {
    case .applied: ""
    // Postgres takes no NUL in a text.
    case .refused(let why): String(why.map { $0 == "\0" ? "\u{FFFD}" : $0 })
    }
  }

  public var result: UUIDValue? {
    if case .applied(let result) = self { result } else { nil }
  }
}
