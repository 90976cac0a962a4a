import CLibPQ

extension PostgresConnection {
  /// Loads rows with COPY, the fastest way in. All or none of them.
  ///
  /// - Parameter sql: `COPY table (columns) FROM STDIN (FORMAT binary)`. Binary COPY converts nothing: each value must
  ///   have exactly its column's type.
  /// - Returns: the number of rows.
  @discardableResult
  public func copyIn(
    _ sql: String, rows: [[PostgresValue]], timeout: Duration? = nil
  ) async throws(PostgresError) -> Int {
    for row in rows {
      for value in row { try value.checkSendable() }
    }
    return try await perform(timeout) { link, operation throws(PostgresError) in
      try link.copyIn(sql, rows, &operation)
    }
  }
}

extension Link {
  private static let copyChunk = 128 * 1024

  func copyIn(_ sql: String, _ rows: [[PostgresValue]], _ operation: inout Operation) throws(PostgresError) -> Int {
    let handle = try connected()
    guard PQsendQuery(handle, sql) == 1 else { throw dropLost() }
    var outcome = CopyOutcome()
    while let result = try nextResult(handle, &operation) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COPY_IN where !outcome.isStarted:
        outcome.isStarted = true
        try sendCopyData(rows, handle, &operation)
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        throw drop(
          PostgresError(code: .configuration, message: "copyIn needs one COPY … FROM STDIN", isConnectionLost: true))
      case PGRES_FATAL_ERROR:
        let error = ServerMessage.error(result, statement: nil, configuration)
        if error.isConnectionLost { throw drop(error) }
        if outcome.failure == nil { outcome.failure = error }
      default: outcome.count = Int(String(cString: PQcmdTuples(result))) ?? 0
      }
    }
    try finish(outcome.failure, &operation)
    return outcome.count
  }

  private struct CopyOutcome {
    var isStarted = false
    var count = 0
    var failure: PostgresError?
  }

  /// The binary COPY format (PostgreSQL manual, COPY): signature, flags, rows as counts and values, trailer.
  private func sendCopyData(
    _ rows: [[PostgresValue]], _ handle: OpaquePointer, _ operation: inout Operation
  ) throws(PostgresError) {
    let buffer = WireBuffer()
    buffer.append(Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00])
    buffer.append(Int32(0))
    buffer.append(Int32(0))
    for row in rows {
      buffer.append(Int16(truncatingIfNeeded: row.count))
      for value in row { buffer.appendCounted(value) }
      if buffer.count > Self.copyChunk, try !put(buffer, handle, &operation) { return }
    }
    buffer.append(Int16(-1))
    if try put(buffer, handle, &operation) {
      while PQputCopyEnd(handle, nil) == 0 { try exchange(writing: true, &operation) }
    }
  }

  /// - Returns: false when the server has ended the COPY; its reason is the next result.
  private func put(
    _ buffer: WireBuffer, _ handle: OpaquePointer, _ operation: inout Operation
  ) throws(PostgresError) -> Bool {
    while true {
      let bytes = buffer.base.assumingMemoryBound(to: CChar.self)
      switch PQputCopyData(handle, bytes, Int32(truncatingIfNeeded: buffer.count)) {
      case 1:
        buffer.removeAll()
        return try drain(handle, &operation)
      case 0: try exchange(writing: true, &operation)
      default:
        if PQstatus(handle) == CONNECTION_BAD { throw dropLost() }
        return false
      }
    }
  }

  private func drain(_ handle: OpaquePointer, _ operation: inout Operation) throws(PostgresError) -> Bool {
    while true {
      let flushed = PQflush(handle)
      if flushed == 0 { return true }
      if flushed < 0 { throw dropLost() }
      try exchange(writing: true, &operation)
    }
  }
}
