import Kafka
import TestSupport
import Testing
import Values
import Wire

@testable import mediatorctl

@Suite struct EventSenderTests {
  private let event = CloudEvent(id: "e1", source: "/test", type: "ping", subject: "s", data: ["n": 1])

  @Test func sendsToThePartitionOfTheKey() async throws {
    let configuration = try await BrokerServer.shared.configuration
    let topic = "ctl-emit-keys"
    let admin = try KafkaAdmin(configuration)
    try await admin.createTopic(topic, partitions: 5)
    await admin.close()

    let keys = (0..<20).map { "key-\($0)" }
    var chosen: [String: Int32] = [:]
    for key in keys {
      let sent = try await EventSender(configuration).send([event], topic: topic, key: key)
      chosen[key] = sent.first?.partition
      #expect((sent.first?.offset ?? -1) >= 0)
    }
    // What the project's producer does with the same keys.
    let producer = try KafkaProducer(configuration)
    let results = await producer.send(
      keys.map { CloudEventCodec.encode(event, topic: topic, key: Array($0.utf8)) })
    await producer.close()
    for result in results { _ = try result.get() }

    let records = try await read(topic, partitions: 5, count: 2 * keys.count, configuration)
    for record in records {
      let key = String(decoding: record.key ?? [], as: UTF8.self)
      #expect(record.partition == chosen[key], "\(key)")
      #expect(try CloudEventCodec.decode(record, binding: nil, limits: DecodeLimits()).data == ["n": 1])
    }
    #expect(Set(records.map(\.partition)).count > 1)
  }

  @Test func sendsManyEventsOnce() async throws {
    let configuration = try await BrokerServer.shared.configuration
    let topic = "ctl-emit-many"
    let admin = try KafkaAdmin(configuration)
    try await admin.createTopic(topic, partitions: 2)
    await admin.close()
    let events = (0..<50).map { CloudEvent(id: "e\($0)", source: "/test", type: "ping") }
    let sent = try await EventSender(configuration).send(events, topic: topic, key: nil)
    #expect(sent.map(\.event.id) == events.map(\.id))
    let records = try await read(topic, partitions: 2, count: 50, configuration)
    for item in sent {
      let record = records.first { $0.partition == item.partition && $0.offset == item.offset }
      let decoded = try record.map { try CloudEventCodec.decode($0, binding: nil, limits: DecodeLimits()) }
      #expect(decoded?.id == item.event.id)
    }
  }

  @Test func namesATopicThatDoesNotExist() async throws {
    let sender = EventSender(try await BrokerServer.shared.configuration)
    let failure = await #expect(throws: CommandFailure.self) {
      _ = try await sender.send([event], topic: "ctl-no-such-topic", key: nil)
    }
    #expect(failure?.status == .notFound)
    #expect(failure?.what == "there is no topic 'ctl-no-such-topic'")
  }

  @Test func doesNotWaitForEverForABroker() async throws {
    let configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", clientID: "test")
    let failure = await #expect(throws: CommandFailure.self) {
      _ = try await EventSender(configuration, patience: .seconds(1)).send([event], topic: "x", key: nil)
    }
    #expect(failure?.what == "Kafka at 127.0.0.1:1 does not answer")
  }

  private func read(
    _ topic: String, partitions: Int32, count: Int, _ configuration: KafkaConfiguration
  ) async throws -> [KafkaRecord] {
    let positions = (0..<partitions).map { (TopicPartition(topic: topic, partition: $0), Int64(0)) }
    let consumer = try await KafkaConsumer.assigned(
      configuration, positions: Dictionary(uniqueKeysWithValues: positions), groupID: nil)
    var records: [KafkaRecord] = []
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(30)
    while records.count < count, clock.now < deadline {
      records += try await consumer.nextBatch(max: 100, wait: .milliseconds(500))
    }
    await consumer.close()
    try #require(records.count == count)
    return records
  }
}
