import Postgres

extension PostgresPool {
  /// Runs queries in one round trip, all on one snapshot of the store, so that what they tell fits together.
  ///
  /// - Throws: `configuration` when the store has no tables yet.
  func snapshot(
    timeout: Duration, _ queries: [PostgresStatement]
  ) async throws(MediatorError) -> [PostgresRows] {
    let begin = PostgresStatement("begin isolation level repeatable read read only")
    do {
      let results = try await withConnection { connection in
        try await connection.pipeline([begin] + queries + [PostgresStatement("commit")], timeout: timeout)
      }
      return Array(results.dropFirst().dropLast())
    } catch let error as PostgresError {
      throw MediatorError(reading: error)
    } catch {
      throw MediatorError(.store, "\(error)")
    }
  }

  func snapshot(timeout: Duration, _ query: PostgresStatement) async throws(MediatorError) -> PostgresRows {
    let results = try await snapshot(timeout: timeout, [query])
    guard let rows = results.first else { throw MediatorError(.store, "a query had no result") }
    return rows
  }
}

extension MediatorError {
  /// SQLSTATE 42P01 is `undefined_table` (PostgreSQL manual, appendix A).
  fileprivate init(reading error: PostgresError) {
    if error.sqlState == "42P01" {
      self.init(.configuration, "this database has none of the mediator's tables")
    } else {
      self.init(postgres: error)
    }
  }
}

/// A part of a longer list.
public struct Page<Item: Sendable>: Sendable {
  public let items: [Item]
  /// Whether there are more than these.
  public let hasMore: Bool

  /// - Parameter items: up to one more than `limit`.
  init(_ items: [Item], limit: Int) {
    self.items = Array(items.prefix(limit))
    hasMore = items.count > limit
  }
}
