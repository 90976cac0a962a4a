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
  /// The outputs that one step may add to the journal, in bytes of JSON.
  public var maxStepBytes: Int
  /// How many tasks may run in one step without waiting for anything: a loop of `then` without a call ends here.
  public var maxTransitionsPerStep: Int

  public init(
    callTimeout: Duration = .seconds(600), retry: AttemptPolicy = AttemptPolicy(),
    maxRequestBytes: Int = 900_000, maxStateBytes: Int = 4 << 20, maxDepth: Int = 256,
    maxRequestDepth: Int = 128, maxStepBytes: Int = 16 << 20, maxTransitionsPerStep: Int = 10_000
  ) {
    self.callTimeout = callTimeout
    self.retry = retry
    self.maxRequestBytes = maxRequestBytes
    self.maxStateBytes = maxStateBytes
    self.maxDepth = maxDepth
    self.maxRequestDepth = maxRequestDepth
    self.maxStepBytes = maxStepBytes
    self.maxTransitionsPerStep = maxTransitionsPerStep
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
