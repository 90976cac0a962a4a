import Values

/// One thing that happened to an instance. The entries of a step are its journal record, and those of the kind
/// `requested` are at the same time the outbox: what they say is what is published.
public enum JournalEntry: Sendable, Hashable {
  case workflowStarted
  case taskStarted(activity: Int, reference: String)
  /// The task's `if` was false.
  case taskSkipped(reference: String)
  case requested(Request)
  /// An attempt failed for a passing reason, and another follows at `retryAt`.
  case attemptFailed(activity: Int, reference: String, attempt: Int, problem: ProblemDetails, retryAt: Timestamp)
  case taskCompleted(activity: Int, reference: String, output: JSON)
  case taskFaulted(activity: Int?, reference: String, problem: ProblemDetails)
  case workflowCompleted(output: JSON)
  case workflowFaulted(problem: ProblemDetails)
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

  public enum Reason: String, Sendable, Hashable {
    /// The instance has ended.
    case terminal
    /// The task execution or the attempt is over (a duplicate, or a late reply).
    case stale
    /// The id was never given out by this instance.
    case forged
    /// Nothing was due yet.
    case early
  }
}
