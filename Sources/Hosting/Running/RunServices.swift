import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import Threads

/// Runs services until one of them ends or the process is asked to end, then ends them all.
///
/// SIGTERM or SIGINT asks the services to finish what they do; after `limit`, or at a second signal, the process ends at
/// once. The signals are watched by a thread of their own, so that this also holds when the cooperative pool is stuck.
///
/// - Returns: an `ExitStatus`.
public func runServices(
  _ services: [any Service], logger: Logger, limit: Duration = .seconds(10)
) async -> Int32 {
  await ServiceRunner(logger: logger, limit: limit) { status in
    // Not `exit`: what is registered to run there may be what hangs.
    _exit(status)
  }.run(services)
}

/// A write to a connection or pipe that was closed shall be an error, not the end of the process.
public func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

final class ServiceRunner: Sendable {
  private struct State {
    var isEnding = false
    var isDone = false
    /// Of the first service that failed.
    var failure: Int32?
  }

  private let logger: Logger
  private let limit: Duration
  private let exit: @Sendable (Int32) -> Void
  private let state = Mutex(State())

  init(logger: Logger, limit: Duration, exit: @escaping @Sendable (Int32) -> Void) {
    self.logger = logger
    self.limit = limit
    self.exit = exit
  }

  func run(_ services: [any Service]) async -> Int32 {
    var quiet = logger
    // What the group would say of failures is said here.
    quiet.logLevel = .critical
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map { service in
          .init(
            service: WatchedService(service: service) { self.ended($0) },
            successTerminationBehavior: .gracefullyShutdownGroup, failureTerminationBehavior: .gracefullyShutdownGroup)
        }, logger: quiet))
    SignalWatch.begin([SIGTERM, SIGINT]) { self.received($0, group) }
    defer { SignalWatch.end([SIGTERM, SIGINT]) }
    // The error was noted when its service ended.
    try? await group.run()
    return state.withLock { state in
      state.isDone = true
      return state.failure ?? ExitStatus.success
    }
  }

  /// Whether a signal came or a service ended.
  var isEnding: Bool { state.withLock { $0.isEnding } }

  private func ended(_ error: (any Error)?) {
    if let error, !(error is CancellationError) {
      let status = (error as? any ExitStatusError)?.exitStatus ?? ExitStatus.failure
      state.withLock { $0.failure = $0.failure ?? status }
      logger.error("a service failed: ending", metadata: ["reason": "\(error)"])
    }
    _ = beginEnding()
  }

  /// Starts the time limit.
  ///
  /// - Returns: false if it runs already.
  private func beginEnding() -> Bool {
    let isFirst = state.withLock { state in
      defer { state.isEnding = true }
      return !state.isEnding
    }
    guard isFirst else { return false }
    let limit = limit
    startThread(named: "shutdown-limit") {
      sleepThread(limit)
      self.exceeded()
    }
    return true
  }

  private func exceeded() {
    guard !state.withLock({ $0.isDone }) else { return }
    logger.error("not ended within \(roundedText(limit)): ending at once")
    exit(ExitStatus.shutdownTimeout)
  }

  private func received(_ number: Int32, _ group: ServiceGroup) {
    let name = number == SIGTERM ? "SIGTERM" : "SIGINT"
    guard beginEnding() else {
      logger.warning("\(name): ending at once")
      return exit(ExitStatus.signal(number))
    }
    logger.notice("\(name): ending", metadata: ["limit": "\(roundedText(limit))"])
    Task { await group.triggerGracefulShutdown() }
  }
}

private func sleepThread(_ duration: Duration) {
  let (seconds, attoseconds) = duration.components
  var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
  var rest = timespec()
  while nanosleep(&time, &rest) != 0 && errno == EINTR { time = rest }
}

/// Tells when a service ends, and how.
private struct WatchedService: Service {
  let service: any Service
  let ended: @Sendable ((any Error)?) -> Void

  func run() async throws {
    do {
      try await service.run()
      ended(nil)
    } catch {
      ended(error)
      throw error
    }
  }
}
