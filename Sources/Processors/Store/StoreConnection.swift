import Postgres

/// One connection, made when it is first needed and made anew when it was lost.
actor StoreConnection {
  private let configuration: PostgresConfiguration
  private var current: PostgresConnection?

  init(_ configuration: PostgresConfiguration) { self.configuration = configuration }

  func get() async throws(PostgresError) -> PostgresConnection {
    if let current {
      if await current.isAlive { return current }
      self.current = nil
    }
    let connection = try await PostgresConnection.connect(configuration)
    // Another caller may have been faster.
    if let current {
      await connection.close()
      return current
    }
    current = connection
    return connection
  }

  func close() async {
    await current?.close()
    current = nil
  }
}

extension ProcessorError {
  /// By what there is to do about it: SQLSTATE as in the Postgres manual, appendix A.
  init(postgres error: PostgresError) {
    let isLostRace = error.sqlState == "23505" && error.constraint == InboxRows.primaryKey
    self.init(isLostRace ? .conflict : .store, "\(error)")
  }
}

extension PostgresError {
  /// The server refused what it was given, and will again: data it cannot convert (22), a constraint (23), a limit (54),
  /// an exception raised by a trigger (P0), the wrong or no table (42).
  var isAboutTheStatement: Bool {
    guard !isConnectionLost, !isRetriable, let sqlState else { return false }
    return ["22", "23", "54", "P0", "42"].contains { sqlState.hasPrefix($0) }
  }

  /// No such table or column, no right to it: nothing that an event could do differently.
  var isAboutTheSchema: Bool { sqlState?.hasPrefix("42") ?? false }
}
