import Glibc
import Synchronization
import Threads

/// Takes signals from the kernel to a closure on a thread of its own.
///
/// Neither the cooperative pool nor a dispatch queue takes part, so a signal is seen however busy the process is. There
/// is one pipe and one thread per process, kept to its end: a handler that still runs never meets a closed pipe.
enum SignalWatch {
  private static let handler = Mutex<(@Sendable (Int32) -> Void)?>(nil)

  /// Hands `numbers` to `handler` instead of their default action. To be ended by `end` before another begins.
  static func begin(_ numbers: [Int32], _ handler: @escaping @Sendable (Int32) -> Void) {
    _ = thread
    self.handler.withLock { $0 = handler }
    for number in numbers {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        // Only what signal-safety(7) allows; the byte is the number.
        let error = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(signalPipe.load(ordering: .relaxed), &byte, 1)
        errno = error
      }
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
  }

  static func end(_ numbers: [Int32]) {
    for number in numbers { signal(number, SIG_DFL) }
    handler.withLock { $0 = nil }
  }

  /// Started by its first use.
  private static let thread: Void = {
    var ends: [Int32] = [-1, -1]
    // Without a pipe the default actions would have to do.
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return }
    signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
    let input = ends[0]
    startThread(named: "signals") {
      var byte: UInt8 = 0
      while true {
        guard read(input, &byte, 1) == 1 else { continue }
        handler.withLock { $0 }?(Int32(byte))
      }
    }
  }()
}

/// The end that signal handlers write to.
private let signalPipe = Atomic<Int32>(-1)
