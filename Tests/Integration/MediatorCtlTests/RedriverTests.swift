import Kafka
import Mediator
import TestSupport
import Testing
import Values
import Wire

@testable import mediatorctl

/// Sending dead letters again: a real database, a real broker.
@Suite struct RedriverTests {
  private func letter(_ sequence: Int64, topic: String, partition: Int32 = 1) -> DeadLetter {
    DeadLetter(
      sequence: sequence,
      record: KafkaRecord(
        topic: topic, partition: partition, offset: 100 + sequence, timestamp: 5, key: [UInt8(sequence % 200)],
        value: [0x7b, UInt8(sequence % 200)], headers: [KafkaHeader(name: "x", value: nil)]),
      reason: "notJSON", detail: "no")
  }

  private func redriver(_ factory: Factory, rate: Double? = nil) async throws -> Redriver {
    Redriver(
      queries: DeadLetterQueries(pool: factory.pool), store: DeadLetterStore(pool: factory.pool, actor: "me@here"),
      configuration: try await BrokerServer.shared.configuration, rate: rate, why: "a test")
  }

  private func createTopic(_ topic: String) async throws {
    let admin = try KafkaAdmin(try await BrokerServer.shared.configuration)
    try await admin.createTopic(topic, partitions: 3)
    await admin.close()
  }

  private func read(_ topic: String, count: Int) async throws -> [KafkaRecord] {
    let positions = (0..<3).map { (TopicPartition(topic: topic, partition: $0), Int64(0)) }
    let consumer = try await KafkaConsumer.assigned(
      try await BrokerServer.shared.configuration, positions: Dictionary(uniqueKeysWithValues: positions), groupID: nil)
    var records: [KafkaRecord] = []
    let deadline = ContinuousClock.now + .seconds(30)
    while records.count < count, .now < deadline {
      records += try await consumer.nextBatch(max: 1000, wait: .milliseconds(500))
    }
    await consumer.close()
    return records
  }

  @Test func sendsManyInTheirOrderAndMarksThem() async throws {
    let factory = try await Factory.make()
    let topic = "ctl-redrive-many"
    try await createTopic(topic)
    let shard = try await factory.shard()
    for _ in 0..<250 { try await shard.quarantine { letter($0, topic: topic) } }
    let ids = (1...250).map { DeadLetterID(shard: 0, sequence: $0) }
    var report = RedriveReport(isDryRun: false)
    try await redriver(factory).run(ids, into: &report)
    #expect(report.sent.map(\.id) == ids)
    #expect(report.failure == nil)
    let records = try await read(topic, count: 250)
    #expect(records.count == 250)
    #expect(records.allSatisfy { $0.partition == 1 })
    #expect(records.compactMap { Redrive($0.headers)?.letter } == ids)
    #expect(records[6].key == [7])
    #expect(records[6].value == [0x7b, 7])
    #expect(Redrive(records[6].headers)?.origin == "\(topic)/1/107")
    let detail = try #require(try await DeadLetterQueries(pool: factory.pool).details(of: [ids[249]]).first)
    #expect(detail.entry.status == .redriven)
    #expect(detail.entry.rounds == 1)
    #expect(detail.history.map(\.detail) == ["a test"])
    await factory.close()
  }

  @Test func keepsToTheRate() async throws {
    let factory = try await Factory.make()
    let topic = "ctl-redrive-rate"
    try await createTopic(topic)
    let shard = try await factory.shard()
    for _ in 0..<11 { try await shard.quarantine { letter($0, topic: topic) } }
    var report = RedriveReport(isDryRun: false)
    let begin = ContinuousClock.now
    try await redriver(factory, rate: 10).run((1...11).map { DeadLetterID(shard: 0, sequence: $0) }, into: &report)
    #expect(ContinuousClock.now - begin >= .seconds(1))
    #expect(report.sent.count == 11)
    await factory.close()
  }

  @Test func aTopicThatIsGoneFailsItsLettersOnly() async throws {
    let factory = try await Factory.make()
    let topic = "ctl-redrive-here"
    try await createTopic(topic)
    let shard = try await factory.shard()
    try await shard.quarantine { letter($0, topic: "ctl-redrive-gone") }
    try await shard.quarantine { letter($0, topic: topic, partition: 7) }
    let ids = [DeadLetterID(shard: 0, sequence: 1), DeadLetterID(shard: 0, sequence: 2)]
    var report = RedriveReport(isDryRun: false)
    try await redriver(factory).run(ids, into: &report)
    #expect(report.sent.map(\.id) == [ids[1]])
    #expect(report.failed.map(\.id) == [ids[0]])
    #expect(report.failure?.why == "there is no topic 'ctl-redrive-gone', or no right to see it")
    let details = try await DeadLetterQueries(pool: factory.pool).details(of: ids)
    #expect(details.map(\.entry.status) == [.open, .redriven])
    #expect(details.map(\.entry.rounds) == [0, 1])
    await factory.close()
  }

  @Test func aBrokerThatDoesNotAnswerMarksNothing() async throws {
    let factory = try await Factory.make()
    let shard = try await factory.shard()
    try await shard.quarantine { letter($0, topic: "any") }
    var redriver = Redriver(
      queries: DeadLetterQueries(pool: factory.pool), store: DeadLetterStore(pool: factory.pool, actor: "me@here"),
      configuration: KafkaConfiguration(bootstrapServers: "127.0.0.1:1", clientID: "test"), rate: nil, why: "")
    redriver.patience = .seconds(1)
    let id = DeadLetterID(shard: 0, sequence: 1)
    var report = RedriveReport(isDryRun: false)
    await #expect(throws: CommandFailure.self) { try await redriver.run([id], into: &report) }
    #expect(report.sent.isEmpty)
    let detail = try #require(try await DeadLetterQueries(pool: factory.pool).details(of: [id]).first)
    #expect(detail.entry.status == .open)
    await factory.close()
  }
}
