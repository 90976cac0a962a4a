/// The bookkeeping of a pool: which connections are idle, how many exist, who waits. Pure: says what is to be done.
struct PoolState<Connection> {
  /// What someone who asked for a connection is to do.
  enum Grant {
    /// Check that it is alive; if not, open one in its place.
    case use(Connection)
    /// Open one: its place is reserved. If that fails, `discard`.
    case open
    case refuse(PostgresError)
  }

  let limit: Int
  private(set) var isClosed = false
  /// The most recently used is last and is used first, so that those a pool does not need stay idle.
  private(set) var idle: [Connection] = []
  /// Idle, in use, or being opened.
  private(set) var open = 0
  private(set) var waiting: [UInt64] = []

  init(limit: Int) { self.limit = max(1, limit) }

  /// - Returns: nil when all are in use: wait in the queue.
  mutating func acquire() -> Grant? {
    if isClosed { return .refuse(Self.closed) }
    // Nobody overtakes those who wait already.
    if !waiting.isEmpty { return nil }
    if let connection = idle.popLast() { return .use(connection) }
    if open >= limit { return nil }
    open += 1
    return .open
  }

  mutating func wait(_ ticket: UInt64) { waiting.append(ticket) }

  /// - Returns: false when it was served in the meantime.
  mutating func leave(_ ticket: UInt64) -> Bool {
    guard let index = waiting.firstIndex(of: ticket) else { return false }
    waiting.remove(at: index)
    return true
  }

  enum Release {
    case keptIdle
    case handOver(ticket: UInt64)
    /// The pool is closed: close the connection too.
    case close
  }

  /// A connection comes back in good order.
  mutating func release(_ connection: Connection) -> Release {
    if isClosed {
      open -= 1
      return .close
    }
    if !waiting.isEmpty { return .handOver(ticket: waiting.removeFirst()) }
    idle.append(connection)
    return .keptIdle
  }

  /// A connection is gone, or could not be opened. Returns who is to open one in its place.
  mutating func discard() -> UInt64? {
    if !waiting.isEmpty { return waiting.removeFirst() }
    open -= 1
    return nil
  }

  /// Returns the idle connections, to be closed, and the tickets to refuse.
  mutating func close() -> (idle: [Connection], waiting: [UInt64]) {
    defer {
      isClosed = true
      open -= idle.count
      idle = []
      waiting = []
    }
    return (idle, waiting)
  }

  static var closed: PostgresError { PostgresError(code: .closed, message: "the connection pool is closed") }
}
