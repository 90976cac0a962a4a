import CLibPQ

extension PostgresConnection {
  /// Runs `body` between BEGIN and COMMIT. Any error of it rolls back and is thrown on.
  ///
  /// An error of the COMMIT itself with `isConnectionLost` says that the outcome is unknown; all others say that nothing
  /// was changed. Where the statements are known beforehand, `pipeline` does the same in one round trip.
  public nonisolated(nonsending) func transaction<Value>(
    _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Value
  ) async throws -> Value {
    _ = try await query("BEGIN")
    let value: Value
    do {
      value = try await body(self)
    } catch {
      await rollback()
      throw error
    }
    do {
      let rows = try await query("COMMIT")
      if rows.command == "COMMIT" { return value }
    } catch {
      await rollback()
      throw error
    }
    // A statement failed and `body` kept silent about it: the server then answers a COMMIT with a rollback.
    throw PostgresError(
      code: .server, message: "a statement of the transaction had failed, so it was rolled back",
      sqlState: SQLState.inFailedTransaction)
  }

  /// Ends an open transaction, even when the calling task is cancelled.
  func rollback() {
    if link.handle != nil && link.transactionStatus != PQTRANS_IDLE { link.rollback() }
  }

  /// - Returns: false when the connection is gone.
  func resetForReuse() -> Bool {
    rollback()
    return isAlive
  }
}
