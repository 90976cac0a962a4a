import Values

/// A task that runs its tasks once for every item. Source: "For".
///
/// Each pass starts with what the one before it gave, as the conformance kit has it; the task's raw output is that of
/// the last pass, or the task's input when there was none.
public struct ForLoop: Sendable {
  /// The name of the variable with the item; `item` when the file names none.
  public let each: String
  /// The name of the variable with the item's place, from 0; `index` when the file names none.
  public let at: String
  /// Gives the array of items; evaluated once, on the task's input.
  public let `in`: Expression
  /// Evaluated before each pass, with the loop's variables; the loop ends when it is not true.
  public let `while`: Expression?
  public let tasks: TaskScope
}

/// Branches that run at the same time. Source: "Fork".
public struct Fork: Sendable {
  /// One task per branch. Its raw output is the array of all branches' outputs in this order; of a race, the winner's.
  public let branches: TaskScope
  /// Whether the first branch to end wins and the others are cancelled.
  public let compete: Bool
}

/// An error to raise. Source: "Raise".
public struct RaisedError: Sendable {
  public let type: Template
  public let status: Int
  public let title: Template?
  public let detail: Template?
}

/// Tasks whose errors are handled. Source: "Try".
public struct TryCatch: Sendable {
  public let tasks: TaskScope
  public let `catch`: CatchClause
}

/// Source: "Catch".
public struct CatchClause: Sendable {
  /// Members that an error must have to be caught; of `type`, both spellings of the standard's pages are one.
  public let errors: ErrorFilter?
  /// The name of the variable with the error, `error` when the file names none.
  public let variable: String
  public let when: Expression?
  public let exceptWhen: Expression?
  public let retry: RetryPolicy?
  /// Run when the error is caught and not (or no longer) retried.
  public let tasks: TaskScope?
}

/// Source: "Error filter": every member named has to be equal.
public struct ErrorFilter: Sendable, Hashable {
  public let type: String?
  public let status: Int?
  public let instance: String?
  public let title: String?
  public let detail: String?

  public func matches(_ problem: ProblemDetails) -> Bool {
    if let type, Self.canonical(type) != Self.canonical(problem.type) { return false }
    if let status, status != problem.status { return false }
    if let instance, instance != problem.instance { return false }
    if let title, title != problem.title { return false }
    if let detail, detail != problem.detail { return false }
    return true
  }

  /// The reference, the kit and the examples of the standard spell the types of errors in three ways.
  static func canonical(_ type: String) -> String {
    for prefix in spellings where type.hasPrefix(prefix) { return "standard:" + type.dropFirst(prefix.count) }
    return type
  }

  private static let spellings = [
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://serverlessworkflow.io.io/dsl/errors/types/",
  ]
}

/// How the tasks of a `try` are run again. Source: "Retry".
public struct RetryPolicy: Sendable {
  public enum Backoff: Sendable, Hashable {
    case constant
    /// The delay grows by itself each time.
    case linear
    /// The delay doubles each time.
    case exponential
  }

  public let when: Expression?
  public let exceptWhen: Expression?
  /// Zero when the file names none.
  public let delay: DurationValue
  public let backoff: Backoff
  /// Adds something between the two to each delay.
  public let jitter: (from: DurationValue, to: DurationValue)?
  /// Attempts in all, the first included.
  public let maxAttempts: Int?
  /// How long one attempt may take.
  public let attemptDuration: DurationValue?
  /// How long all attempts together may take.
  public let duration: DurationValue?
}

/// Another workflow to start, with or without waiting for its end. Source: "Workflow Process".
public struct WorkflowRun: Sendable {
  public let namespace: String
  public let name: String
  /// `latest`, or a semantic version.
  public let version: String
  /// The raw input of the instance; the task's input when the file has none.
  public let input: Template?
  public let await: Bool
}

/// A task of `use.functions` in the place of a call. Source: "Custom Functions".
public struct FunctionCall: Sendable {
  public let name: String
  /// What the function's input is; an empty object when the file has no `with`.
  public let with: Template?
  /// The scope with the function's task alone.
  public let body: TaskScope
}

/// Tasks around every task of a kind. Source: "Extension".
///
/// The standard leaves open what becomes of the data of the tasks around. Here they read the extended task's raw input
/// (`before`) or its output (`after`), and theirs is dropped; an `exit` in `before` leaves the extended task out, and
/// what the exiting task gave takes the place of its output.
public struct Extension: Sendable {
  public let name: String
  /// Evaluated on the extended task's raw input.
  public let when: Expression?
  public let before: TaskScope?
  public let after: TaskScope?
}

/// A task with the extensions that apply to its kind.
public struct ExtendedTask: Sendable {
  public let extensions: [Extension]
  /// The scope with the extended task alone.
  public let body: TaskScope
}

/// What undoes a completed task when its instance ends badly. Not of the standard: from the task's
/// `metadata.compensation`.
public struct Compensation: Sendable {
  /// Its `with` is evaluated when the task completes, on the task's output.
  public let function: FunctionCall
}
