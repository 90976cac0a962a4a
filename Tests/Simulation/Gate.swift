import Synchronization

/// Where a turn may stop or fail.
enum Place: String, Sendable {
  case poll, read, afterRead, beforeCommit, afterCommit, beforeRenew, afterRenew

  typealias Risk = (kind: FaultKind, probability: Double)

  /// What can go wrong here.
  var risks: [Risk] {
    switch self {
    case .poll, .read, .afterRead: Self.reading
    case .beforeCommit: Self.committing
    case .beforeRenew: Self.renewing
    case .afterCommit, .afterRenew: Self.written
    }
  }

  private static let reading: [Risk] = [(.crashElsewhere, 0.012), (.connectionLost, 0.015), (.pause, 0.12)]
  private static let committing: [Risk] = [
    (.crashBeforeWrite, 0.02), (.commitLost, 0.012), (.commitLate, 0.01), (.slowDisk, 0.02), (.pause, 0.12),
  ]
  private static let renewing: [Risk] = [(.crashBeforeWrite, 0.02), (.commitLost, 0.015), (.pause, 0.12)]
  private static let written: [Risk] = [(.crashAfterWrite, 0.02), (.commitUnknown, 0.015), (.pause, 0.12)]
}

/// What a turn is told where it fails.
struct Interruption: Error {
  let kind: FaultKind?
  let place: Place

  var message: String { "simulated \(kind?.rawValue ?? "end of the process") at \(place)" }
}

/// Runs one worker's turns step by step: a turn goes on until it ends, or until it comes to a gate where the seed stops
/// it. Meanwhile anything else can happen; the turn goes on, or never does, when the driver says so.
///
/// Only one turn runs at any moment, so the same seed always gives the same history.
final class Gate: Sendable {
  /// How far a turn came.
  enum Stop: Sendable {
    case parked
    case ended((any Error)?)
  }

  private struct State {
    var isDead = false
    /// A crash has struck: nothing of this process may go on.
    var isCrashed = false
    var parked: CheckedContinuation<Void, Never>?
    var driver: CheckedContinuation<Stop, Never>?
  }

  private let state = Mutex(State())
  private let faults: Faults
  private let clock: SimulatedClock

  init(faults: Faults, clock: SimulatedClock) {
    self.faults = faults
    self.clock = clock
  }

  // MARK: The turn's side

  /// A place between two effects: the turn may stop here for a while, or fail, or die.
  func pass(_ place: Place) async throws(Interruption) {
    if isDead { throw Interruption(kind: nil, place: place) }
    guard let fault = faults.strike(place.risks) else { return }
    switch fault {
    case .slowDisk:
      clock.advance(by: .milliseconds(500 + faults.below(4000)))
    case .pause:
      await park()
      if isDead { throw Interruption(kind: nil, place: place) }
    case .crashBeforeWrite, .crashAfterWrite, .crashElsewhere:
      state.withLock { $0.isCrashed = true }
      throw Interruption(kind: fault, place: place)
    default:
      throw Interruption(kind: fault, place: place)
    }
  }

  private func park() async {
    await withCheckedContinuation { continuation in
      let driver = state.withLock { state in
        state.parked = continuation
        return state.driver.take()
      }
      driver?.resume(returning: .parked)
    }
  }

  private var isDead: Bool { state.withLock { $0.isDead } }

  // MARK: The driver's side

  /// Whether the process that the turn belonged to has ended.
  var isCrashed: Bool { state.withLock { $0.isCrashed } }

  func run(_ turn: @escaping @Sendable () async throws -> Void) async -> Stop {
    await withCheckedContinuation { driver in
      state.withLock { $0.driver = driver }
      Task {
        var failure: (any Error)?
        do { try await turn() } catch { failure = error }
        let driver = state.withLock { $0.driver.take() }
        driver?.resume(returning: .ended(failure))
      }
    }
  }

  /// Lets a parked turn go on.
  func resume() async -> Stop {
    await withCheckedContinuation { driver in
      let parked = state.withLock { state in
        state.driver = driver
        return state.parked.take()
      }
      if let parked { parked.resume() } else { driver.resume(returning: .ended(nil)) }
    }
  }

  /// Nothing that the worker does from now on has an effect.
  func kill() async {
    let isParked = state.withLock { state in
      state.isDead = true
      return state.parked != nil
    }
    if isParked { _ = await resume() }
  }
}
