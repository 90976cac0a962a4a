import Mediator
import Synchronization

/// Runs one worker's turns step by step: a turn goes on until it ends, or until it comes to a gate where the seed stops
/// it. Meanwhile anything else can happen; the turn goes on, or never does, when the driver says so.
///
/// Only one turn runs at any moment, so the same seed always gives the same history.
final class Gate: Sendable {
  /// How far a turn came.
  enum Stop: Sendable {
    case parked
    case ended(MediatorError?)
  }

  private struct State {
    var isDead = false
    var parked: CheckedContinuation<Void, Never>?
    var driver: CheckedContinuation<Stop, Never>?
  }

  private let state = Mutex(State())
  private let chaos: Chaos

  init(chaos: Chaos) { self.chaos = chaos }

  // MARK: The turn's side

  /// A place between two effects: the turn may stop here for a while, or die.
  func pass(_ place: String) async throws(MediatorError) {
    if isDead { throw Self.death }
    switch chaos.decide() {
    case .goOn: return
    case .crash: throw MediatorError(.store, "simulated failure: \(place)")
    case .park:
      await withCheckedContinuation { continuation in
        let driver = state.withLock { state in
          state.parked = continuation
          return state.driver.take()
        }
        driver?.resume(returning: .parked)
      }
      if isDead { throw Self.death }
    }
  }

  private var isDead: Bool { state.withLock { $0.isDead } }

  private static let death = MediatorError(.store, "simulated end of the process")

  // MARK: The driver's side

  func run(_ turn: @escaping @Sendable () async throws(MediatorError) -> Void) async -> Stop {
    await withCheckedContinuation { driver in
      state.withLock { $0.driver = driver }
      Task {
        var failure: MediatorError?
        do throws(MediatorError) { try await turn() } catch { failure = error }
        state.withLock { $0.driver.take() }?.resume(returning: .ended(failure))
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

/// Decides, from the seed, where a turn stops and where a worker dies.
final class Chaos: Sendable {
  enum Decision { case goOn, park, crash }

  private struct State {
    var generator: SeededGenerator
    var isOver = false
    var crashes = 0
    var parks = 0
  }

  private let state: Mutex<State>

  init(seed: UInt64) { state = Mutex(State(generator: SeededGenerator(seed: seed))) }

  func stop() { state.withLock { $0.isOver = true } }

  var crashes: Int { state.withLock { $0.crashes } }
  var parks: Int { state.withLock { $0.parks } }

  func decide() -> Decision {
    state.withLock { state in
      guard !state.isOver else { return .goOn }
      switch state.generator.below(100) {
      case 0..<4:
        state.crashes += 1
        return .crash
      case 4..<16:
        state.parks += 1
        return .park
      default: return .goOn
      }
    }
  }
}
