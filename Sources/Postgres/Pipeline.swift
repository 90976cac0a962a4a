import CLibPQ

/// One list of statements on its way through libpq's pipeline mode (PostgreSQL manual section 34.5): everything is sent,
/// with one sync at the end, while answers are already being read. So neither side can block the other however much
/// flows, and the whole list costs one round trip.
final class Pipeline {
  fileprivate enum Command {
    case prepare(name: String, types: [UInt32], statement: Int)
    case execute(name: String, statement: Int)
    /// Not kept prepared; no parameters.
    case direct(String)
    case sync
  }

  /// How much may be handed to libpq before it must have gone to the socket: bounds what libpq holds in memory.
  private static let flushThreshold = 256 * 1024

  private let link: Link
  private let statements: [PostgresStatement]
  private var commands: [Command] = []
  private var sent = 0
  private var answered = 0
  private var unflushed = 0
  private var isWriting = false
  private var rows: [PostgresRows]
  private(set) var failure: PostgresError?
  /// The failure may be that of a prepared statement gone stale, which is now no longer taken for prepared.
  private(set) var hasForgotten = false

  init(_ link: Link, _ statements: [PostgresStatement]) {
    self.link = link
    self.statements = statements
    rows = []
    rows.reserveCapacity(statements.count)
    commands.reserveCapacity(statements.count + 4)
    for (index, statement) in statements.enumerated() {
      switch link.cache.plan(statement.sql, statement.parameters) {
      case .ready(let name):
        commands.append(.execute(name: name, statement: index))
      case .prepare(let name, let types):
        commands.append(.prepare(name: name, types: types, statement: index))
        commands.append(.execute(name: name, statement: index))
      }
    }
    commands.append(.sync)
  }

  /// Statements without parameters that are not worth keeping prepared.
  init(_ link: Link, direct: [String]) {
    self.link = link
    statements = []
    rows = []
    commands = direct.map { .direct($0) } + [.sync]
  }

  /// - Throws: only when the link is gone; what the server refused is in `failure`.
  func run(_ operation: inout Operation) throws(PostgresError) -> [PostgresRows] {
    let handle = try link.connected()
    guard PQenterPipelineMode(handle) == 1 else { throw link.dropLost() }
    defer { link.cache.endExchange() }
    while true {
      try send(handle)
      try receive(handle)
      if answered == commands.count { break }
      try link.exchange(writing: isWriting, &operation)
      if isWriting { try flush(handle) }
    }
    guard PQexitPipelineMode(handle) == 1 else { throw link.dropLost() }
    try link.settleCancel(&operation)
    if let reason = operation.givenUp, failure?.sqlState == SQLState.queryCanceled {
      failure = failure?.givenUp(reason)
    }
    return rows
  }

  // MARK: - Sending

  private func send(_ handle: OpaquePointer) throws(PostgresError) {
    while sent < commands.count && !isWriting {
      let accepted = try submit(commands[sent], handle)
      guard accepted == 1 else { throw link.dropLost() }
      sent += 1
      if unflushed > Self.flushThreshold || sent == commands.count { try flush(handle) }
    }
  }

  private func submit(_ command: Command, _ handle: OpaquePointer) throws(PostgresError) -> Int32 {
    switch command {
    case .prepare(let name, let types, let statement):
      let sql = statements[statement].sql
      unflushed += sql.utf8.count
      return PQsendPrepare(handle, name, sql, Int32(types.count), types)
    case .execute(let name, let statement):
      let parameters = link.parameters
      parameters.encode(statements[statement].parameters)
      if parameters.byteCount > ParameterBuffer.byteLimit {
        throw link.drop(
          PostgresError(code: .encoding, message: "a statement's parameters exceed 1 GiB", isConnectionLost: true))
      }
      unflushed += parameters.byteCount
      return parameters.withPointers { count, values, lengths, formats in
        PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
      }
    case .direct(let sql):
      return PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1)
    case .sync:
      return PQpipelineSync(handle)
    }
  }

  private func flush(_ handle: OpaquePointer) throws(PostgresError) {
    let result = PQflush(handle)
    if result < 0 { throw link.dropLost() }
    isWriting = result == 1
    if !isWriting { unflushed = 0 }
  }

  // MARK: - Receiving

  private func receive(_ handle: OpaquePointer) throws(PostgresError) {
    while answered < sent && PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else {
        answered += 1
        continue
      }
      try take(result, for: commands[answered])
    }
    if answered < commands.count && PQstatus(handle) == CONNECTION_BAD { throw link.dropLost() }
  }

  /// Each command's results end with a nil; only the sync's single result does not.
  private func take(_ result: OpaquePointer, for command: Command) throws(PostgresError) {
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
      accept(result, for: command)
    case PGRES_PIPELINE_SYNC:
      PQclear(result)
      answered += 1
    case PGRES_PIPELINE_ABORTED:
      PQclear(result)
    case PGRES_FATAL_ERROR:
      let error = ServerMessage.error(result, statement: command.statement, link.configuration)
      PQclear(result)
      if error.isConnectionLost { throw link.drop(error) }
      if failure == nil { fail(error, at: command) }
    default:
      // COPY has no place in a pipeline, and there is no orderly way out of it.
      PQclear(result)
      throw link.drop(
        PostgresError(
          code: .configuration, message: "COPY is not possible as a statement; use copyIn", isConnectionLost: true))
    }
  }

  private func accept(_ result: OpaquePointer, for command: Command) {
    switch command {
    case .prepare(let name, _, let statement):
      link.cache.confirm(statements[statement].sql, name: name)
      PQclear(result)
    case .execute: rows.append(PostgresRows(taking: result))
    case .direct, .sync: PQclear(result)
    }
  }

  private func fail(_ error: PostgresError, at command: Command) {
    failure = error
    guard case .execute = command else { return }
    // Gone (someone deallocated it), or planned for columns that have changed since; others are likely to be, too.
    if error.sqlState == SQLState.invalidStatementName || error.sqlState == SQLState.featureNotSupported {
      link.cache.forgetAll()
      hasForgotten = true
    }
  }
}

extension Pipeline.Command {
  fileprivate var statement: Int? {
    switch self {
    case .prepare(_, _, let statement), .execute(_, let statement): statement
    case .direct, .sync: nil
    }
  }
}
