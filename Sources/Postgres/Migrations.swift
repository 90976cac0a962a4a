/// One step of a schema.
public struct Migration: Sendable, Hashable {
  /// From 1, rising.
  public let number: Int
  public let name: String
  /// A script; it runs inside a transaction, so it has no BEGIN or COMMIT of its own.
  public let sql: String

  public init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
  }
}

/// The numbered steps that bring the schema of one component up to date.
///
/// What was applied is recorded in the table `schema_migrations` with the SHA-256 of its text. Several processes may
/// start at once: a lock in the database lets one after the other look and apply.
public struct Migrations: Sendable {
  /// Serialises all components, as they may touch the same schema. The bytes of "mediator".
  private static let lockKey: Int64 = 0x6d65_6469_6174_6f72

  private static let createTable = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
      component text NOT NULL,
      number int4 NOT NULL,
      name text NOT NULL,
      digest text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (component, number)
    )
    """

  public let component: String
  public let migrations: [Migration]

  public init(component: String, _ migrations: [Migration]) {
    self.component = component
    self.migrations = migrations
  }

  /// Applies what is missing, each migration in a transaction of its own.
  ///
  /// - Parameter timeout: for waiting for the lock, and for each statement.
  /// - Returns: what was applied now.
  /// - Throws: `.migration` when an applied one has changed since, when the database is newer than this program, or when
  ///   one that is older than the newest applied is missing; `.server` when a script fails, with its name.
  @discardableResult
  public func apply(
    on connection: PostgresConnection, timeout: Duration = .seconds(300)
  ) async throws(PostgresError) -> [Migration] {
    try checkOrder()
    _ = try await connection.query("SELECT pg_advisory_lock($1)", [.int8(Self.lockKey)], timeout: timeout)
    let outcome: Result<[Migration], PostgresError>
    do throws(PostgresError) {
      outcome = .success(try await applyMissing(connection, timeout))
    } catch {
      outcome = .failure(error)
    }
    await connection.releaseLock(Self.lockKey)
    return try outcome.get()
  }

  private func checkOrder() throws(PostgresError) {
    var last = 0
    for migration in migrations {
      guard migration.number > last, migration.number <= Int(Int32.max) else {
        throw problem("\(label(migration)) does not follow number \(last)")
      }
      last = migration.number
    }
  }

  private func applyMissing(
    _ connection: PostgresConnection, _ timeout: Duration
  ) async throws(PostgresError) -> [Migration] {
    _ = try await connection.query(Self.createTable, timeout: timeout)
    let digests = try await digests(connection, timeout)
    let missing = try await missing(connection, digests, timeout)
    for migration in missing { try await apply(migration, digests[migration.number] ?? "", connection, timeout) }
    return missing
  }

  /// Computed by the server, which has the function at hand.
  private func digests(
    _ connection: PostgresConnection, _ timeout: Duration
  ) async throws(PostgresError) -> [Int: String] {
    let rows = try await connection.query(
      "SELECT n, encode(sha256(t), 'hex') AS digest FROM unnest($1::int4[], $2::bytea[]) AS m(n, t)",
      [.int4s(migrations.map { Int32($0.number) }), .bytesArray(migrations.map { Array($0.sql.utf8) })],
      timeout: timeout)
    var digests: [Int: String] = [:]
    for row in rows { digests[try row.int("n")] = try row.text("digest") }
    return digests
  }

  private func missing(
    _ connection: PostgresConnection, _ digests: [Int: String], _ timeout: Duration
  ) async throws(PostgresError) -> [Migration] {
    let rows = try await connection.query(
      "SELECT number, name, digest FROM schema_migrations WHERE component = $1 ORDER BY number", [.text(component)],
      timeout: timeout)
    var newest = 0
    var applied: Set<Int> = []
    for row in rows {
      let number = try row.int("number")
      let label = "\(number) (\(try row.text("name")))"
      guard let digest = digests[number] else {
        throw problem("the database has migration \(label), which this program does not know: it needs a newer version")
      }
      if try row.text("digest") != digest {
        throw problem("migration \(label) has changed since it was applied; add a new one instead of editing it")
      }
      newest = number
      applied.insert(number)
    }
    let missing = migrations.filter { !applied.contains($0.number) }
    if let late = missing.first(where: { $0.number < newest }) {
      throw problem("\(label(late)) was never applied, although the newer number \(newest) was")
    }
    return missing
  }

  private func apply(
    _ migration: Migration, _ digest: String, _ connection: PostgresConnection, _ timeout: Duration
  ) async throws(PostgresError) {
    do throws(PostgresError) {
      _ = try await connection.query("BEGIN", timeout: timeout)
      try await connection.execute(script: migration.sql, timeout: timeout)
      guard await connection.isInTransaction else {
        throw problem("\(label(migration)) ends its transaction itself; take out its COMMIT or ROLLBACK")
      }
      _ = try await connection.pipeline(
        [
          PostgresStatement(
            "INSERT INTO schema_migrations (component, number, name, digest) VALUES ($1, $2, $3, $4)",
            [.text(component), .int4(Int32(migration.number)), .text(migration.name), .text(digest)]),
          PostgresStatement("COMMIT"),
        ], timeout: timeout)
    } catch {
      await connection.rollback()
      throw error.inContext("\(component): \(label(migration))")
    }
  }

  private func label(_ migration: Migration) -> String { "migration \(migration.number) (\(migration.name))" }

  private func problem(_ what: String) -> PostgresError {
    PostgresError(code: .migration, message: "\(component): \(what)")
  }
}

extension PostgresConnection {
  /// Done even when the calling task is cancelled: the session may go back to a pool.
  fileprivate func releaseLock(_ key: Int64) {
    var operation = Operation(Link.tidyingTimeout)
    // If it fails the link is gone, and the lock with it.
    _ = try? link.pipeline([PostgresStatement("SELECT pg_advisory_unlock($1)", [.int8(key)])], &operation)
  }
}
