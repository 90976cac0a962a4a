import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct DurabilityTests {
  private func read(_ configuration: PostgresConfiguration) async throws -> Durability {
    let connection = try await PostgresConnection.connect(configuration)
    let durability = try await Durability.read(on: connection)
    await connection.close()
    return durability
  }

  private func danger(_ server: PostgresServer, _ database: String, after script: String) async throws -> String? {
    let connection = try await server.connect()
    try await connection.execute(script: script)
    await connection.close()
    let dangers = try await read(server.configuration(database)).dangers
    #expect(dangers.count <= 1)
    return dangers.first?.description
  }

  /// Each place in which it can be set, and what undoes it.
  @Test func isWhatHoldsForTheSession() async throws {
    let server = try await PostgresServer.start()
    let database = try await server.newDatabase("durable")
    #expect(try await read(server.configuration(database)) == Durability(dangers: [], doubts: []))
    let places = [
      ("database \(database)", "alter database \(database) reset synchronous_commit"),
      ("role postgres", "alter role postgres reset synchronous_commit"),
      ("role postgres in database \(database)", "alter role postgres in database \(database) reset synchronous_commit"),
    ]
    for (place, remedy) in places {
      let danger = try await danger(server, database, after: "alter \(place) set synchronous_commit = off")
      #expect(danger?.contains(remedy) == true, "\(danger ?? "none")")
      #expect(try await self.danger(server, database, after: remedy) == nil)
    }
    let url = server.databaseURL(database) + "?options=-c%20synchronous_commit%3Doff"
    #expect(try await read(PostgresConfiguration(url)).dangers.first?.description.contains("connection string") == true)
    // Weaker than on, but what was confirmed survives a crash of this server.
    let local = try await danger(server, database, after: "alter database \(database) set synchronous_commit = local")
    #expect(local == nil)
    await server.remove()
  }

  @Test func aServerThatDoesNotFlush() async throws {
    let server = try await PostgresServer.start(fsync: false, settings: ["full_page_writes": "off"])
    let durability = try await read(server.configuration())
    #expect(durability.dangers.map(\.setting) == ["fsync"])
    #expect(durability.dangers.first?.description.contains("alter system set fsync = on") == true)
    #expect(durability.doubts.map(\.setting) == ["full_page_writes"])
    await server.remove()
  }
}
