import CLibPQ

public struct PostgresNotification: Sendable, Hashable {
  public let channel: String
  public let payload: String
  /// The session that sent it, as in `PostgresConnection.serverProcess`.
  public let serverProcess: Int

  public init(channel: String, payload: String, serverProcess: Int) {
    self.channel = channel
    self.payload = payload
    self.serverProcess = serverProcess
  }
}

extension PostgresConnection {
  /// Subscribes this session. Channel names are case-sensitive here and at most 63 bytes.
  public func listen(_ channel: String, timeout: Duration? = nil) async throws(PostgresError) {
    let quoted = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
    try await execute(script: "LISTEN \"\(quoted)\"", timeout: timeout)
  }

  /// What has come since the last call; waits for the first if there is nothing yet. Empty when `wait` is over.
  ///
  /// Occupies the connection while it waits, so use one that serves nothing else.
  public func notifications(wait: Duration) async throws(PostgresError) -> [PostgresNotification] {
    try await perform(wait) { link, operation throws(PostgresError) in try link.notifications(operation) }
  }
}

extension Link {
  func notifications(_ operation: Operation) throws(PostgresError) -> [PostgresNotification] {
    while true {
      let handle = try connected()
      let isWell = PQconsumeInput(handle) == 1 && PQstatus(handle) == CONNECTION_OK
      let received = takeNotifications(handle)
      if !received.isEmpty { return received }
      if !isWell { throw dropLost() }
      if operation.cancellation?.isSet == true {
        throw PostgresError(code: .cancelled, message: "cancelled while waiting for notifications")
      }
      if wait(for: .read, until: operation.deadline).isEmpty { return [] }
    }
  }

  private func takeNotifications(_ handle: OpaquePointer) -> [PostgresNotification] {
    var received: [PostgresNotification] = []
    while let notify = PQnotifies(handle) {
      received.append(
        PostgresNotification(
          channel: String(cString: notify.pointee.relname), payload: String(cString: notify.pointee.extra),
          serverProcess: Int(notify.pointee.be_pid)))
      PQfreemem(notify)
    }
    return received
  }
}

/// Notifications as they come, over a connection of its own that is made anew whenever it is lost.
///
/// Only hints: one that is sent while the connection is down is lost, so whoever waits for something also looks by
/// itself from time to time.
public enum PostgresListener {
  public enum Hint: Sendable, Hashable {
    /// Listening from now on. Something may have been missed before: look.
    case connected
    case notification(PostgresNotification)
    /// Not listening until the next `.connected`. Said once, not for every attempt.
    case disconnected(PostgresError)
  }

  private static let probeInterval: Duration = .seconds(15)
  private static let probeTimeout: Duration = .seconds(5)
  private static let pauses: (first: Duration, longest: Duration) = (.milliseconds(100), .seconds(5))

  /// Ends its connection when the stream is no longer used.
  public static func hints(_ configuration: PostgresConfiguration, channels: [String]) -> AsyncStream<Hint> {
    AsyncStream(bufferingPolicy: .bufferingNewest(256)) { continuation in
      let task = Task { await run(configuration, channels, continuation) }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private static func run(
    _ configuration: PostgresConfiguration, _ channels: [String], _ continuation: AsyncStream<Hint>.Continuation
  ) async {
    var pause = pauses.first
    var isSaid = false
    while !Task.isCancelled {
      do throws(PostgresError) {
        let connection = try await PostgresConnection.connect(configuration)
        for channel in channels { try await connection.listen(channel) }
        (pause, isSaid) = (pauses.first, false)
        continuation.yield(.connected)
        try await forward(connection, continuation)
      } catch {
        if !isSaid { continuation.yield(.disconnected(error)) }
        isSaid = true
      }
      // Between attempts to connect, longer each time.
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, pauses.longest)
    }
    continuation.finish()
  }

  private static func forward(
    _ connection: PostgresConnection, _ continuation: AsyncStream<Hint>.Continuation
  ) async throws(PostgresError) {
    while true {
      let received = try await connection.notifications(wait: probeInterval)
      for notification in received { continuation.yield(.notification(notification)) }
      // A silent link looks like one without news.
      if received.isEmpty { _ = try await connection.query("SELECT 1", timeout: probeTimeout) }
    }
  }
}
