import CLibPQ

// What a connection can ask of the server, each leaving the link idle or dropped.
extension Link {
  var transactionStatus: PGTransactionStatusType { handle.map { PQtransactionStatus($0) } ?? PQTRANS_UNKNOWN }

  /// Reads what the server said unasked: an end of the session among it.
  func isAlive() -> Bool {
    guard let handle else { return false }
    // One read takes the server's last words, only the next one finds the end behind them.
    let isWell = PQconsumeInput(handle) == 1 && PQisBusy(handle) == 0 && PQconsumeInput(handle) == 1
    if isWell && PQstatus(handle) == CONNECTION_OK { return true }
    _ = dropLost()
    return false
  }

  /// For what is done after the caller's own deadline, and takes no time at a server that answers.
  static let tidyingTimeout: Duration = .seconds(5)

  func pipeline(
    _ statements: [PostgresStatement], _ operation: inout Operation
  ) throws(PostgresError) -> [PostgresRows] {
    let startsIdle = transactionStatus == PQTRANS_IDLE
    var pipeline = Pipeline(self, statements)
    var rows = try pipeline.run(&operation)
    if startsIdle && pipeline.hasForgotten {
      // Nothing of the list remains, so it can be sent again, prepared anew.
      if transactionStatus != PQTRANS_IDLE { rollback() }
      pipeline = Pipeline(self, statements)
      rows = try pipeline.run(&operation)
    }
    if let failure = pipeline.failure {
      if startsIdle && transactionStatus != PQTRANS_IDLE { rollback() }
      throw failure
    }
    if cache.hasDropped && transactionStatus == PQTRANS_IDLE { deallocateDropped() }
    return rows
  }

  /// Cannot fail: when the transaction cannot be rolled back the link is dropped, which rolls it back too.
  func rollback() {
    var operation = Operation(Self.tidyingTimeout)
    let pipeline = Pipeline(self, direct: ["ROLLBACK"])
    do {
      _ = try pipeline.run(&operation)
      if let failure = pipeline.failure { drop(failure) }
    } catch {
      // Already dropped.
    }
  }

  private func deallocateDropped() {
    let names = cache.takeDropped()
    if names.isEmpty { return }
    var operation = Operation(Self.tidyingTimeout)
    // An error here means that a name is gone already, which is what was wanted; a lost link shows at the next call.
    _ = try? Pipeline(self, direct: names.map { "DEALLOCATE \($0)" }).run(&operation)
  }

  func execute(script: String, _ operation: inout Operation) throws(PostgresError) {
    let handle = try connected()
    guard PQsendQuery(handle, script) == 1 else { throw dropLost() }
    var failure: PostgresError?
    while let result = try nextResult(handle, &operation) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_FATAL_ERROR:
        let error = ServerMessage.error(result, statement: nil, configuration)
        if error.isConnectionLost { throw drop(error) }
        if failure == nil { failure = error }
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        throw drop(
          PostgresError(code: .configuration, message: "COPY has no place in a script", isConnectionLost: true))
      default: break
      }
    }
    try finish(failure, &operation)
  }

  /// Waits for the next result of what was sent; nil when there are no more.
  func nextResult(_ handle: OpaquePointer, _ operation: inout Operation) throws(PostgresError) -> OpaquePointer? {
    while true {
      let flushed = PQflush(handle)
      if flushed < 0 { throw dropLost() }
      if PQisBusy(handle) == 0 { return PQgetResult(handle) }
      if PQstatus(handle) == CONNECTION_BAD { throw dropLost() }
      try exchange(writing: flushed == 1, &operation)
    }
  }

  /// Throws what the server refused, once nothing of the exchange is under way any more.
  func finish(_ failure: PostgresError?, _ operation: inout Operation) throws(PostgresError) {
    try settleCancel(&operation)
    guard let failure else { return }
    if let reason = operation.givenUp, failure.sqlState == SQLState.queryCanceled { throw failure.givenUp(reason) }
    throw failure
  }
}
