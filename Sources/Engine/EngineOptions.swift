import Values

/// The limits under which instances run.
public struct EngineOptions: Sendable, Hashable {
  /// How long a call may stay without a result when its task names no timeout: nothing can hang unseen.
  public var callTimeout: Duration
  /// How attempts that failed for a passing reason are repeated.
  public var retry: AttemptPolicy
  /// The largest `with` of a processing event, in bytes of JSON.
  public var maxRequestBytes: Int
  /// The largest state of an instance (context and open tasks' data), in bytes of JSON.
  public var maxStateBytes: Int
  /// How deep the data of an instance may nest. Above what an event may bring, and below what can be read again.
  public var maxDepth: Int
  /// How deep the `with` of a processing event may nest: readers refuse what is deeper.
  public var maxRequestDepth: Int
  /// How many bytes of outputs one step may add to the journal before the rest is left to the next step.
  public var maxStepBytes: Int
  /// Up to which size `$context` is journalled whenever a task exports it, for who runs the workflow again from a task.
  public var maxJournalledContextBytes: Int
  /// How many moves one step may make before the rest is left to the next step.
  public var maxTransitionsPerStep: Int
  /// How many such steps may follow each other without waiting for anything: an endless loop faults here.
  public var maxStepsWithoutWaiting: Int
  /// The secrets by name, as they may be shown: placeholders stand for what is put in their place when a processing
  /// event is written. Never the secrets themselves.
  public var secrets: JSON

  public init(
    callTimeout: Duration = .seconds(600), retry: AttemptPolicy = AttemptPolicy(),
    maxRequestBytes: Int = 900_000, maxStateBytes: Int = 4 << 20, maxDepth: Int = 256,
    maxRequestDepth: Int = 128, maxStepBytes: Int = 4 << 20,
    maxJournalledContextBytes: Int = 64 << 10, maxTransitionsPerStep: Int = 10_000,
    maxStepsWithoutWaiting: Int = 100, secrets: JSON = [:]
  ) {
    self.callTimeout = callTimeout
    self.retry = retry
    self.maxRequestBytes = maxRequestBytes
    self.maxStateBytes = maxStateBytes
    self.maxDepth = maxDepth
    self.maxRequestDepth = maxRequestDepth
    self.maxStepBytes = maxStepBytes
    self.maxJournalledContextBytes = maxJournalledContextBytes
    self.maxTransitionsPerStep = maxTransitionsPerStep
    self.maxStepsWithoutWaiting = maxStepsWithoutWaiting
    self.secrets = secrets
  }
}

/// Repeats an attempt whose reply said `retryable`: exponential backoff, capped. There is no jitter because attempts
/// are spread by the instances' own times, and because a pure engine has no randomness.
public struct AttemptPolicy: Sendable, Hashable {
  /// Attempts in all, the first included.
  public var maxAttempts: Int
  public var initialDelay: Duration
  public var maxDelay: Duration

  public init(maxAttempts: Int = 5, initialDelay: Duration = .seconds(1), maxDelay: Duration = .seconds(60)) {
    self.maxAttempts = maxAttempts
    self.initialDelay = initialDelay
    self.maxDelay = maxDelay
  }

  /// The pause after a failed attempt, or nil when there are to be no more.
  func delay(afterAttempt attempt: Int, wish: Duration?) -> Duration? {
    guard attempt < maxAttempts else { return nil }
    let doublings = min(attempt - 1, 20)
    let backoff = min(initialDelay * (1 << doublings), maxDelay)
    guard let wish else { return backoff }
    return max(backoff, wish)
  }
}
