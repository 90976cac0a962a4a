import Processors
import Safeguards
import Synchronization
import Values
import Wire

/// The processors' database: the inbox, and the effects that stand in the same transaction.
final class SimulatedInbox: Sendable {
  private struct State {
    /// By idempotency key.
    var outcomes: [String: Outcome] = [:]
    var effects: [String: Int] = [:]
    /// The requests whose attempt failed for a passing reason.
    var failures: Set<String> = []
    /// The requests that were given out past their deadline.
    var expired: Set<String> = []
    /// The requests that nobody answers.
    var silent: Set<String> = []
    var violations: [String] = []
  }

  private let state = Mutex(State())

  /// How often each task execution had its effect. More than once is what must never happen.
  var effects: [String: Int] { state.withLock { $0.effects } }
  var failures: Set<String> { state.withLock { $0.failures } }
  var expired: Set<String> { state.withLock { $0.expired } }
  var violations: [String] { state.withLock { $0.violations } }

  /// Whether the task execution has come to its end here, and the mediator may say so.
  func isCompleted(_ key: String) -> Bool {
    state.withLock { if case .completed = $0.outcomes[key] { true } else { false } }
  }

  func isSilent(_ request: String) -> Bool { state.withLock { $0.silent.contains(request) } }
  func isExpired(_ request: String) -> Bool { state.withLock { $0.expired.contains(request) } }

  func silence(_ request: String) { state.withLock { _ = $0.silent.insert(request) } }
  func expire(_ request: String) { state.withLock { _ = $0.expired.insert(request) } }
  func fail(_ requests: [String]) { state.withLock { $0.failures.formUnion(requests) } }
  func violate(_ text: String) { state.withLock { $0.violations.append(text) } }

  func find(_ keys: [String]) -> [String: Outcome] {
    guard Safeguard.holds(.inbox), Safeguard.holds(.inboxAsked) else { return [:] }
    return state.withLock { state in
      var found: [String: Outcome] = [:]
      for key in keys { found[key] = state.outcomes[key] }
      return found
    }
  }

  /// One transaction: effects and inbox rows of all of these, or nothing.
  ///
  /// - Returns: false when one of them is there already.
  func commit(_ settled: [(key: String, outcome: Outcome)]) -> Bool {
    state.withLock { state in
      let isThere = settled.contains { state.outcomes[$0.key] != nil }
      if isThere, Safeguard.holds(.inboxUnique), Safeguard.holds(.inbox) { return false }
      for (key, outcome) in settled {
        Self.act(key, &state)
        state.outcomes[key] = outcome
      }
      return true
    }
  }

  /// The effects alone: what happens where the inbox is no part of their transaction.
  func actOnly(_ keys: [String]) { state.withLock { state in for key in keys { Self.act(key, &state) } } }
  func rememberOnly(_ settled: [(key: String, outcome: Outcome)]) {
    state.withLock { state in for (key, outcome) in settled { state.outcomes[key] = outcome } }
  }

  private static func act(_ key: String, _ state: inout State) {
    state.effects[key, default: 0] += 1
    if let count = state.effects[key], count > 1 {
      state.violations.append("the effect of \(key) happened \(count) times")
    }
  }
}
