import CLibPQ
import Glibc
import Threads

/// A `PGconn` and the waiting for it. Not thread-safe: belongs to one connection's thread.
final class Link {
  private(set) var handle: OpaquePointer?
  /// Why there is no handle any more.
  private(set) var lost: PostgresError?
  let configuration: PostgresConfiguration
  var cache: StatementCache
  let parameters = ParameterBuffer()
  private let interrupt: Interrupt

  init(configuration: PostgresConfiguration, interrupt: Interrupt) {
    self.configuration = configuration
    self.interrupt = interrupt
    cache = StatementCache(limit: configuration.preparedStatementLimit)
  }

  deinit { PQfinish(handle) }

  struct Readiness: OptionSet {
    let rawValue: Int
    static let read = Readiness(rawValue: 1)
    static let write = Readiness(rawValue: 2)
    /// A deadline changed, a task was cancelled, a cancel request was delivered: look again.
    static let interrupted = Readiness(rawValue: 4)
  }

  /// The live handle, or the reason why there is none.
  func connected() throws(PostgresError) -> OpaquePointer {
    if let handle { return handle }
    throw lost ?? PostgresError(code: .closed, message: "the connection is closed")
  }

  // MARK: - Opening and closing

  func open(_ operation: inout Operation) throws(PostgresError) {
    let parameters = configuration.connectionParameters
    let keywords = parameters.map { strdup($0.keyword) }
    let values = parameters.map { strdup($0.value) }
    defer { (keywords + values).forEach { free($0) } }
    let started = PQconnectStartParams(
      (keywords + [nil]).map { UnsafePointer($0) }, (values + [nil]).map { UnsafePointer($0) }, 0)
    guard let started else { throw PostgresError(code: .connection, message: "out of memory", isConnectionLost: true) }
    handle = started
    // Only at this verbosity does a refusal carry its SQLSTATE in the message, the sole place to have it from.
    PQsetErrorVerbosity(started, PQERRORS_VERBOSE)
    PQsetNoticeReceiver(started, { _, _ in }, nil)
    if PQstatus(started) == CONNECTION_BAD { throw connectFailure(started) }
    try poll(started, &operation)
    PQsetErrorVerbosity(started, PQERRORS_DEFAULT)
    guard PQsetnonblocking(started, 1) == 0 else { throw connectFailure(started) }
    // Our statements are short and come again and again; where the planner expects many rows, the server would compile
    // machine code for each execution (manual, chapter 32), which takes longer than most of them.
    try execute(script: "set jit = off", &operation)
  }

  private func poll(_ started: OpaquePointer, _ operation: inout Operation) throws(PostgresError) {
    var status = PGRES_POLLING_WRITING
    while status != PGRES_POLLING_OK {
      if status == PGRES_POLLING_FAILED { throw connectFailure(started) }
      let ready = wait(for: status == PGRES_POLLING_READING ? .read : .write, until: operation.deadline)
      if ready.isEmpty || operation.cancellation?.isSet == true {
        let cancelled = operation.cancellation?.isSet == true
        throw drop(
          PostgresError(
            code: cancelled ? .cancelled : .timeout,
            message: cancelled ? "cancelled while connecting" : "no connection to \(configuration) in time",
            isConnectionLost: true))
      }
      if ready != .interrupted { status = PQconnectPoll(started) }
    }
  }

  private func connectFailure(_ started: OpaquePointer) -> PostgresError {
    let (state, message) = ServerMessage.connectFailure(String(cString: PQerrorMessage(started)))
    return drop(
      PostgresError(
        code: state == nil ? .connection : .server, message: configuration.redact(message), sqlState: state,
        isConnectionLost: true))
  }

  /// Gives the link up. Returns the error for convenience: it is what every later call will get.
  @discardableResult
  func drop(_ error: PostgresError) -> PostgresError {
    PQfinish(handle)
    handle = nil
    if lost == nil { lost = error }
    return error
  }

  /// Drops the link with what libpq says about it.
  func dropLost() -> PostgresError {
    let said = handle.map { String(cString: PQerrorMessage($0)) } ?? ""
    let message = configuration.redact(ServerMessage.tidy(said))
    return drop(
      PostgresError(
        code: .connection, message: message.isEmpty ? "the connection to the server was lost" : message,
        isConnectionLost: true))
  }

