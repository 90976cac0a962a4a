import Postgres

extension PostgresPool {
  /// Runs queries in one round trip, all on one snapshot of the store, so that what they tell fits together.
  ///
  /// - Throws: `configuration` when the store has no tables yet, `outdated` when it has those of an older version.
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
      guard error.isOfTheSchema else { throw MediatorError(postgres: error) }
      throw try await schemaError(error, timeout: timeout)
    } catch {
      throw MediatorError(.store, "\(error)")
    }
  }

  func snapshot(timeout: Duration, _ query: PostgresStatement) async throws(MediatorError) -> PostgresRows {
    let results = try await snapshot(timeout: timeout, [query])
    guard let rows = results.first else { throw MediatorError(.store, "a query had no result") }
    return rows
  }

  private func schemaError(
    _ error: PostgresError, timeout: Duration
  ) async throws(MediatorError) -> MediatorError {
    let rows = try await run(
      timeout: timeout, [PostgresStatement("select to_regclass('instances') is not null as there")])
    let isThere = try store { () throws(PostgresError) in try rows[0][0].bool("there") }
    guard isThere else { return MediatorError(.configuration, "this database has none of the mediator's tables") }
    return MediatorError(
      .outdated,
      "the mediator's tables are of an older version than this program: \(error)")
  }
}

extension PostgresError {
  /// `undefined_table`, `undefined_column`, `undefined_function` (PostgreSQL manual, appendix A).
  fileprivate var isOfTheSchema: Bool { ["42P01", "42703", "42883"].contains(sqlState) }
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
