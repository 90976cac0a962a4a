import Postgres
import TestSupport
import Testing

@Suite struct NotificationTests {
  @Test func hintsComeAndSurviveALostConnection() async throws {
    let server = try await PostgresServer.shared
    let database = try await server.newDatabase("notify")
    let proxy = try TCPProxy(to: server.port)
    let sender = try await server.connect(database)
    let configuration = try server.configuration(database, through: proxy.port)
    var hints = PostgresListener.hints(configuration, channels: ["work", "Other \"one\""]).makeAsyncIterator()
    #expect(await hints.next() == .connected)
    _ = try await sender.query("SELECT pg_notify('work', 'shard 3'), pg_notify('Other \"one\"', '')")
    let process = try #require(await sender.serverProcess)
    for (channel, payload) in [("work", "shard 3"), ("Other \"one\"", "")] {
      let expected = PostgresNotification(channel: channel, payload: payload, serverProcess: process)
      #expect(await hints.next() == .notification(expected))
    }
    proxy.cut()
    guard case .disconnected(let error)? = await hints.next() else {
      Issue.record("expected to hear of the lost connection")
      return
    }
    #expect(error.isConnectionLost)
    #expect(await hints.next() == .connected)
    _ = try await sender.query("SELECT pg_notify('work', 'again')")
    guard case .notification(let notification)? = await hints.next() else {
      Issue.record("expected a notification")
      return
    }
    #expect(notification.payload == "again")
    await sender.close()
    proxy.stop()
  }

  @Test func waitingEndsAtItsDeadlineAndOnCancellation() async throws {
    let connection = try await PostgresServer.shared.connect()
    try await connection.listen("quiet")
    #expect(try await connection.notifications(wait: .milliseconds(20)).isEmpty)
    let task = Task { try await connection.notifications(wait: .seconds(60)) }
    task.cancel()
    let error = await #expect(throws: PostgresError.self) { try await task.value }
    #expect(error?.code == .cancelled)
    #expect(try await connection.query("SELECT 1").count == 1)
    await connection.close()
  }

  @Test func ownNotificationsArriveWithTheQuery() async throws {
    let connection = try await PostgresServer.shared.connect()
    try await connection.listen("self")
    _ = try await connection.query("SELECT pg_notify('self', 'hello')")
    #expect(try await connection.notifications(wait: .seconds(5)).map(\.payload) == ["hello"])
    await connection.close()
  }
}
