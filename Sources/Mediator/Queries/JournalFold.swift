import Engine
import Values

/// An instance as its journal tells it up to one row. Pure.
///
/// The journal says what happened, not what was in memory: `$context`, the inputs of tasks, what a listener has consumed
/// so far, the pass of a loop, the end of a wait and a processor's progress are in the resting state only, and that is
/// the newest one.
public struct JournalFold: Sendable {
  public enum Status: String, Sendable, Hashable { case pending, running, completed, faulted, cancelled }

  public struct Child: Sendable, Hashable {
    public let id: UUIDValue
    public let workflow: String
    public let isAwaited: Bool
  }

  /// The sequence of the row itself.
  public let sequence: Int64
  public let at: Timestamp
  public private(set) var status: Status = .running
  public let history: TaskHistory
  /// Events that it had emitted: id and type.
  public private(set) var emitted: [(id: String, type: String)] = []
  public private(set) var children: [Child] = []
  public private(set) var output: JSON?
  public private(set) var problem: ProblemDetails?

  /// What the journal cannot tell of a moment that is past.
  public static let unknown = [
    "$context", "inputs of tasks", "events that a listener had consumed", "passes of loops", "ends of waits",
    "progress",
  ]

  /// - Parameter rows: the instance's rows in order.
  /// - Returns: nil when none of them is at or before the sequence.
  public init?(_ rows: [JournalRow], until sequence: Int64) {
    let rows = Array(rows.prefix { $0.sequence <= sequence })
    guard let last = rows.last else { return nil }
    self.sequence = last.sequence
    at = last.at
    history = TaskHistory(journal: rows, open: [])
    for entry in rows.flatMap(\.entries) { apply(entry) }
  }

  private mutating func apply(_ entry: JournalEntry) {
    switch entry {
    case .workflowPending: status = .pending
    case .workflowStarted: status = .running
    case .workflowCompleted(let output):
      status = .completed
      self.output = output
    case .workflowFaulted(let problem):
      status = .faulted
      self.problem = problem
    case .workflowCancelled: status = .cancelled
    case .emitted(let event):
      emitted.append((event.event["id"]?.string ?? "", event.event["type"]?.string ?? ""))
    case .childStarted(let child):
      children.append(
        Child(id: child.id, workflow: "\(child.namespace)/\(child.name)", isAwaited: child.isAwaited))
    default: break
    }
  }
}
