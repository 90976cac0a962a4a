import Logging
import Synchronization

/// Logs that something on which the service depends is lost or back: one line per change of state, not per attempt. That
/// it is lost for another reason by now is such a change; it is told after 10 s, 20 s, 40 s and so on.
public final class StateLog: Sendable {
  private struct State {
    var isUp: Bool?
    var since: ContinuousClock.Instant
    var failures = 0
    /// Why it is down, as it was told last.
    var told = ""
    /// How long it has to be down for the next line.
    var nextLine = Duration.seconds(10)
  }

  private let component: String
  private let logger: Logger
  private let state: Mutex<State>

  /// - Parameter component: as lines name it: `Kafka`, `database`.
  public init(_ component: String, logger: Logger) {
    self.component = component
    self.logger = logger
    state = Mutex(State(since: .now))
  }

  /// Nil before the first `up` or `down`.
  public var isUp: Bool? { state.withLock { $0.isUp } }

  /// It works. Logs if it did not before; the first time at level debug only.
  public func up(at now: ContinuousClock.Instant = .now) {
    let before = state.withLock { state -> State? in
      guard state.isUp != true else { return nil }
      defer { state = State(isUp: true, since: now) }
      return state
    }
    guard let before else { return }
    guard before.isUp == false else { return logger.debug("\(component) is up") }
    logger.notice(
      "\(component) is back",
      metadata: ["after": "\(roundedText(now - before.since))", "failures": "\(before.failures)"])
  }

  /// It does not work. Logs if it did before, or was unknown, and seldom if the reason is another one; else at level
  /// debug.
  public func down(_ reason: String, at now: ContinuousClock.Instant = .now) {
    let (isChange, lasting) = state.withLock { state -> (Bool, Duration?) in
      guard state.isUp == false else {
        state = State(isUp: false, since: now, failures: 1, told: reason)
        return (true, nil)
      }
      state.failures += 1
      let duration = now - state.since
      guard duration >= state.nextLine else { return (false, nil) }
      while state.nextLine <= duration { state.nextLine *= 2 }
      guard reason != state.told else { return (false, nil) }
      state.told = reason
      return (false, duration)
    }
    if let lasting {
      logger.warning(
        "\(component) is still down", metadata: ["after": "\(roundedText(lasting))", "reason": "\(reason)"])
    } else {
      logger.log(level: isChange ? .warning : .debug, "\(component) is down", metadata: ["reason": "\(reason)"])
    }
  }
}

/// `0.5s`, `12.3s`, `184s`.
func roundedText(_ duration: Duration) -> String {
  let tenths = Int((duration / .milliseconds(100)).rounded())
  return tenths < 1000 ? "\(tenths / 10).\(tenths % 10)s" : "\(tenths / 10)s"
}
