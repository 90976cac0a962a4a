import ArgumentParser
import Kafka
import Values

/// What broker and adapter do without a mediator: records of 200 bytes into one topic and out again.
struct KafkaBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kafka", abstract: "Records produced and consumed per second.")

  @Option(help: "The broker, host:port.")
  var bootstrapServers: String

  @Option(help: "How many records.")
  var records = 50_000

  private static let topic = "bench.raw"
  private static let partitions: Int32 = 4
  private static let batch = 500

  func run() async throws {
    let configuration = KafkaConfiguration(bootstrapServers: bootstrapServers, clientID: "bench")
    let admin = try KafkaAdmin(configuration)
    try await admin.createTopic(Self.topic, partitions: Self.partitions)
    await admin.close()
    let produced = try await produce(configuration)
    let consumed = try await consume(configuration)
    let result: JSON = ["produced_per_second": JSON(produced), "consumed_per_second": JSON(consumed)]
    print(result.text)
  }

  private func produce(_ configuration: KafkaConfiguration) async throws -> Double {
    let producer = try KafkaProducer(configuration)
    // The first record of a topic waits for its metadata.
    try await send(1, through: producer)
    let count = (records - 1) / Self.batch
    let took = try await ContinuousClock().measure {
      // Several batches are under way at a time, as they are in the mediator.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count {
          if index >= 8 { try await group.next() }
          group.addTask { try await send(Self.batch, through: producer) }
        }
        try await group.waitForAll()
      }
    }
    await producer.close()
    return Double(count * Self.batch) / took.seconds
  }

  private func send(_ count: Int, through producer: KafkaProducer) async throws {
    let value = sampleEvent.serialized()
    let records = (0..<count).map { index in
      OutgoingRecord(
        topic: Self.topic, partition: Int32(index) % Self.partitions, key: nil, value: value, headers: [])
    }
    for result in await producer.send(records) { _ = try result.get() }
  }

  private func consume(_ configuration: KafkaConfiguration) async throws -> Double {
    let clock = ContinuousClock()
    var positions: [TopicPartition: Int64] = [:]
    for partition in 0..<Self.partitions {
      positions[TopicPartition(topic: Self.topic, partition: partition)] = KafkaPosition.beginning
    }
    let expected = (records - 1) / Self.batch * Self.batch + 1
    let consumer = try await KafkaConsumer.assigned(configuration, positions: positions)
    // Counted from the first batch on: opening a connection is not what is measured.
    let first = try await consumer.nextBatch(max: Self.batch, wait: .seconds(5)).count
    let start = clock.now
    var count = first
    while count < expected {
      let batch = try await consumer.nextBatch(max: Self.batch, wait: .seconds(5))
      guard !batch.isEmpty else { throw BenchError("only \(count) of \(expected) records came back") }
      count += batch.count
    }
    let took = clock.now - start
    await consumer.close()
    return Double(count - first) / took.seconds
  }
}
