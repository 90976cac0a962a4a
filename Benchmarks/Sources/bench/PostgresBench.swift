import ArgumentParser
import Postgres
import Values

/// What Postgres and adapter do without a mediator: rows of 200 bytes of JSON, 500 in one durable transaction, on one
/// connection.
struct PostgresBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postgres", abstract: "Rows inserted per second in batches.")

  @Option(help: "The database's URL.")
  var database: String

  @Option(help: "How many transactions.")
  var batches = 100

  private static let rows = 500

  func run() async throws {
    let connection = try await PostgresConnection.connect(try PostgresConfiguration(database))
    try await connection.execute(script: "create table bench_rows (id uuid primary key, at timestamptz, data json)")
    try await insert(0, on: connection)
    let took = try await ContinuousClock().measure {
      for batch in 1...batches { try await insert(batch, on: connection) }
    }
    try await connection.execute(script: "drop table bench_rows")
    await connection.close()
    let result: JSON = [
      "rows_per_second": JSON(Double(batches * Self.rows) / took.seconds),
      "transactions_per_second": JSON(Double(batches) / took.seconds),
    ]
    print(result.text)
  }

  private func insert(_ batch: Int, on connection: PostgresConnection) async throws {
    let value = sampleEvent.serialized()
    let now = Timestamp.now().microseconds
    let rows = 0..<Self.rows
    // Scattered ids, as instances have them.
    let ids = rows.map { PostgresUUID(high: UInt64.random(in: 0 ... .max), low: UInt64(batch << 32 | $0)) }
    _ = try await connection.query(
      "insert into bench_rows select * from unnest($1::uuid[], $2::timestamptz[], $3::json[])",
      [.uuids(ids), .timestamps(rows.map { _ in now }), .jsons(rows.map { _ in value })])
  }
}
