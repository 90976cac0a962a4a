import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
  @Test func queryReturnsRows() async throws {
    let connection = try await PostgresServer.shared.connect()
    let rows = try await connection.query("SELECT $1::int8 AS a, $2 AS b", [.int8(42), .text("x")])
    #expect(rows.count == 1)
    #expect(try rows[0].int("a") == 42)
    #expect(try rows[0].text("b") == "x")
    #expect(rows.command == "SELECT 1")
    await connection.close()
  }
}
