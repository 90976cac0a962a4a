import Postgres

/// The mediator's tables, created and brought up to date.
public enum MediatorSchema {
  /// Safe when several processes start at once.
  ///
  /// - Throws: `PostgresError` with code `migration` when an applied file has changed, or when the database is newer
  ///   than this program.
  public static func migrate(_ database: PostgresConfiguration) async throws(PostgresError) {
    let connection = try await PostgresConnection.connect(database)
    let outcome: Result<Void, PostgresError>
    do throws(PostgresError) {
      try await migrations.apply(on: connection)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    await connection.close()
    try outcome.get()
  }

  static let migrations = Migrations(
    component: "mediator",
    [
      Migration(
        number: 1, name: "foundation", sql: String(decoding: PackageResources.V0001_foundation_sql, as: UTF8.self)),
      Migration(number: 2, name: "events", sql: String(decoding: PackageResources.V0002_events_sql, as: UTF8.self)),
      Migration(number: 3, name: "catalog", sql: String(decoding: PackageResources.V0003_catalog_sql, as: UTF8.self)),
      Migration(
        number: 4, name: "commands", sql: String(decoding: PackageResources.V0004_commands_sql, as: UTF8.self)),
      Migration(
        number: 5, name: "dead-letters", sql: String(decoding: PackageResources.V0005_dead_letters_sql, as: UTF8.self)),
      Migration(
        number: 6, name: "diagnosis", sql: String(decoding: PackageResources.V0006_diagnosis_sql, as: UTF8.self)),
      Migration(
        number: 7, name: "retention", sql: String(decoding: PackageResources.V0007_retention_sql, as: UTF8.self)),
      Migration(
        number: 8, name: "queued-calls",
        sql: String(decoding: PackageResources.V0008_queued_calls_sql, as: UTF8.self)),
      Migration(
        number: 9, name: "retirements", sql: String(decoding: PackageResources.V0009_retirements_sql, as: UTF8.self)),
      Migration(
        number: 10, name: "position-decisions",
        sql: String(decoding: PackageResources.V0010_position_decisions_sql, as: UTF8.self)),
    ])
}
