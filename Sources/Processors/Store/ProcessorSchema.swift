import Postgres

/// The built-in processors' tables, created and brought up to date.
public enum ProcessorSchema {
  /// Safe when several processes start at once.
  ///
  /// - Throws: code `migration` when an applied file has changed, or when the database is newer than this program.
  public static func migrate(_ database: PostgresConfiguration) async throws(PostgresError) {
    _ = try await withConnection(database) { connection throws(PostgresError) in
      try await migrations.apply(on: connection)
    }
  }

  static let migrations = Migrations(
    component: "processors",
    [
      Migration(
        number: 1, name: "processors", sql: String(decoding: PackageResources.V0001_processors_sql, as: UTF8.self)),
      Migration(
        number: 2, name: "positions", sql: String(decoding: PackageResources.V0002_positions_sql, as: UTF8.self)),
    ])

  /// Looks whether the declared tables are there with their columns and unique constraints.
  ///
  /// - Throws: `configuration` with what is missing, `store`.
  static func check(_ tables: [TableDefinition], on database: PostgresConfiguration) async throws(ProcessorError) {
    do throws(PostgresError) {
      try await withConnection(database) { connection throws(PostgresError) in
        for table in tables {
          let insert = TableSQL(table).statement([])
          do throws(PostgresError) {
            // An insert of nothing: the server checks names, types and the conflict target.
            _ = try await connection.query(insert.sql, insert.parameters)
          } catch  where error.isAboutTheSchema {
            throw PostgresError(
              code: .configuration, message: "table '\(table.name)' is not as it is declared: \(error.message)")
          }
        }
      }
    } catch {
      throw ProcessorError(error.code == .configuration ? .configuration : .store, "\(error)")
    }
  }

  /// Deletes what is older than `age` from the inbox and from the record of messages sent.
  ///
  /// - Returns: how many rows.
  static func prune(olderThan age: Duration, on connection: PostgresConnection) async throws(PostgresError) -> Int {
    var total = 0
    for table in ["processor_inbox", "telegram_messages"] {
      while !Task.isCancelled {
        let rows = try await connection.query(
          """
          delete from \(table) where ctid = any(array(
            select ctid from \(table) where created_at < now() - $1 * interval '1 second'
             limit \(pageSize) for update skip locked))
          """, [.double(age / .seconds(1))])
        total += rows.affected
        if rows.affected < pageSize { break }
      }
    }
    return total
  }

  private static let pageSize = 2000

  static func withConnection<Value: Sendable>(
    _ database: PostgresConfiguration, _ body: (PostgresConnection) async throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value {
    let connection = try await PostgresConnection.connect(database)
    let outcome: Result<Value, PostgresError>
    do throws(PostgresError) {
      outcome = .success(try await body(connection))
    } catch {
      outcome = .failure(error)
    }
    await connection.close()
    return try outcome.get()
  }
}
