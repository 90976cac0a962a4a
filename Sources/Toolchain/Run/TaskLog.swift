import Engine
import Values
import Workflow

/// The tasks of one instance in the order in which they started, as its journal tells them.
public struct TaskLog: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable {
    case running
    /// The last attempt failed for a passing reason, and another follows.
    case retrying
    case completed, faulted, cancelled
    /// Its `if` was false.
    case skipped
  }

  public struct Item: Sendable, Hashable {
    public let name: String
    /// The task reference, a JSON pointer.
    public let reference: String
    public var status: Status
    /// How often it was tried: processing events of a call, rounds of a `try`; 1 of other tasks, 0 of a skipped one.
    public var attempts: Int
    public let startedAt: Timestamp
    public var endedAt: Timestamp?
  }

  public private(set) var items: [Item] = []
  private var places: [Int: Int] = [:]

  public init() {}

  mutating func apply(_ entry: JournalEntry, at time: Timestamp, _ definition: WorkflowDefinition) {
    switch entry {
    case .taskStarted(let activity, let reference):
      places[activity] = items.count
      add(reference, .running, attempts: 1, at: time, definition)
    case .taskReopened(let activity, let reference):
      if places[activity] == nil {
        places[activity] = items.count
        add(reference, .running, attempts: 1, at: time, definition)
      }
      change(activity) {
        $0.status = .running
        $0.endedAt = nil
      }
    case .taskSkipped(let reference):
      add(reference, .skipped, attempts: 0, at: time, definition)
      items[items.count - 1].endedAt = time
    case .requested(let request):
      change(request.activity) {
        $0.status = .running
        $0.attempts = request.attempt
      }
    case .attemptFailed(let activity, let reference, let attempt, _, _):
      let isCall = if case .call? = definition.task(at: reference)?.kind { true } else { false }
      change(activity) {
        $0.status = .retrying
        // A call counts the next one when its processing event goes out.
        if !isCall { $0.attempts = attempt + 1 }
      }
    case .taskCompleted(let activity, _, _): end(activity, .completed, at: time)
    case .taskFaulted(let activity?, _, _): end(activity, .faulted, at: time)
    case .taskCancelled(let activity, _): end(activity, .cancelled, at: time)
    case .workflowFaulted, .workflowCancelled, .workflowCompleted: close(at: time)
    case .taskFaulted(nil, _, _), .workflowPending, .workflowStarted, .callQueued, .emitted, .childStarted,
      .childCancelled,
      .compensating, .contextExported, .operated, .migrated, .workflowSuspended, .workflowResumed:
      break
    }
  }

  private mutating func add(
    _ reference: String, _ status: Status, attempts: Int, at time: Timestamp, _ definition: WorkflowDefinition
  ) {
    let shown = Self.shown(reference)
    let name = definition.task(at: reference)?.name ?? shown.split(separator: "/").last.map(String.init) ?? shown
    items.append(Item(name: name, reference: shown, status: status, attempts: attempts, startedAt: time))
  }

  /// A task with extensions around it is two tasks to the engine, and one to its author.
  static func shown(_ reference: String) -> String {
    reference.hasSuffix("#extended") ? String(reference.dropLast("#extended".count)) : reference
  }

  private mutating func change(_ activity: Int, _ body: (inout Item) -> Void) {
    if let place = places[activity] { body(&items[place]) }
  }

  private mutating func end(_ activity: Int, _ status: Status, at time: Timestamp) {
    change(activity) {
      $0.status = status
      $0.endedAt = time
    }
  }

  private mutating func close(at time: Timestamp) {
    for place in items.indices where items[place].endedAt == nil {
      items[place].status = .cancelled
      items[place].endedAt = time
    }
  }
}
