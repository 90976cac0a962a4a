import Postgres
import Values
import Workflow

/// Deployed definitions in Postgres. A version, once deployed, never changes.
public struct DefinitionStore: Sendable {
  let pool: PostgresPool
  let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// A definition as it was deployed.
  public struct Row: Sendable, Hashable {
    public let number: Int32
    public let namespace: String
    public let name: String
    public let version: String
    public let digest: String
    public let source: String
    public let file: String
    public let deployedAt: Timestamp
  }

  public enum Outcome: String, Sendable {
    case deployed
    /// The same version with the same content was there already.
    case unchanged
  }

  /// Deploys a version.
  ///
  /// - Throws: `definition` when this version exists with other content: a deployed version is immutable.
  public func deploy(_ definition: WorkflowDefinition, file: String) async throws(MediatorError) -> Outcome {
    let document = definition.document
    let name: [PostgresValue] = [
      .text(document.namespace), .text(document.name), .text("\(document.version)"),
    ]
    let rows = try await pool.run(
      timeout: timeout,
      [
        // Whoever looks for numbers above the last one they know must not find them out of order.
        PostgresStatement("select pg_advisory_xact_lock(hashtextextended('mediator.definitions', 0))"),
        PostgresStatement(
          """
          insert into definitions (namespace, name, version, digest, source, file) values ($1, $2, $3, $4, $5, $6)
          on conflict (namespace, name, version) do nothing returning number
          """, name + [.text(definition.digest), .text(definition.source), .text(file)]),
        PostgresStatement("select digest from definitions where namespace = $1 and name = $2 and version = $3", name),
        PostgresStatement("select pg_notify('mediator_definitions', '')"),
      ])
    if rows[1].count > 0 { return .deployed }
    let digest = try store { () throws(PostgresError) in try rows[2][0].text("digest") }
    guard digest == definition.digest else {
      throw MediatorError(
        .definition,
        "\(document.namespace)/\(document.name) \(document.version) is deployed with other content (digest "
          + "\(digest.prefix(12))…); a deployed version never changes: raise document.version")
    }
    return .unchanged
  }

  /// What has changed since a number was the highest one.
  public struct Changes: Sendable, Hashable {
    /// In the order of deployment.
    public var deployed: [Row] = []
    /// Whether a version is retired, by its number: those of which that was said.
    public var retired: [Int32: Bool] = [:]
    /// The highest number of all of these; nil when there are none.
    public var newest: Int32?
  }

  /// What was deployed, retired or restored with a number above the given one.
  public func changes(after number: Int32 = 0) async throws(MediatorError) -> Changes {
    let rows = try await pool.run(
      timeout: timeout,
      [
        // In one statement: between two, a deployment and a retirement could come, and the first of them be missed.
        PostgresStatement(
          """
          select number, namespace, name, version, digest, source, file, deployed_at, null::integer as definition,
                 null::boolean as retired
            from definitions where number > $1
          union all
          select number, null, null, null, null, null, null, null, definition, retired from retirements where number > $1
           order by number
          """, [.int4(number)])
      ])
    return try store { () throws(PostgresError) in
      var changes = Changes()
      for row in rows[0] {
        changes.newest = Int32(try row.int("number"))
        if let definition = try row.optionalInt("definition") {
          changes.retired[Int32(definition)] = try row.bool("retired")
        } else {
          changes.deployed.append(try Self.row(row))
        }
      }
      return changes
    }
  }

  static func row(_ row: PostgresRow) throws(PostgresError) -> Row {
    Row(
      number: Int32(try row.int("number")), namespace: try row.text("namespace"), name: try row.text("name"),
      version: try row.text("version"), digest: try row.text("digest"), source: try row.text("source"),
      file: try row.text("file"), deployedAt: try row.time("deployed_at"))
  }

  // MARK: Retiring

  /// Has events and schedules start these versions no more, or again.
  ///
  /// - Returns: the numbers of those for which that is new.
  public func retire(
    _ numbers: [Int32], _ isRetired: Bool = true, author: String, reason: String
  ) async throws(MediatorError) -> Set<Int32> {
    let rows = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement("select pg_advisory_xact_lock(hashtextextended('mediator.definitions', 0))"),
        PostgresStatement(
          """
          insert into retirements (definition, retired, author, reason)
          select d.number, $2, $3, $4 from definitions d
           where d.number = any($1)
             and $2 <> coalesce((select r.retired from retirements r where r.definition = d.number
                                  order by r.number desc limit 1), false)
           order by d.number returning definition
          """, [.int4s(numbers), .bool(isRetired), .text(author), .text(reason)]),
        PostgresStatement("select pg_notify('mediator_definitions', '')"),
      ])
    return try store { () throws(PostgresError) in
      var changed: Set<Int32> = []
      for row in rows[1] { changed.insert(Int32(try row.int("definition"))) }
      return changed
    }
  }
}