  // MARK: - Waiting

  /// Waits for the socket or an interrupt. Empty: the deadline has passed.
  func wait(for events: Readiness, until deadline: Deadline) -> Readiness {
    guard let handle else { return .interrupted }
    var flags: Int32 = 0
    if events.contains(.read) { flags |= POLLIN }
    if events.contains(.write) { flags |= POLLOUT }
    var descriptors = [
      pollfd(fd: events.isEmpty ? -1 : PQsocket(handle), events: Int16(flags), revents: 0),
      pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let count = Glibc.poll(&descriptors, 2, deadline.milliseconds)
      if count > 0 { break }
      if count < 0 && errno != EINTR { return [.read] }
      if deadline.hasPassed { return [] }
    }
    if descriptors[1].revents != 0 {
      interrupt.drain()
      return .interrupted
    }
    let got = Int32(descriptors[0].revents)
    var ready: Readiness = []
    if got & POLLOUT != 0 && events.contains(.write) { ready.insert(.write) }
    // An error or a hang-up is for the next read to find out.
    if got & ~POLLOUT != 0 || ready.isEmpty { ready.insert(.read) }
    return ready
  }

  /// Waits, reads what has come and sends what is pending. Past the deadline, or when the task is cancelled, asks the
  /// server to stop and goes on waiting for its answer during the grace; then gives up the link.
  func exchange(writing: Bool, _ operation: inout Operation) throws(PostgresError) {
    let handle = try connected()
    let cancelled = operation.givenUp == nil && operation.cancellation?.isSet == true
    if cancelled { giveUp(.cancelled, &operation) }
    let ready = wait(for: writing ? [.read, .write] : .read, until: operation.deadline)
    if ready.isEmpty {
      if let reason = operation.givenUp { throw drop(unanswered(reason)) }
      giveUp(.timeout, &operation)
      return
    }
    if ready.contains(.read), PQconsumeInput(handle) == 0 {
      // What the server said last may already be in the buffer: the caller reads it and finds the status bad.
      return
    }
  }

  private func unanswered(_ reason: PostgresError.Code) -> PostgresError {
    let what = reason == .timeout ? "no answer by the deadline" : "cancelled"
    return PostgresError(
      code: reason, message: "\(what); the server did not confirm, so the connection was given up",
      isConnectionLost: true)
  }

  // MARK: - Cancelling

  private func giveUp(_ reason: PostgresError.Code, _ operation: inout Operation) {
    operation.givenUp = reason
    operation.deadline = .after(configuration.cancelGrace)
    let delivered = Flag()
    operation.cancelDelivered = delivered
    guard let handle, let request = PQgetCancel(handle) else { return delivered.set() }
    CancelRequest.send(request, delivered, interrupt)
  }

  /// A cancel request still on its way could hit the next statement, so the connection is only used again once it has
  /// been delivered.
  func settleCancel(_ operation: inout Operation) throws(PostgresError) {
    guard let reason = operation.givenUp, let delivered = operation.cancelDelivered else { return }
    while !delivered.isSet {
      if wait(for: [], until: operation.deadline).isEmpty { throw drop(unanswered(reason)) }
    }
  }
}

/// Delivers a cancel request on a thread of its own: PQcancel blocks, without a limit where the network is silent.
private enum CancelRequest {
  /// Safe because libpq lets a PGcancel be used in any one thread, and this one alone has it.
  private struct Handle: @unchecked Sendable { let pointer: OpaquePointer }

  private static let running = CancelThreads()

  static func send(_ request: OpaquePointer, _ delivered: Flag, _ interrupt: Interrupt) {
    guard running.enter() else { return PQfreeCancel(request) }
    let handle = Handle(pointer: request)
    startThread(named: "pg-cancel") {
      var message = [CChar](repeating: 0, count: 256)
      _ = PQcancel(handle.pointer, &message, Int32(message.count))
      PQfreeCancel(handle.pointer)
      running.leave()
      delivered.set()
      interrupt.raise()
    }
  }
}
