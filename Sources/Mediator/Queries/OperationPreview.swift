import Engine
import Postgres
import Values
import Workflow

/// What an operation would do to an instance as it is now, found out on a copy: nothing is written, nothing is sent.
public struct OperationPreview: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  public enum Outcome: Sendable, Hashable {
    /// The status it would have, and what would be journalled.
    case applied(InstanceStatus, [JournalEntry])
    case refused(String)
  }

  /// An instance with the engine of its definition.
  public struct Subject: Sendable {
    public let instance: StoredInstance
    public let engine: Engine
  }

  /// - Returns: nil when there is no such instance.
  public func subject(_ id: UUIDValue) async throws(MediatorError) -> Subject? {
    let rows = try await pool.snapshot(
      timeout: timeout, PostgresStatement(InstanceRows.load, [.uuids([PostgresUUID(id)])]))
    guard let instance = try InstanceRows.decode(rows).first else { return nil }
    let definitions = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement("select source, file from definitions where number = $1", [.int4(instance.definition)]))
    guard let engine = try definitions.first.flatMap({ row throws(MediatorError) in try Self.engine(row) }) else {
      throw MediatorError(.definition, "the definition of instance \(id.text) cannot be read by this version")
    }
    return Subject(instance: instance, engine: engine)
  }

  /// The engine of one deployed version of a workflow.
  ///
  /// - Parameter version: a semantic version, or `latest`: the one that events start, as the shards understand it.
  /// - Returns: nil when there is none, with the versions that there are, the highest first.
  public func engine(
    of namespace: String, _ name: String, version: String
  ) async throws(MediatorError) -> (engine: Engine?, versions: [SemanticVersion]) {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select d.version, d.source, d.file, r.retired is not null as retired from \(WorkflowQueries.tables)
         where d.namespace = $1 and d.name = $2
        """, [.text(namespace), .text(name)]))
    let known = try store { () throws(PostgresError) in
      var known: [(version: SemanticVersion, isRetired: Bool, row: PostgresRow)] = []
      for row in rows {
        guard let version = SemanticVersion(try row.text("version")) else { continue }
        known.append((version, try row.bool("retired"), row))
      }
      return known.sorted { $0.version > $1.version }
    }
    let wanted =
      version == "latest"
      ? known.first { !$0.isRetired } ?? known.first : known.first { $0.version.description == version }
    let engine = try wanted.flatMap { entry throws(MediatorError) in try Self.engine(entry.row) }
    return (engine, known.map(\.version))
  }

  /// - Returns: nil when this version cannot read the definition.
  private static func engine(_ row: PostgresRow) throws(MediatorError) -> Engine? {
    let (source, file) = try store { () throws(PostgresError) in (try row.text("source"), try row.text("file")) }
    guard let definition = WorkflowParser.parse(source, file: file).definition else { return nil }
    var options = EngineOptions()
    // The values are the mediator's; for what would happen, their names will do.
    options.secrets = .object(
      JSONObject(definition.secrets.map { ($0, JSON.string("(secret)")) }))
    return Engine(definition: definition, options: options)
  }

  public static func preview(
    _ operation: Operation, reason: String, on subject: Subject, now: Timestamp
  ) -> Outcome {
    var state = subject.instance.state
    return outcome(subject.engine.operate(operation, reason: reason, state: &state, now: now), state)
  }

  public static func preview(
    _ migration: MigrationRequest, to target: Engine, reason: String, on subject: Subject, now: Timestamp
  ) -> Outcome {
    var state = subject.instance.state
    return outcome(subject.engine.migrate(migration, to: target, reason: reason, state: &state, now: now), state)
  }

  /// What a new instance would do at once, from the event that started this one.
  public static func preview(replayOf subject: Subject, by engine: Engine, now: Timestamp) -> Outcome {
    let (state, step) = engine.start(id: subject.instance.id, input: subject.instance.state.input, now: now)
    return outcome(step, state)
  }

  private static func outcome(_ step: Engine.Step, _ state: InstanceState) -> Outcome {
    switch step.disposition {
    case .applied: .applied(state.status, step.entries)
    case .ignored(let why): .refused("the instance would not take it (\(why.rawValue))")
    case .refused(let why): .refused(why)
    }
  }
}
