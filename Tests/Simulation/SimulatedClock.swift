import Mediator
import Processors
import Synchronization
import Values

/// The time of all processes. It moves only when the driver, or a fault, says so.
final class SimulatedClock: MediatorClock, ProcessorClock {
  private let time = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))

  func now() -> Timestamp { time.withLock { $0 } }
  /// - Parameter duration: negative when the clock is set back.
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
  /// Nobody waits in the simulation: the time that a member has to finish its work is over at once.
  func sleep(_ duration: Duration) async {}
}
