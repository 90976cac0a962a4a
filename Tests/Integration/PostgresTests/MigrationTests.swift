import Postgres
import TestSupport
import Testing

@Suite struct MigrationTests {
  private let good = [
    Migration(number: 1, name: "tables", sql: "CREATE TABLE a (x int4); CREATE TABLE b (y int4);"),
    Migration(number: 2, name: "rows", sql: "INSERT INTO a VALUES (1); SELECT pg_sleep(0.05);"),
    Migration(number: 5, name: "index", sql: "CREATE INDEX a_x ON a (x)"),
  ]

  private func freshDatabase() async throws -> String { try await PostgresServer.shared.newDatabase("migrations") }

  private func apply(_ migrations: [Migration], to database: String, component: String = "test") async throws -> Int {
    let connection = try await PostgresServer.shared.connect(database)
    defer { Task { await connection.close() } }
    return try await Migrations(component: component, migrations).apply(on: connection).count
  }

  @Test func appliesWhatIsMissing() async throws {
    let database = try await freshDatabase()
    #expect(try await apply(Array(good.prefix(2)), to: database) == 2)
    #expect(try await apply(good, to: database) == 1)
    #expect(try await apply(good, to: database) == 0)
    // Another component counts for itself.
    let other = [Migration(number: 1, name: "other", sql: "CREATE TABLE c (z int4)")]
    #expect(try await apply(other, to: database, component: "other") == 1)
    let connection = try await PostgresServer.shared.connect(database)
    let rows = try await connection.query("SELECT component, number, digest FROM schema_migrations ORDER BY 1, 2")
    #expect(try rows.map { try $0.int("number") } == [1, 1, 2, 5])
    // printf '%s' 'CREATE TABLE c (z int4)' | sha256sum
    #expect(try rows[0].text("digest") == "5c402bfaac647df3fe5aeeea757b66283d68ab54271d359beb513ea11f083971")
    await connection.close()
  }

  @Test func severalAtOnce() async throws {
    let database = try await freshDatabase()
    let applied = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<4 { group.addTask { try await apply(good, to: database) } }
      return try await group.reduce(0, +)
    }
    #expect(applied == 3)
    let connection = try await PostgresServer.shared.connect(database)
    #expect(try await connection.query("SELECT count(*) FROM a")[0].int(0) == 1)
    await connection.close()
  }

  @Test func refusesWhatDoesNotFit() async throws {
    let database = try await freshDatabase()
    _ = try await apply(good, to: database)
    let edited = [Migration(number: 1, name: "tables", sql: "CREATE TABLE other (x int4)")] + good.dropFirst()
    let cases = [
      (edited, "migration 1 (tables) has changed"),
      (Array(good.prefix(2)), "the database has migration 5 (index), which this program does not know"),
      (good + [Migration(number: 4, name: "late", sql: "")], "does not follow"),
      ([good[0], good[1], Migration(number: 4, name: "late", sql: ""), good[2]], "was never applied"),
    ]
    for (migrations, reason) in cases {
      let error = await #expect(throws: PostgresError.self) { try await apply(migrations, to: database) }
      #expect(error?.code == .migration)
      #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
    }
    #expect(try await apply(good, to: database) == 0)
  }

  @Test func failingMigrationLeavesNothingOfItself() async throws {
    let database = try await freshDatabase()
    let broken = [good[0], Migration(number: 2, name: "broken", sql: "CREATE TABLE d (x int4); SELECT 1/0;")]
    let error = await #expect(throws: PostgresError.self) { try await apply(broken, to: database) }
    #expect(error?.sqlState == "22012")
    #expect(error?.message == "test: migration 2 (broken): division by zero")
    let committing = [good[0], Migration(number: 2, name: "own", sql: "SELECT 1; COMMIT;")]
    let ended = await #expect(throws: PostgresError.self) { try await apply(committing, to: database) }
    #expect(ended?.code == .migration)
    #expect(try await apply([good[0], Migration(number: 2, name: "d", sql: "CREATE TABLE d ()")], to: database) == 1)
  }
}
