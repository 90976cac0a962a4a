import Values

/// How much a turn takes: as much as is done in a short time, so that what comes meanwhile need not wait for long. Pure.
///
/// Everything that is asked of the shard waits for the end of the turn under way, several times between an event and the
/// end of its instance. How much fits into a turn depends on the machine, the workflows and what else runs.
struct TurnPace {
  /// What a turn shall take at most, about.
  let target: Duration
  /// Of the configured limits.
  private(set) var share = 1.0
  /// Timers begin with few: an owner that comes late finds very many due, and does not know yet how long they take.
  private var timerShare = 0.1

  init(target: Duration) { self.target = target }

  /// At least as much as makes the transaction worth its round trip.
  func limit(_ most: Int) -> Int { min(most, max(16, Int(Double(most) * share))) }

  /// The same for timers, which wake what then waits for replies: the more replies came in the last turn, the fewer, but
  /// for a quarter. What has begun is finished before more begins.
  func limit(_ most: Int, after records: Int) -> Int {
    let limit = min(limit(most), max(16, Int(Double(most) * timerShare)))
    return max(1, limit / 4, limit - records)
  }

  /// - Parameter time: how long the turn took, from its records to its commit.
  mutating func turned(in time: Duration) {
    timerShare = min(1, timerShare * 1.5)
    if time > target {
      share = max(0.02, share * max(0.5, target / time))
    } else if time < target / 2 {
      share = min(1, share * 1.25)
    }
  }
}
