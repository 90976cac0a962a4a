import Synchronization

/// Something that is said or done once, however often its occasion comes.
public final class Once: Sendable {
  private let isDone = Mutex(false)

  public init() {}

  /// Runs the body at the first call.
  public func run(_ body: () -> Void) {
    let isFirst = isDone.withLock { isDone in
      defer { isDone = true }
      return !isDone
    }
    if isFirst { body() }
  }
}
