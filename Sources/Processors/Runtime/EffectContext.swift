import Logging
import Synchronization
import Values

/// What an effect needs while it is being done.
public final class EffectContext: Sendable {
  /// To be held while the effect is under way, not while it waits for its time.
  public let permits: Permits
  public let clock: any ProcessorClock
  private let abandoned = Atomic<Bool>(false)

  init(permits: Permits, clock: any ProcessorClock) {
    self.permits = permits
    self.clock = clock
  }

  /// Nothing new may be begun for this event here.
  var isAbandoned: Bool { abandoned.load(ordering: .acquiring) }

  func abandon() { abandoned.store(true, ordering: .releasing) }

  /// Waits.
  ///
  /// - Returns: false when the event is to be given up, in which case it returns early.
  public func pause(_ duration: Duration) async -> Bool {
    let end = clock.now() + duration
    while !isAbandoned {
      let rest = end - clock.now()
      if rest <= .zero { return true }
      await clock.sleep(min(rest, .milliseconds(200)))
    }
    return false
  }

  /// The effect has happened: its record is tried until it stands or the event is given up.
  ///
  /// - Returns: whether it stands.
  @discardableResult
  func patiently(_ logger: Logger, _ record: () async throws(ProcessorError) -> Void) async -> Bool {
    var delay = Duration.milliseconds(100)
    while true {
      do {
        try await record()
        return true
      } catch {
        logger.debug("effect not recorded", metadata: ["reason": "\(error.message)"])
      }
      guard await pause(delay) else { return false }
      delay = min(delay * 2, .seconds(5))
    }
  }
}

/// A number of things that may be done at the same moment.
public actor Permits {
  private var free: Int
  private var waiters: [CheckedContinuation<Void, Never>] = []

  public init(_ count: Int) { free = count }

  public func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value {
    await acquire()
    defer { release() }
    return await body()
  }

  private func acquire() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiters.append($0) }
    }
  }

  private func release() {
    if waiters.isEmpty { free += 1 } else { waiters.removeFirst().resume() }
  }
}
