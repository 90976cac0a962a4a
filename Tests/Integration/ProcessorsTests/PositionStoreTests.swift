import Kafka
import Postgres
import TestSupport
import Testing

@testable import Processors

/// What a member writes of its positions, and over what.
@Suite struct PositionStoreTests {
  private let partition = TopicPartition(topic: "t", partition: 0)

  private func database() async throws -> PostgresConfiguration {
    let database = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "positions"))
    try await ProcessorSchema.migrate(database)
    return database
  }

  /// A member that has loaded, and written 5.
  private func member(_ database: PostgresConfiguration) async throws -> PostgresPositionStore {
    let store = PostgresPositionStore(group: "g", configuration: database, timeout: .milliseconds(500))
    #expect(try await store.load([partition]) == [:])
    try await store.save([partition: 5])
    return store
  }

  /// Writes a position that gets no answer: somebody has locked the row.
  private func saveUnanswered(
    _ position: Int64, _ store: PostgresPositionStore, _ other: PostgresConnection
  ) async throws {
    try await other.execute(script: "begin; select * from processor_positions for update")
    let failure = await #expect(throws: ProcessorError.self) { try await store.save([partition: position]) }
    #expect(failure?.code == .store)
    try await other.execute(script: "rollback")
  }

  /// A commit without an answer may have happened or not.
  @Test(arguments: [5, 7, 9]) func whatMayBeThereIsNoSurprise(_ found: Int) async throws {
    let database = try await database()
    let (store, other) = (try await member(database), try await PostgresConnection.connect(database))
    try await saveUnanswered(7, store, other)
    try await saveUnanswered(9, store, other)
    try await other.execute(script: "update processor_positions set position = \(found)")
    try await store.save([partition: 11])
    // From here on it is known again.
    try await other.execute(script: "update processor_positions set position = 9")
    let failure = await #expect(throws: ProcessorError.self) { try await store.save([partition: 12]) }
    #expect(failure?.code == .memberLost)
    await store.close()
    await other.close()
  }

  /// An older database, or another member's work.
  @Test(arguments: [4, 8]) func whatCannotBeThereEndsTheMembership(_ found: Int) async throws {
    let database = try await database()
    let (store, other) = (try await member(database), try await PostgresConnection.connect(database))
    try await saveUnanswered(7, store, other)
    try await other.execute(script: "update processor_positions set position = \(found)")
    let failure = await #expect(throws: ProcessorError.self) { try await store.save([partition: 11]) }
    #expect(failure?.code == .memberLost)
    #expect(try await store.load([partition]) == [partition: Int64(found)])
    try await store.save([partition: 11])
    await store.close()
    await other.close()
  }
}
