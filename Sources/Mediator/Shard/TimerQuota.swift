/// How many timers a turn takes, and whose.
///
/// Versions of workflows take turns, so that those of one, however many are due, do not stand before the others'.
public struct TimerQuota: Sendable, Hashable {
  public var limit: Int
  /// Instances of one version that have a call or a child under way. Beyond, its instances that only wait are not woken:
  /// a channel must not fill up with what one workflow asks for. Deadlines and retries of calls come all the same.
  public var maxRunning: Int
  /// How many turns a version has where others have one, by its number; 1 where none is named.
  public var weights: [Int32: Int]

  public init(limit: Int, maxRunning: Int = .max, weights: [Int32: Int] = [:]) {
    self.limit = limit
    self.maxRunning = maxRunning
    self.weights = weights
  }
}
