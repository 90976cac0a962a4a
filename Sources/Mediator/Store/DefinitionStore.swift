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

  /// All versions with a number above the given one, in the order of deployment.
  public func load(after number: Int32 = 0) async throws(MediatorError) -> [Row] {
    let rows = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select number, namespace, name, version, digest, source, file, deployed_at
            from definitions where number > $1 order by number
          """, [.int4(number)])
      ])
    return try store { () throws(PostgresError) in
      var definitions: [Row] = []
      for row in rows[0] {
        definitions.append(
          Row(
            number: Int32(try row.int("number")), namespace: try row.text("namespace"), name: try row.text("name"),
            version: try row.text("version"), digest: try row.text("digest"), source: try row.text("source"),
            file: try row.text("file"), deployedAt: Timestamp(microseconds: try row.timestamp("deployed_at"))))
      }
      return definitions
    }
  }
}
