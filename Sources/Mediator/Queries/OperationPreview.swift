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
    let (source, file) = try store { () throws(PostgresError) in
      (try definitions.first?.text("source") ?? "", try definitions.first?.text("file") ?? "")
    }
    guard let definition = WorkflowParser.parse(source, file: file).definition else {
      throw MediatorError(.definition, "the definition of instance \(id.text) cannot be read by this version")
    }
    var options = EngineOptions()
    // The values are the mediator's; for what would happen, their names will do.
    options.secrets = .object(
      JSONObject(definition.secrets.map { ($0, JSON.string("(secret)")) }))
    return Subject(instance: instance, engine: Engine(definition: definition, options: options))
  }

  public static func preview(
    _ operation: Operation, reason: String, on subject: Subject, now: Timestamp
  ) -> Outcome {
    var state = subject.instance.state
    let step = subject.engine.operate(operation, reason: reason, state: &state, now: now)
    return switch step.disposition {
    case .applied: .applied(state.status, step.entries)
    case .ignored(let why): .refused("the instance would not take it (\(why.rawValue))")
    case .refused(let why): .refused(why)
    }
  }
}
