import CLibPQ
import Threads

/// One session with the server, on a thread of its own.
///
/// Calls queue up and run one after the other. Every call has a deadline. When it passes, or when the calling task is
/// cancelled, the server is asked to stop; if it does not confirm within `PostgresConfiguration.cancelGrace` the
/// connection is given up, so a call returns in bounded time even when the network is silent.
///
/// Every method throws `PostgresError`. After an error with `isConnectionLost` the connection is of no more use; after
/// any other it goes on as before.
public actor PostgresConnection {
  public nonisolated let configuration: PostgresConfiguration
  private let executor: ThreadExecutor
  private let interrupt = Interrupt()
  let link: Link

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private init(_ configuration: PostgresConfiguration) {
    self.configuration = configuration
    executor = ThreadExecutor(name: "postgres")
    link = Link(configuration: configuration, interrupt: interrupt)
  }

  /// - Throws: `.server` with SQLSTATE when the server refused (28P01 wrong password, 3D000 no such database, 57P03 still
  ///   starting, …), `.connection` when there was none to be reached, `.timeout`, `.cancelled`.
  public static func connect(_ configuration: PostgresConfiguration) async throws(PostgresError) -> PostgresConnection {
    let connection = PostgresConnection(configuration)
    try await connection.perform(configuration.connectTimeout) { link, operation throws(PostgresError) in
      try link.open(&operation)
    }
    return connection
  }

  /// Runs one statement, prepared on first use and kept by its text.
  public func query(
    _ sql: String, _ parameters: [PostgresValue] = [], timeout: Duration? = nil
  ) async throws(PostgresError) -> PostgresRows {
    let rows = try await pipeline([PostgresStatement(sql, parameters)], timeout: timeout)
    guard let first = rows.first else { throw PostgresError(code: .decoding, message: "no result") }
    return first
  }

  /// Runs all statements in one round trip: sent together, one sync at the end.
  ///
  /// The first error ends the list, is thrown with its place in it, and nothing of the list remains: without a BEGIN of
  /// its own the whole list is one transaction, and a transaction that a BEGIN in the list left open is rolled back. (In
  /// a transaction that was open before, the error leaves that one failed, as usual.)
  public func pipeline(
    _ statements: [PostgresStatement], timeout: Duration? = nil
  ) async throws(PostgresError) -> [PostgresRows] {
    if statements.isEmpty { return [] }
    for statement in statements { try statement.checkSendable() }
    return try await perform(timeout) { link, operation throws(PostgresError) in
      try link.pipeline(statements, &operation)
    }
  }

  /// Runs a script of several statements, separated by semicolons, without parameters and without results.
  public func execute(script: String, timeout: Duration? = nil) async throws(PostgresError) {
    try await perform(timeout) { link, operation throws(PostgresError) in
      try link.execute(script: script, &operation)
    }
  }

  /// False once the connection is known to be gone; looks at the socket, but asks nothing.
  public var isAlive: Bool { link.isAlive() }

  /// True inside a transaction, failed ones included.
  public var isInTransaction: Bool { link.transactionStatus != PQTRANS_IDLE }

  /// The process at the server that serves this connection; nil when the connection is gone.
  public var serverProcess: Int? { link.handle.map { Int(PQbackendPID($0)) } }

  /// Ends the session. A transaction still open is rolled back by the server.
  public func close() {
    link.drop(PostgresError(code: .closed, message: "the connection is closed", isConnectionLost: true))
  }

  /// Runs `body` on this connection's thread, where it may block, with a deadline and the task's cancellation.
  func perform<Value: Sendable>(
    _ timeout: Duration?, _ body: @Sendable (Link, inout Operation) throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value {
    let cancellation = Flag()
    let interrupt = interrupt
    var operation = Operation(timeout ?? configuration.statementTimeout, cancellation: cancellation)
    let result: Result<Value, PostgresError> = await withTaskCancellationHandler {
      do throws(PostgresError) {
        try operation.checkNotCancelled()
        return .success(try body(link, &operation))
      } catch {
        return .failure(error)
      }
    } onCancel: {
      cancellation.set()
      interrupt.raise()
    }
    return try result.get()
  }
}
