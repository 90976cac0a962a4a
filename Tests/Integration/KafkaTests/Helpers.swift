import Kafka
import Synchronization
import TestSupport

private let counter = Atomic<Int>(0)

/// Tests share brokers, so every topic and group gets a name of its own.
func uniqueName(_ prefix: String) -> String {
  "\(prefix)-\(counter.add(1, ordering: .relaxed).newValue)"
}

func createTopic(_ name: String, partitions: Int32, on server: BrokerServer) async throws {
  let admin = try KafkaAdmin(server.configuration)
  try await admin.createTopic(name, partitions: partitions)
  await admin.close()
}

func beginnings(_ topic: String, _ partitions: Int32) -> [TopicPartition: Int64] {
  (0..<partitions).reduce(into: [:]) { $0[TopicPartition(topic: topic, partition: $1)] = KafkaPosition.beginning }
}

struct Timeout: Error {}

extension KafkaConsumer {
  /// Reads until there are this many records.
  func collect(_ count: Int, max: Int = 1000, within limit: Duration = .seconds(20)) async throws -> [KafkaRecord] {
    let deadline = ContinuousClock.now + limit
    var records: [KafkaRecord] = []
    while records.count < count {
      if .now > deadline { throw Timeout() }
      records += try await nextBatch(max: max, wait: .milliseconds(200))
    }
    return records
  }
}

/// Writes this many records of ten bytes to each partition.
func produce(_ topic: String, partitions: Int32, count: Int, to configuration: KafkaConfiguration) async throws {
  if count == 0 { return }
  let producer = try KafkaProducer(configuration)
  let records = (0..<partitions).flatMap { partition in
    (0..<count).map { OutgoingRecord(topic: topic, partition: partition, value: Array("\(1_000_000_000 + $0)".utf8)) }
  }
  for result in await producer.send(records) { _ = try result.get() }
  await producer.close()
}
