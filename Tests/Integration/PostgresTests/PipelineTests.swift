import Postgres
import TestSupport
import Testing

@Suite struct PipelineTests {
  private static let createTable = "CREATE TABLE item (id int8 PRIMARY KEY, name text)"

  private func freshConnection() async throws -> PostgresConnection {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("pipeline"))
    try await connection.execute(script: Self.createTable)
    return connection
  }

  private func count(_ connection: PostgresConnection) async throws -> Int {
    try await connection.query("SELECT count(*) FROM item")[0].int(0)
  }

  private func insert(_ ids: ClosedRange<Int64>) -> PostgresStatement {
    PostgresStatement(
      "INSERT INTO item SELECT * FROM unnest($1::int8[], $2::text[])",
      [.int8s(Array(ids)), .texts(ids.map { "item \($0)" })])
  }

  @Test func transactionInOneRoundTrip() async throws {
    let connection = try await freshConnection()
    for round in Int64(0)..<3 {
      let rows = try await connection.pipeline([
        PostgresStatement("BEGIN"), insert(round * 1000 + 1...round * 1000 + 100),
        insert(round * 1000 + 101...round * 1000 + 200),
        PostgresStatement("SELECT count(*) AS n FROM item"), PostgresStatement("COMMIT"),
      ])
      #expect(rows.map(\.affected) == [0, 100, 100, 1, 0])
      #expect(try rows[3][0].int("n") == Int(round + 1) * 200)
      #expect(rows[4].command == "COMMIT")
    }
    #expect(try await count(connection) == 600)
    await connection.close()
  }

  @Test(arguments: [true, false]) func errorInTheMiddleLeavesNothing(explicitTransaction: Bool) async throws {
    let connection = try await freshConnection()
    let begin = explicitTransaction ? [PostgresStatement("BEGIN")] : []
    let commit = explicitTransaction ? [PostgresStatement("COMMIT")] : []
    let error = await #expect(throws: PostgresError.self) {
      try await connection.pipeline(begin + [insert(1...10), insert(10...20), insert(30...40)] + commit)
    }
    #expect(error?.code == .server)
    #expect(error?.sqlState == "23505")
    #expect(error?.constraint == "item_pkey")
    #expect(error?.table == "item")
    #expect(error?.detail == "Key (id)=(10) already exists.")
    #expect(error?.statement == begin.count + 1)
    #expect(error?.isConnectionLost == false)
    #expect(await connection.isInTransaction == false)
    #expect(try await count(connection) == 0)
    _ = try await connection.pipeline(begin + [insert(1...10)] + commit)
    #expect(try await count(connection) == 10)
    await connection.close()
  }

  @Test func functionWithOwnSQLStateAborts() async throws {
    let connection = try await freshConnection()
    try await connection.execute(
      script: """
        CREATE FUNCTION guard(epoch int8) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
          IF epoch <> 7 THEN
            RAISE EXCEPTION 'epoch is gone' USING ERRCODE = 'MD001', DETAIL = 'it is 8', HINT = 'stop';
          END IF;
        END $$
        """)
    let error = await #expect(throws: PostgresError.self) {
      try await connection.pipeline([
        PostgresStatement("BEGIN"), insert(1...3),
        PostgresStatement(
          "SELECT guard($1)",
          [.int8(6)]), insert(4...5),
        PostgresStatement("COMMIT"),
      ])
    }
    #expect(error?.sqlState == "MD001")
    #expect(error?.message == "epoch is gone")
    #expect(error?.detail == "it is 8")
    #expect(error?.hint == "stop")
    #expect(error?.statement == 2)
    #expect(error?.isRetriable == false)
    #expect(try await count(connection) == 0)
    await connection.close()
  }

  @Test(arguments: [1, 64]) func fiftyMegabytesEachWay(rows: Int) async throws {
    let connection = try await freshConnection()
    let size = 50_000_000 / rows
    let big = String(repeating: "ä", count: size / 2)
    let statements = (0..<rows).map { _ in PostgresStatement("SELECT $1::text AS t", [.text(big)]) }
    let results = try await connection.pipeline(statements)
    #expect(results.count == rows)
    for result in results { #expect(try result[0].bytes("t").count == size / 2 * 2) }
    await connection.close()
  }
}
