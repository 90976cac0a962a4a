import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
  @Test func queryReturnsRows() async throws {
    let connection = try await PostgresServer.shared.connect()
    let rows = try await connection.query(
      "SELECT $1::int8 + n AS a, $2 AS b FROM generate_series(0, 2) n", [.int8(40), .text("x")])
    #expect(rows.count == 3)
    #expect(rows.columns == ["a", "b"])
    #expect(try rows.map { try $0.int("a") } == [40, 41, 42])
    #expect(try rows[2].text("b") == "x")
    #expect(rows.command == "SELECT 3")
    await connection.close()
    let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
    #expect(error?.code == .closed)
  }

  @Test func namesItself() async throws {
    let server = try await PostgresServer.shared
    var configuration = try server.configuration()
    configuration.applicationName = "shard keeper"
    for (configuration, name) in [
      (configuration, "shard keeper"),
      (try PostgresConfiguration(server.databaseURL() + "?application_name=mine"), "mine"),
    ] {
      let connection = try await PostgresConnection.connect(configuration)
      #expect(try await connection.query("SHOW application_name")[0].text(0) == name)
      await connection.close()
    }
  }

  /// Compiling takes longer than most of our statements, and the planner decides for it by an estimate.
  @Test func statementsAreNotCompiled() async throws {
    let connection = try await PostgresServer.shared.connect()
    #expect(try await connection.query("SHOW jit")[0].text(0) == "off")
    await connection.close()
  }

  @Test func connectsThroughTheSocketFile() async throws {
    let server = try await PostgresServer.shared
    let connection = try await PostgresConnection.connect(
      PostgresConfiguration("host=\(server.directory) port=\(server.port) user=postgres dbname=postgres"))
    #expect(try await connection.query("SELECT 1").count == 1)
    await connection.close()
  }

  @Test func unknownDatabaseIsTheServersAnswer() async throws {
    let server = try await PostgresServer.shared
    let error = await #expect(throws: PostgresError.self) { try await server.connect("nowhere") }
    #expect(error?.code == .server)
    #expect(error?.sqlState == "3D000")
    #expect(error?.message.contains("database \"nowhere\" does not exist") == true)
    #expect(error?.isRetriable == false)
  }

  @Test func statementsStayPreparedWithinTheLimit() async throws {
    let server = try await PostgresServer.shared
    var configuration = try server.configuration()
    configuration.preparedStatementLimit = 5
    let connection = try await PostgresConnection.connect(configuration)
    for round in 0..<3 {
      for number in 0..<20 {
        #expect(
          try await connection.query("SELECT \(number) + $1::int4", [.int4(1)])[0].int(0) == number + 1,
          "\(round)")
      }
    }
    let prepared = try await connection.query("SELECT count(*) FROM pg_prepared_statements")[0].int(0)
    #expect((4...6).contains(prepared))
    await connection.close()
  }

  @Test func parameterTypesMayChange() async throws {
    let connection = try await PostgresServer.shared.connect()
    let sql = "SELECT $1::text AS t"
    #expect(try await connection.query(sql, [.null])[0].optionalText("t") == nil)
    #expect(try await connection.query(sql, [.int8(7)])[0].text("t") == "7")
    #expect(try await connection.query(sql, [.text("x")])[0].text("t") == "x")
    #expect(try await connection.query(sql, [.null])[0].optionalText("t") == nil)
    #expect(try await connection.query(sql, [.bool(true)])[0].text("t") == "true")
    await connection.close()
  }

  @Test func changedColumnsAndLostStatementsArePreparedAnew() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("prepared"))
    try await connection.execute(script: "CREATE TABLE t (a int4); INSERT INTO t VALUES (1)")
    #expect(try await connection.query("SELECT * FROM t").columns == ["a"])
    for script in ["ALTER TABLE t ADD b int4", "DEALLOCATE ALL"] {
      try await connection.execute(script: script)
      #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
    }
    // Inside a transaction that is open already there is no way back.
    let error = await #expect(throws: PostgresError.self) {
      try await connection.transaction { connection in
        try await connection.execute(script: "DEALLOCATE ALL")
        _ = try await connection.query("SELECT * FROM t")
      }
    }
    #expect(error?.isRetriable == true)
    #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
    await connection.close()
  }

  @Test func scriptsRunWholeOrNotAtAll() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("script"))
    let error = await #expect(throws: PostgresError.self) {
      try await connection.execute(script: "CREATE TABLE t (a int4); SELECT 1/0; CREATE TABLE u (a int4)")
    }
    #expect(error?.sqlState == "22012")
    #expect(try await connection.query("SELECT 1 FROM pg_class WHERE relname IN ('t', 'u')").isEmpty)
    await connection.close()
  }

  @Test func transactionCommitsOrRollsBack() async throws {
    struct Refused: Error {}
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("transaction"))
    try await connection.execute(script: "CREATE TABLE t (a int4 PRIMARY KEY)")
    let count = try await connection.transaction { connection in
      try await connection.query("INSERT INTO t VALUES (1), (2)").affected
    }
    #expect(count == 2)
    await #expect(throws: Refused.self) {
      try await connection.transaction { connection in
        _ = try await connection.query("INSERT INTO t VALUES (3)")
        throw Refused()
      }
    }
    let silent = await #expect(throws: PostgresError.self) {
      try await connection.transaction { connection in
        _ = try? await connection.query("INSERT INTO t VALUES (1)")
      }
    }
    #expect(silent?.sqlState == "25P02")
    #expect(try await connection.query("SELECT count(*) FROM t")[0].int(0) == 2)
    #expect(await connection.isInTransaction == false)
    await connection.close()
  }

  @Test func copyAsAStatementEndsTheConnection() async throws {
    let connection = try await PostgresServer.shared.connect()
    let error = await #expect(throws: PostgresError.self) { try await connection.query("COPY (SELECT 1) TO STDOUT") }
    #expect(error?.code == .configuration)
    #expect(error?.isConnectionLost == true)
  }
}
