import Values

/// One thing that happened to an instance. The entries of a step are its journal record, and those of the kind
/// `requested` are at the same time the outbox: what they say is what is published.
public enum JournalEntry: Sendable, Hashable {
  /// The instance waits until those before it with the same order key have ended.
  case workflowPending
  case workflowStarted
  case taskStarted(activity: Int, reference: String)
  /// The task's `if` was false.
  case taskSkipped(reference: String)
  case requested(Request)
  /// The task's next attempt waits for room on its channel: see ``CallAdmission``.
  case callQueued(activity: Int, reference: String, channel: String)
  /// An attempt failed for a passing reason, and another follows at `retryAt`.
  case attemptFailed(activity: Int, reference: String, attempt: Int, problem: ProblemDetails, retryAt: Timestamp)
  case taskCompleted(activity: Int, reference: String, output: JSON)
  case taskFaulted(activity: Int?, reference: String, problem: ProblemDetails)
  /// An open task was given up: a race was lost, a timeout struck, an error passed by.
  case taskCancelled(activity: Int, reference: String)
  /// The event has to be published.
  case emitted(EmittedEvent)
  /// The other workflow has to be started.
  case childStarted(ChildStart)
  /// The other instance, if it still runs, has to be cancelled.
  case childCancelled(UUIDValue)
  /// The compensation of the task at this reference begins.
  case compensating(reference: String)
  /// `export.as` has set `$context`; nil when it is too large to be told again and again
  /// (``EngineOptions/maxJournalledContextBytes``).
  case contextExported(JSON?)
  /// A task of a faulted instance that was open when the error passed goes on, as the same execution.
  case taskReopened(activity: Int, reference: String)
  /// An operator did something that no other entry tells.
  case operated(Operation, reason: String)
  /// The instance goes on in another version of its workflow.
  case migrated(MigrationRecord, reason: String)
  case workflowSuspended(reason: String)
  case workflowResumed(reason: String)
  case workflowCompleted(output: JSON)
  case workflowFaulted(problem: ProblemDetails)
  case workflowCancelled(reason: String)
}

/// An event that a workflow emits.
public struct EmittedEvent: Sendable, Hashable {
  public let activity: Int
  public let reference: String
  /// The CloudEvents JSON form, with `id`, `source` and `type`.
  public let event: JSON

  public init(activity: Int, reference: String, event: JSON) {
    self.activity = activity
    self.reference = reference
    self.event = event
  }
}

/// An instance that another one starts.
public struct ChildStart: Sendable, Hashable {
  public let activity: Int
  public let reference: String
  /// The id that the new instance has: made of its parent's and the activity's, so that it is started once.
  public let id: UUIDValue
  public let namespace: String
  public let name: String
  /// `latest`, or a semantic version.
  public let version: String
  public let input: JSON
  /// Whether the parent waits for its end.
  public let isAwaited: Bool

  public init(
    activity: Int, reference: String, id: UUIDValue, namespace: String, name: String, version: String, input: JSON,
    isAwaited: Bool
  ) {
    self.activity = activity
    self.reference = reference
    self.id = id
    self.namespace = namespace
    self.name = name
    self.version = version
    self.input = input
    self.isAwaited = isAwaited
  }
}

/// What has become of an instance that another one started.
public enum ChildOutcome: Sendable, Hashable {
  /// It runs. The task of one that is not awaited completes with its input; for one that is, this says nothing.
  case started
  case completed(JSON)
  /// It ended badly, or could not be started.
  case faulted(ProblemDetails)
  case cancelled
}

/// A processing event that the engine asks for; the mediator adds what only it knows (topic, reply address, key).
public struct Request: Sendable, Hashable {
  public let activity: Int
  public let channel: String
  /// `ce_id`.
  public let id: String
  /// `ce_idempotencykey`.
  public let idempotencyKey: String
  public let reference: String
  public let attempt: Int
  public let deadline: Timestamp
  public let data: JSON

  public init(
    activity: Int, channel: String, id: String, idempotencyKey: String, reference: String, attempt: Int,
    deadline: Timestamp, data: JSON
  ) {
    self.activity = activity
    self.channel = channel
    self.id = id
    self.idempotencyKey = idempotencyKey
    self.reference = reference
    self.attempt = attempt
    self.deadline = deadline
    self.data = data
  }
}

/// What a reply says of one attempt.
public enum ReplyOutcome: Sendable, Hashable {
  case completed(JSON)
  /// - Parameter retryAfter: the processor's own wish for the pause before the next attempt.
  case failed(ProblemDetails, retryable: Bool, retryAfter: Duration?)
  case progress(PendingCall.Progress)
}

/// Whether an input changed the instance.
public enum Disposition: Sendable, Hashable {
  case applied
  /// The input belongs to nothing that is open; it is counted and changes nothing.
  case ignored(Reason)
  /// What an operator wants cannot be done, and nothing was: a sentence for people, with what to do instead.
  case refused(String)

  public enum Reason: String, Sendable, Hashable {
    /// The instance has ended.
    case terminal
    /// The task execution or the attempt is over (a duplicate, or a late reply).
    case stale
    /// The id was never given out by this instance.
    case forged
    /// Nothing was due yet.
    case early
    /// The event is none that the instance waits for.
    case unwanted
  }
}
