import Kafka
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ProducerTests {
  private func records(_ topic: String, _ numbers: Range<Int>, partition: Int32 = 0) -> [OutgoingRecord] {
    numbers.map { OutgoingRecord(topic: topic, partition: partition, value: Array("\($0)".utf8)) }
  }

  private func numbers(_ records: [KafkaRecord]) -> [Int?] {
    records.map { Int(String(decoding: $0.value ?? [], as: UTF8.self)) }
  }

  @Test("a full queue delays records and loses none; completions are told once, in the order of the records")
  func fullQueue() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("full")
    try await createTopic(topic, partitions: 1, on: server)
    var configuration = server.configuration
    configuration.properties["queue.buffering.max.messages"] = "50"
    let producer = try KafkaProducer(configuration)
    let told = Mutex<[Int]>([])
    for batch in 0..<20 {
      producer.send(records(topic, batch * 100..<batch * 100 + 100)) { results in
        told.withLock { $0.append(results.count) }
        #expect(results.compactMap { try? $0.get() } == (batch * 100..<batch * 100 + 100).map { Int64($0) })
      }
    }
    #expect(await producer.send([]).isEmpty)
    await producer.flush()
    #expect(told.withLock { $0 } == Array(repeating: 100, count: 20))
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    #expect(numbers(try await consumer.collect(2000)) == Array(0..<2000))
    await consumer.close()
    await producer.close()
  }

  @Test("one record that is too large, or for no partition, fails alone and with its type")
  func singleFailures() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("large")
    try await createTopic(topic, partitions: 1, on: server)
    let producer = try KafkaProducer(server.configuration)
    let large = OutgoingRecord(topic: topic, partition: 0, value: Array(repeating: 7, count: 2_000_000))
    let nowhere = OutgoingRecord(topic: topic, partition: 9, value: [1])
    let results = await producer.send(records(topic, 0..<1) + [large, nowhere] + records(topic, 1..<2))
    #expect(try results[0].get() == 0)
    #expect(results[1].failure?.code == .messageTooLarge)
    #expect(results[1].failure?.isFatal == false)
    #expect(results[2].failure?.code == .unknownTopic)
    #expect(results[2].failure?.topicPartition == TopicPartition(topic: topic, partition: 9))
    #expect(try results[3].get() == 1)
    await producer.close()
  }

  @Test("a property that does not exist or is wrong is told at once, and a secret is not repeated")
  func configuration() async throws {
    var wrong = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", properties: ["linger.ms": "soon"])
    #expect(throws: KafkaError.self) { try KafkaProducer(wrong) }
    wrong.properties = ["no.such.property": "1"]
    let unknown = #expect(throws: KafkaError.self) { try KafkaProducer(wrong) }
    #expect(unknown?.code == .configuration)
    #expect(unknown?.message.contains("no.such.property") == true)
    wrong.properties = ["security.protocol": "ssl", "ssl.key.pem": "hunter2"]
    if let secret = #expect(throws: KafkaError.self, performing: { try KafkaProducer(wrong) }) {
      #expect(!"\(secret)".contains("hunter2"))
    }
    let error = await #expect(throws: KafkaError.self) {
      _ = try await KafkaConsumer.assigned(
        KafkaConfiguration(bootstrapServers: "127.0.0.1:1", properties: ["no.such.property": "1"]), positions: [:])
    }
    #expect(error?.code == .configuration)
  }

  @Test("a broker that stands still for three seconds only delays")
  func pausedBroker() async throws {
    let server = try await BrokerServer.start()
    try await createTopic("paused", partitions: 1, on: server)
    let producer = try KafkaProducer(server.configuration)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings("paused", 1))
    _ = await producer.send(records("paused", 0..<10))
    await server.suspend()
    let start = ContinuousClock.now
    async let results = producer.send(records("paused", 10..<500))
    // How long the broker stands still.
    try await Task.sleep(for: .seconds(3))
    await server.resume()
    #expect(await results.compactMap(\.failure).isEmpty)
    #expect(start.duration(to: .now) >= .seconds(3))
    #expect(numbers(try await consumer.collect(500)) == Array(0..<500))
    await consumer.close()
    await producer.close()
    await server.remove()
  }

  @Test("a broker that goes down and comes back delays; nothing is lost, doubled or out of order")
  func brokerDownAndUp() async throws {
    let server = try MockBrokerServer(topics: ["down": 1])
    let producer = try KafkaProducer(server.configuration)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings("down", 1))
    _ = await producer.send(records("down", 0..<10))
    #expect(try await consumer.collect(10).count == 10)
    try server.setBroker(1, up: false)
    async let results = producer.send(records("down", 10..<200))
    // How long the broker is away.
    try await Task.sleep(for: .seconds(1))
    try server.setBroker(1, up: true)
    #expect(await results.compactMap(\.failure).isEmpty)
    #expect(numbers(try await consumer.collect(190)) == Array(10..<200))
    await consumer.close()
    await producer.close()
    server.end()
  }

  @Test("a leader that moves, and errors that pass, are librdkafka's own business")
  func passingErrors() async throws {
    let server = try MockBrokerServer(brokers: 3, topics: ["moving": 1])
    let partition = TopicPartition(topic: "moving", partition: 0)
    try server.setLeader(of: partition, to: 1)
    let producer = try KafkaProducer(server.configuration)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings("moving", 1))
    _ = await producer.send(records("moving", 0..<10))
    try server.setLeader(of: partition, to: 2)
    // NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, and a cut connection.
    try server.failRequests(apiKey: 0, code: 6, count: 2)
    try server.failRequests(apiKey: 0, code: 19, count: 1)
    try server.failRequests(apiKey: 0, code: -195, count: 1)
    let results = await producer.send(records("moving", 10..<50))
    #expect(results.compactMap(\.failure).isEmpty)
    #expect(numbers(try await consumer.collect(50)) == Array(0..<50))
    await consumer.close()
    await producer.close()
    server.end()
  }

  @Test("after a fatal error all that was sent says so, and sending it again goes through, in order")
  func fatalError() async throws {
    let server = try MockBrokerServer(topics: ["fatal": 1])
    let producer = try KafkaProducer(server.configuration)
    _ = await producer.send(records("fatal", 0..<10))
    // OUT_OF_ORDER_SEQUENCE_NUMBER.
    try server.failRequests(apiKey: 0, code: 45, count: 1)
    async let second = producer.send(records("fatal", 10..<20))
    let results = await second
    #expect(results.allSatisfy { $0.failure?.isFatal == true && $0.failure?.code == .fatal })
    let again = await producer.send(records("fatal", 10..<30))
    #expect(again.compactMap(\.failure).isEmpty)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings("fatal", 1))
    #expect(numbers(try await consumer.collect(30)) == Array(0..<30))
    await consumer.close()
    await producer.close()
    server.end()
  }

  @Test("whoever closes at the same moment waits for the same end", .timeLimit(.minutes(1)))
  func closedTwice() async throws {
    for _ in 0..<50 {
      let producer = try KafkaProducer(KafkaConfiguration(bootstrapServers: "127.0.0.1:1"))
      async let first: Void = producer.close(within: .milliseconds(50))
      async let second: Void = producer.close(within: .milliseconds(50))
      _ = await (first, second)
    }
  }

  @Test("closing takes a bounded time while no broker answers, and every record has a result")
  func closeWhileDown() async throws {
    let server = try MockBrokerServer(topics: ["gone": 1])
    let producer = try KafkaProducer(server.configuration)
    _ = await producer.send(records("gone", 0..<1))
    try server.setBroker(-1, up: false)
    async let results = producer.send(records("gone", 1..<100))
    let start = ContinuousClock.now
    // What was sent before closing is written if that is possible within the limit.
    await producer.close(within: .milliseconds(300))
    #expect(start.duration(to: .now) < .seconds(4))
    #expect(await results.allSatisfy { $0.failure?.code == .closed })
    #expect(await producer.send(records("gone", 0..<3)).allSatisfy { $0.failure?.code == .closed })
    await producer.flush()
    await producer.close()
    server.end()
  }
}

extension Result {
  var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
