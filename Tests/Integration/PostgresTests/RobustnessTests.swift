import Postgres
import TestSupport
import Testing

/// What happens when the server, the network or the caller gives up.
@Suite(.serialized) struct RobustnessTests {
  /// Gives up soon when the server does not even confirm a cancellation.
  private func hasty(_ configuration: PostgresConfiguration) -> PostgresConfiguration {
    var configuration = configuration
    configuration.cancelGrace = .milliseconds(200)
    return configuration
  }

  /// Returns when the query with this comment has reached its pg_sleep.
  private func untilAsleep(_ comment: String, _ server: PostgresServer) async throws {
    let watcher = try await server.connect()
    let sql = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%/* ' || $1 || ' */' AND wait_event = 'PgSleep'"
    while try await watcher.query(sql, [.text(comment)]).isEmpty {}
    await watcher.close()
  }

  @Test func timeoutCancelsAndKeepsTheConnection() async throws {
    let connection = try await PostgresServer.shared.connect()
    let clock = ContinuousClock()
    let start = clock.now
    let error = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT pg_sleep(30)", timeout: .milliseconds(100))
    }
    #expect(clock.now - start < .seconds(25))
    #expect(error?.code == .timeout)
    #expect(error?.isConnectionLost == false)
    #expect(error?.isRetriable == true)
    for _ in 0..<20 { #expect(try await connection.query("SELECT 1").count == 1) }
    await connection.close()
  }

