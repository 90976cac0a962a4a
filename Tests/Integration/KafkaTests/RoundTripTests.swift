import Kafka
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RoundTripTests {
  @Test("10,000 records keep their keys, values, headers and order in each partition")
  func manyRecords() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("many")
    try await createTopic(topic, partitions: 4, on: server)
    let records = (0..<10_000).map { Self.record($0, topic: topic) }
    let producer = try KafkaProducer(server.configuration)
    let results = await producer.send(records)
    let offsets = try results.map { try $0.get() }
    #expect(offsets == (0..<10_000).map { Int64($0 / 4) })

    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 4))
    let read = try await consumer.collect(10_000)
    for partition in Int32(0)..<4 {
      let expected = records.filter { $0.partition == partition }
      let actual = read.filter { $0.partition == partition }
      #expect(actual.map(\.offset) == Array(0..<2500))
      #expect(actual.map(\.key) == expected.map(\.key))
      #expect(actual.map(\.value) == expected.map(\.value))
      #expect(actual.map(\.headers) == expected.map(\.headers))
    }
    await consumer.close()
    await producer.close()
  }

  private static func record(_ number: Int, topic: String) -> OutgoingRecord {
    let key: [UInt8]? = number % 7 == 0 ? nil : Array("key-\(number)".utf8)
    let value: [UInt8]? = number % 11 == 0 ? nil : Array("value-\(number)".utf8)
    let headers = [
      KafkaHeader(name: "ce_id", value: Array("\(number)".utf8)),
      KafkaHeader(name: "empty", value: []),
      KafkaHeader(name: "none", value: nil),
      KafkaHeader(name: "ce_id", value: [0, 255]),
    ]
    return OutgoingRecord(topic: topic, partition: Int32(number % 4), key: key, value: value, headers: headers)
  }

  @Test("an empty key, value or header is not a missing one")
  func emptyIsNotMissing() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("empty")
    try await createTopic(topic, partitions: 1, on: server)
    let producer = try KafkaProducer(server.configuration)
    _ = await producer.send([
      OutgoingRecord(topic: topic, partition: 0, key: [], value: []),
      OutgoingRecord(topic: topic, partition: 0, key: nil, value: nil),
    ])
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    let read = try await consumer.collect(2)
    #expect(read.map(\.key) == [[], nil])
    #expect(read.map(\.value) == [[], nil])
    #expect(read.map(\.headers) == [[], []])
    #expect(read.allSatisfy { $0.timestamp > 1_700_000_000_000 })
    await consumer.close()
    await producer.close()
  }

  @Test("records with the same key go to the same partition when none is named")
  func partitionByKey() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("keys")
    try await createTopic(topic, partitions: 5, on: server)
    let producer = try KafkaProducer(server.configuration)
    let records = (0..<200).map { OutgoingRecord(topic: topic, key: Array("key-\($0 % 20)".utf8), value: [UInt8($0)]) }
    for result in await producer.send(records) { _ = try result.get() }
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 5))
    let read = try await consumer.collect(200)
    let partitions = Dictionary(grouping: read, by: \.key).mapValues { Set($0.map(\.partition)).count }
    #expect(partitions.values.allSatisfy { $0 == 1 })
    #expect(Set(read.map(\.partition)).count > 1)
    await consumer.close()
    await producer.close()
  }

  @Test("a record reaches a waiting reader of a quiet topic within milliseconds")
  func latency() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("quiet")
    try await createTopic(topic, partitions: 1, on: server)
    var configuration = server.configuration
    configuration.properties["linger.ms"] = "0"
    let producer = try KafkaProducer(configuration)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    _ = await producer.send([OutgoingRecord(topic: topic, partition: 0, value: [0])])
    _ = try await consumer.collect(1)
    var fastest = Duration.seconds(10)
    for number in UInt8(1)...10 {
      async let batch = consumer.nextBatch(max: 10, wait: .seconds(10))
      let start = ContinuousClock.now
      _ = await producer.send([OutgoingRecord(topic: topic, partition: 0, value: [number])])
      #expect(try await batch.map(\.value) == [[number]])
      fastest = min(fastest, start.duration(to: .now))
    }
    // The slowest says more about what else runs on the machine.
    #expect(fastest < .milliseconds(50))
    await consumer.close()
    await producer.close()
  }
}
