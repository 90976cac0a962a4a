import Synchronization

/// At most `size` connections, opened on demand, shared first come, first served.
///
/// A connection found dead is replaced. One that comes back inside a transaction is rolled back; other traces in the
/// session (SET, LISTEN, session locks) are for who left them to remove.
public final class PostgresPool: Sendable {
  private typealias Grant = PoolState<PostgresConnection>.Grant

  private struct State {
    var pool: PoolState<PostgresConnection>
    var waiters: [UInt64: CheckedContinuation<Grant, Never>] = [:]
    var tickets: UInt64 = 0
  }

  public let configuration: PostgresConfiguration
  private let wait: Duration
  private let state: Mutex<State>

  /// - Parameter wait: how long a call may wait for a free connection, and for a new one to open.
  public init(_ configuration: PostgresConfiguration, size: Int, wait: Duration = .seconds(10)) {
    self.configuration = configuration
    self.wait = wait
    state = Mutex(State(pool: PoolState(limit: size)))
  }

  /// Connections that exist at the moment, in use or idle.
  public var count: Int { state.withLock { $0.pool.open } }

  /// Tasks that wait for a connection at the moment.
  public var waiting: Int { state.withLock { $0.pool.waiting.count } }

  /// Runs `body` with a connection that nobody else has meanwhile.
  ///
  /// `body` runs in the isolation of the caller, so it may use the caller's state.
  ///
  /// - Parameter wait: for this call, instead of the pool's own.
  /// - Throws: `.timeout` when none became free in time, `.closed`, what opening a connection throws, what `body` throws.
  public nonisolated(nonsending) func withConnection<Value>(
    wait: Duration? = nil, _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Value
  ) async throws -> Value {
    let connection = try await acquire(.after(wait ?? self.wait))
    do {
      let value = try await body(connection)
      await release(connection)
      return value
    } catch {
      await release(connection)
      throw error
    }
  }

  /// Closes idle connections now and the others when they come back; refuses who waits and who comes.
  public func close() async {
    let (idle, waiters) = state.withLock { state in
      let (idle, tickets) = state.pool.close()
      return (idle, tickets.compactMap { state.waiters.removeValue(forKey: $0) })
    }
    for waiter in waiters { waiter.resume(returning: .refuse(PoolState<PostgresConnection>.closed)) }
    for connection in idle { await connection.close() }
  }

  // MARK: - Taking

  private func acquire(_ deadline: Deadline) async throws(PostgresError) -> PostgresConnection {
    var grant = state.withLock { $0.pool.acquire() }
    if grant == nil { grant = await waitInTurn(deadline) }
    switch grant {
    case .use(let connection):
      if await connection.isAlive { return connection }
      return try await open(deadline)
    case .open: return try await open(deadline)
    case .refuse(let error): throw error
    case nil: throw PoolState<PostgresConnection>.closed
    }
  }

  private func open(_ deadline: Deadline) async throws(PostgresError) -> PostgresConnection {
    var configuration = configuration
    configuration.connectTimeout = min(configuration.connectTimeout, ContinuousClock.now.duration(to: deadline.instant))
    do throws(PostgresError) {
      return try await PostgresConnection.connect(configuration)
    } catch {
      discard()
      throw error
    }
  }

  private func waitInTurn(_ deadline: Deadline) async -> Grant {
    let ticket = state.withLock { state in
      state.tickets += 1
      return state.tickets
    }
    let expiry = Task {
      // A deadline, not a wait: cancelled when a connection becomes free.
      try? await Task.sleep(until: deadline.instant, clock: .continuous)
      refuse(ticket, PostgresError(code: .timeout, message: "no database connection became free in time"))
    }
    defer { expiry.cancel() }
    let cancelled = PostgresError(code: .cancelled, message: "cancelled while waiting for a database connection")
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        park(ticket, continuation)
        // The handler may have run before there was anything to refuse.
        if Task.isCancelled { refuse(ticket, cancelled) }
      }
    } onCancel: {
      refuse(ticket, cancelled)
    }
  }

  private func park(_ ticket: UInt64, _ continuation: CheckedContinuation<Grant, Never>) {
    let grant = state.withLock { state -> Grant? in
      if let grant = state.pool.acquire() { return grant }
      state.pool.wait(ticket)
      state.waiters[ticket] = continuation
      return nil
    }
    if let grant { continuation.resume(returning: grant) }
  }

  /// Without effect when the ticket was served already.
  private func refuse(_ ticket: UInt64, _ error: PostgresError) {
    let waiter = state.withLock { state in
      state.pool.leave(ticket) ? state.waiters.removeValue(forKey: ticket) : nil
    }
    waiter?.resume(returning: .refuse(error))
  }

  // MARK: - Giving back

  private func release(_ connection: PostgresConnection) async {
    guard await connection.resetForReuse() else { return discard() }
    let (release, waiter) = state.withLock { state in
      let release = state.pool.release(connection)
      guard case .handOver(let ticket) = release else { return (release, nil as CheckedContinuation<Grant, Never>?) }
      return (release, state.waiters.removeValue(forKey: ticket))
    }
    if case .close = release { await connection.close() }
    waiter?.resume(returning: .use(connection))
  }

  private func discard() {
    let waiter = state.withLock { state in
      state.pool.discard().flatMap { state.waiters.removeValue(forKey: $0) }
    }
    waiter?.resume(returning: .open)
  }
}
