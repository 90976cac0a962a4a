import Postgres
import TestSupport
import Testing

@Suite struct CopyTests {
  private static let copy = "COPY item (id, name, data, at) FROM STDIN (FORMAT binary)"

  private func freshConnection() async throws -> PostgresConnection {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("copy"))
    try await connection.execute(
      script: "CREATE TABLE item (id int8 PRIMARY KEY, name text, data json, at timestamptz)")
    return connection
  }

  private func row(_ id: Int) -> [PostgresValue] {
    [.int(id), id % 3 == 0 ? .null : .text("item \(id)"), .json(Array("{\"n\":\(id)}".utf8)), .timestamp(Int64(id))]
  }

  @Test func loadsRows() async throws {
    let connection = try await freshConnection()
    #expect(try await connection.copyIn(Self.copy, rows: (1...50_000).map(row)) == 50_000)
    #expect(try await connection.copyIn(Self.copy, rows: []) == 0)
    let rows = try await connection.query(
      "SELECT count(*) AS n, count(name) AS named, sum((data->>'n')::int8)::int8 AS total, max(at) AS at FROM item")
    #expect(try rows[0].int("n") == 50_000)
    #expect(try rows[0].int("named") == 33_334)
    #expect(try rows[0].int("total") == 50_000 * 50_001 / 2)
    #expect(try rows[0].timestamp("at") == 50_000)
    await connection.close()
  }

  @Test func allOrNothing() async throws {
    let connection = try await freshConnection()
    let doubled = (1...100_000).map(row) + [row(5)]
    let error = await #expect(throws: PostgresError.self) { try await connection.copyIn(Self.copy, rows: doubled) }
    #expect(error?.sqlState == "23505")
    #expect(error?.isConnectionLost == false)
    // The server ends this one early, while rows are still being sent.
    let wrong = [[PostgresValue.int(1)]] + (2...100_000).map(row)
    await #expect(throws: PostgresError.self) { try await connection.copyIn(Self.copy, rows: wrong) }
    #expect(try await connection.query("SELECT count(*) FROM item")[0].int(0) == 0)
    let unknown = await #expect(throws: PostgresError.self) {
      try await connection.copyIn("COPY nothing FROM STDIN (FORMAT binary)", rows: [])
    }
    #expect(unknown?.sqlState == "42P01")
    #expect(try await connection.copyIn(Self.copy, rows: [row(1)]) == 1)
    await connection.close()
  }
}
