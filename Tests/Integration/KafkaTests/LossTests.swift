import Kafka
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LossTests {
  private func records(_ numbers: Range<Int>) -> [OutgoingRecord] {
    numbers.map { OutgoingRecord(topic: "lossy", partition: 0, value: Array("\($0)".utf8)) }
  }

  @Test("a broker that comes back without its last records is not gone on with in silence")
  func lostWrites() async throws {
    let server = try await BrokerServer.start()
    try await createTopic("lossy", partitions: 1, on: server)
    let place = TopicPartition(topic: "lossy", partition: 0)
    let producer = try KafkaProducer(server.configuration)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: [place: 0])
    #expect(await producer.send(records(0..<300)).compactMap(\.failure).isEmpty)
    // This broker writes its log to the disk when it is ended; killed, it loses what came since.
    try await server.restart()
    #expect(await producer.send(records(300..<500)).compactMap(\.failure).isEmpty)
    #expect(try await consumer.collect(500).count == 500)
    await server.kill()
    try await server.start()

    let error = await #expect(throws: KafkaError.self) {
      _ = try await consumer.nextBatch(max: 10, wait: .seconds(30))
    }
    #expect(error?.code == .offsetOutOfRange)
    #expect(error?.topicPartition == place)
    let stored = await #expect(throws: KafkaError.self) {
      _ = try await KafkaConsumer.assigned(server.configuration, positions: [place: 500])
    }
    #expect(stored?.code == .offsetOutOfRange)

    // The broker does not know the last sequence numbers either: what is sent now fails as a whole, once.
    let failed = await producer.send(records(500..<510))
    #expect(failed.allSatisfy { $0.failure?.isFatal == true })
    #expect(await producer.send(records(500..<510)).compactMap(\.failure).isEmpty)
    await consumer.close()
    await producer.close()
    await server.remove()
  }
}
