import Engine
import Values

/// What an operator asks of one instance, on its way to the shard that owns it. It is applied in a transaction of that
/// shard, fenced like everything else, and its row of the audit table is written in the same transaction.
public struct OperatorCommand: Sendable, Hashable {
  /// Made by whoever asks, so that asking twice is one command.
  public let request: UUIDValue
  public let instance: UUIDValue
  public let verb: String
  /// Of an operation of the engine, its JSON form.
  public let arguments: JSON
  public let author: String
  public let reason: String
  public let requestedAt: Timestamp

  public init(
    request: UUIDValue, instance: UUIDValue, verb: String, arguments: JSON, author: String, reason: String,
    requestedAt: Timestamp
  ) {
    self.request = request
    self.instance = instance
    self.verb = verb
    self.arguments = arguments
    self.author = author
    self.reason = reason
    self.requestedAt = requestedAt
  }

  /// What is to be done.
  public enum Action: Sendable, Hashable {
    case operation(Operation)
    /// A new instance from what the instance was started by, with the same version or the latest.
    case replay(isLatest: Bool)
    /// The instance goes on in another version of its workflow.
    case migrate(MigrationRequest)
  }

  /// - Throws: when verb or arguments are none that this version knows.
  public func action() throws(CodingError) -> Action {
    switch verb {
    case Self.replayVerb: .replay(isLatest: arguments["latest"]?.bool ?? false)
    case MigrationRequest.verb: .migrate(try MigrationRequest(arguments))
    default: .operation(try Operation(arguments))
    }
  }

  public static let replayVerb = "replay"

  /// The id of the instance that a replay starts: the same however often it is asked for with one request.
  public static func replayID(_ request: UUIDValue) -> UUIDValue { UUIDValue(digestOf: "replay.\(request.text)") }
}

/// A command as it waits for its shard.
public struct QueuedCommand: Sendable, Hashable {
  public let number: Int64
  public let command: OperatorCommand
  /// The audit table knows the request already: it was asked for again.
  public let isDone: Bool

  public init(number: Int64, command: OperatorCommand, isDone: Bool) {
    self.number = number
    self.command = command
    self.isDone = isDone
  }
}

/// What became of a command: a row of the audit table.
public struct AuditRow: Sendable, Hashable {
  public enum Outcome: Sendable, Hashable {
    /// - Parameter result: the instance that a replay has started.
    case applied(result: UUIDValue?)
    /// A sentence for people.
    case refused(String)
  }

  public let command: OperatorCommand
  public let at: Timestamp
  public let outcome: Outcome

  public init(command: OperatorCommand, at: Timestamp, outcome: Outcome) {
    self.command = command
    self.at = at
    self.outcome = outcome
  }
}
