import CLibPQ
import Glibc
import Synchronization

/// A moment by which something must be over.
struct Deadline: Sendable {
  let instant: ContinuousClock.Instant

  /// Durations beyond a year are taken as a year, so that no sum can overflow.
  static func after(_ duration: Duration) -> Deadline {
    Deadline(instant: .now + min(max(duration, .zero), .seconds(365 * 86_400)))
  }

  var hasPassed: Bool { ContinuousClock.now >= instant }

  /// For poll(2): never 0 before the deadline, so that waiting does not spin.
  var milliseconds: Int32 {
    let left = ContinuousClock.now.duration(to: instant).components
    if left.seconds < 0 || left.attoseconds < 0 { return 0 }
    if left.seconds > 1_000_000 { return 1_000_000_000 }
    return Int32(left.seconds * 1000 + (left.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}

/// Gets a connection's thread out of poll(2).
final class Interrupt: Sendable {
  /// -1 when the system gave none: then nothing can be interrupted, and deadlines alone end a wait.
  let descriptor: Int32

  init() { descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func raise() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  func drain() {
    var value: UInt64 = 0
    _ = read(descriptor, &value, 8)
  }
}

/// Set once, from any thread.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

/// One exchange with the server: how long it may take and whether it is being given up.
struct Operation {
  var deadline: Deadline
  /// Set when the calling task is cancelled. Nil for what must be done regardless, such as ROLLBACK.
  let cancellation: Flag?
  /// Why the server was asked to cancel.
  var givenUp: PostgresError.Code?
  /// Set when the request to cancel has been delivered.
  var cancelDelivered: Flag?

  init(deadline: Deadline, cancellation: Flag? = nil) {
    self.deadline = deadline
    self.cancellation = cancellation
  }

  init(_ timeout: Duration, cancellation: Flag? = nil) {
    self.init(deadline: .after(timeout), cancellation: cancellation)
  }

  func checkNotCancelled() throws(PostgresError) {
    if cancellation?.isSet == true { throw PostgresError(code: .cancelled, message: "cancelled before it was sent") }
    if deadline.hasPassed { throw PostgresError(code: .timeout, message: "timed out before it was sent") }
  }
}
