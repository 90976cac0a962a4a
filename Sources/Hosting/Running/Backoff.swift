/// Exponential backoff with full jitter: attempt *n* waits a random time from zero to `base · 2ⁿ`, at most `cap`.
/// Spreads the return of many clients after a common failure.
public struct Backoff: Sendable, Hashable {
  public let base: Duration
  public let cap: Duration
  /// Delays given since the start or the last `reset`.
  public private(set) var attempts = 0

  public init(base: Duration = .milliseconds(100), cap: Duration = .seconds(10)) {
    self.base = base
    self.cap = cap
  }

  /// - Parameter random: from 0 to 1, evenly spread.
  public mutating func next(random: Double) -> Duration {
    // From 2⁴⁰ on any base worth the name is over any cap, and a duration could overflow.
    let ceiling = min(cap, base * (1 << min(attempts, 40)))
    attempts += 1
    return ceiling * min(max(random, 0), 1)
  }

  /// After a success.
  public mutating func reset() { attempts = 0 }
}