  @Test func timeoutInsideATransactionRollsBack() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("robust"))
    try await connection.execute(script: "CREATE TABLE t (a int4)")
    let error = await #expect(throws: PostgresError.self) {
      try await connection.pipeline(
        [
          PostgresStatement("BEGIN"), PostgresStatement("INSERT INTO t VALUES (1)"),
          PostgresStatement("SELECT pg_sleep(30)"), PostgresStatement("COMMIT"),
        ], timeout: .milliseconds(200))
    }
    #expect(error?.code == .timeout)
    #expect(await connection.isInTransaction == false)
    #expect(try await connection.query("SELECT count(*) FROM t")[0].int(0) == 0)
    await connection.close()
  }

  @Test func cancelledTaskReturnsSoon() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect()
    let task = Task { try await connection.query("SELECT pg_sleep(30) /* to be cancelled */") }
    try await untilAsleep("to be cancelled", server)
    let clock = ContinuousClock()
    let start = clock.now
    task.cancel()
    let error = await #expect(throws: PostgresError.self) { try await task.value }
    #expect(clock.now - start < .seconds(25))
    #expect(error?.code == .cancelled)
    #expect(try await connection.query("SELECT 1").count == 1)
    await connection.close()
  }

  @Test func halfOpenLinkIsNoticedByTheDeadline() async throws {
    let server = try await PostgresServer.shared
    let proxy = try TCPProxy(to: server.port)
    let connection = try await PostgresConnection.connect(hasty(server.configuration(through: proxy.port)))
    #expect(try await connection.query("SELECT 1").count == 1)
    proxy.freeze()
    let clock = ContinuousClock()
    let start = clock.now
    let error = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT 2", timeout: .milliseconds(200))
    }
    #expect(clock.now - start < .seconds(20))
    #expect(error?.code == .timeout)
    #expect(error?.isConnectionLost == true)
    #expect(await connection.isAlive == false)
    // Says the same again instead of trying.
    await #expect(throws: PostgresError.self) { try await connection.query("SELECT 3") }
    proxy.stop()
  }

  @Test func lostAcknowledgementOfACommitIsAnUnknownOutcome() async throws {
    let server = try await PostgresServer.shared
    let database = try await server.newDatabase("robust")
    let direct = try await server.connect(database)
    try await direct.execute(script: "CREATE TABLE t (a int4)")
    let proxy = try TCPProxy(to: server.port)
    let connection = try await PostgresConnection.connect(hasty(server.configuration(database, through: proxy.port)))
    proxy.freeze(.toClient)
    let error = await #expect(throws: PostgresError.self) {
      try await connection.pipeline(
        [PostgresStatement("BEGIN"), PostgresStatement("INSERT INTO t VALUES (1)"), PostgresStatement("COMMIT")],
        timeout: .milliseconds(500))
    }
    #expect(error?.isConnectionLost == true)
    // It does happen, and nobody is told.
    while try await direct.query("SELECT FROM t").isEmpty {}
    await direct.close()
    proxy.stop()
  }

  @Test func cutLinkIsLost() async throws {
    let server = try await PostgresServer.shared
    let proxy = try TCPProxy(to: server.port)
    let connection = try await PostgresConnection.connect(server.configuration(through: proxy.port))
    let task = Task { try await connection.query("SELECT pg_sleep(30) /* to be cut */") }
    try await untilAsleep("to be cut", server)
    proxy.cut()
    let error = await #expect(throws: PostgresError.self) { try await task.value }
    #expect(error?.code == .connection)
    #expect(error?.isConnectionLost == true)
    #expect(error?.isRetriable == true)
    proxy.stop()
  }

  @Test func connectingToSilenceTimesOut() async throws {
    let server = try await PostgresServer.shared
    let proxy = try TCPProxy(to: server.port)
    proxy.freeze()
    var configuration = try server.configuration(through: proxy.port)
    configuration.connectTimeout = .milliseconds(200)
    let silent = configuration
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(silent) }
    #expect(error?.code == .timeout)
    #expect(error?.isConnectionLost == true)
    proxy.stop()
  }

  @Test func nobodyThereIsAConnectionError() async throws {
    let proxy = try TCPProxy(to: 1)
    let configuration = try PostgresConfiguration("host=127.0.0.1 port=\(proxy.port) user=x dbname=y")
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(configuration) }
    #expect(error?.code == .connection)
    #expect(error?.isRetriable == true)
    proxy.stop()
  }

  @Test func terminatedSessionIsLostWithItsReason() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect()
    let other = try await server.connect()
    let process = Int32(try #require(await connection.serverProcess))
    let error = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(30)")
    }
    #expect(error?.sqlState == "57P01")
    #expect(error?.isConnectionLost == true)
    #expect(await connection.isAlive == false)
    while try await !other.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", [.int4(process)]).isEmpty {}
    await other.close()
  }

  @Test func terminationWhileIdleIsSeen() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect()
    let other = try await server.connect()
    let process = Int32(try #require(await connection.serverProcess))
    #expect(await connection.isAlive)
    _ = try await other.query("SELECT pg_terminate_backend($1, 5000)", [.int4(process)])
    #expect(await connection.isAlive == false)
    await other.close()
  }

  @Test func serverKilledDuringAQuery() async throws {
    let server = try await PostgresServer.start(fsync: false)
    let connection = try await server.connect()
    let task = Task { try await connection.query("SELECT pg_sleep(30) /* to be killed */") }
    try await untilAsleep("to be killed", server)
    await server.kill()
    let error = await #expect(throws: PostgresError.self) { try await task.value }
    #expect(error?.isConnectionLost == true)
    try await server.start()
    let again = try await server.connect()
    #expect(try await again.query("SELECT 1").count == 1)
    try await server.restart(mode: .immediate)
    await #expect(throws: PostgresError.self) { try await again.query("SELECT 1") }
    await server.remove()
  }

  @Test func suspendedServerIsATimeout() async throws {
    let server = try await PostgresServer.start(fsync: false)
    let connection = try await PostgresConnection.connect(hasty(server.configuration()))
    await server.suspend()
    let error = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT 1", timeout: .milliseconds(100))
    }
    #expect(error?.code == .timeout)
    #expect(error?.isConnectionLost == true)
    await server.resume()
    let again = try await server.connect()
    #expect(try await again.query("SELECT 1").count == 1)
    await server.remove()
  }

  @Test func wrongPasswordIsNotRepeated() async throws {
    let server = try await PostgresServer.start(fsync: false, password: "right-s3cret")
    let connection = try await server.connect()
    #expect(try await connection.query("SELECT 1").count == 1)
    let wrong = try PostgresConfiguration("postgres://postgres:wrong-s3cret@127.0.0.1:\(server.port)/postgres")
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(wrong) }
    #expect(error?.code == .server)
    #expect(error?.sqlState == "28P01")
    #expect(error?.isRetriable == false)
    #expect(error.map { !"\($0)".contains("s3cret") } == true)
    // The server repeats what it is given; that too is taken out.
    let repeated = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT 'right-s3cret'::int4")
    }
    #expect(repeated.map { !"\($0)".contains("s3cret") } == true)
    await server.remove()
  }
}
