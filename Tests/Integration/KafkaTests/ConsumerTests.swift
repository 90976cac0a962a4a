import Glibc
import Kafka
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ConsumerTests {
  /// A topic with this many one-byte records in each partition, on the shared broker.
  private func topic(_ name: String, partitions: Int32 = 1, records: Int) async throws -> (BrokerServer, String) {
    let server = try await BrokerServer.shared
    let topic = uniqueName(name)
    try await createTopic(topic, partitions: partitions, on: server)
    try await produce(topic, partitions: partitions, count: records, to: server.configuration)
    return (server, topic)
  }

  @Test("reading starts at the position that was given")
  func position() async throws {
    let (server, topic) = try await topic("position", records: 100)
    let partition = TopicPartition(topic: topic, partition: 0)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: [partition: 40])
    #expect(try await consumer.collect(60).map(\.offset) == Array(40..<100))
    await consumer.close()

    let atEnd = try await KafkaConsumer.assigned(server.configuration, positions: [partition: KafkaPosition.end])
    #expect(try await atEnd.nextBatch(max: 10, wait: .milliseconds(50)).isEmpty)
    try await produce(topic, partitions: 1, count: 1, to: server.configuration)
    #expect(try await atEnd.collect(1).map(\.offset) == [100])
    await atEnd.close()
  }

  @Test("a position outside of the log is refused, and so is a topic that does not exist")
  func badPositions() async throws {
    let (server, topic) = try await topic("beyond", records: 10)
    let partition = TopicPartition(topic: topic, partition: 0)
    let error = await #expect(throws: KafkaError.self) {
      _ = try await KafkaConsumer.assigned(server.configuration, positions: [partition: 11])
    }
    #expect(error?.code == .offsetOutOfRange)
    #expect(error?.topicPartition == partition)
    #expect(error?.isRetriable == false)

    let missing = await #expect(throws: KafkaError.self) {
      _ = try await KafkaConsumer.assigned(server.configuration, positions: beginnings("no-such-topic", 1))
    }
    #expect(missing?.code == .unknownTopic)
  }

  @Test("what floods one partition does not stand before the others")
  func fairness() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("flood")
    try await createTopic(topic, partitions: 3, on: server)
    let producer = try KafkaProducer(server.configuration)
    let records = (0..<5000).map { OutgoingRecord(topic: topic, partition: 0, value: Array("\($0)".utf8)) }
    #expect(await producer.send(records).compactMap(\.failure).isEmpty)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 3))
    // All of the flood is at hand before anything else comes.
    #expect(try await consumer.collect(100, max: 100).count == 100)
    let few = (0..<5).map { OutgoingRecord(topic: topic, partition: 2, value: Array("few \($0)".utf8)) }
    #expect(await producer.send(few).compactMap(\.failure).isEmpty)
    var seen: [KafkaRecord] = []
    while !seen.contains(where: { $0.partition == 2 }), seen.count < 4900 {
      seen += try await consumer.nextBatch(max: 100, wait: .seconds(10))
    }
    #expect(seen.count < 2500, "they came after \(seen.count) records of the flood")
    let all = seen + (try await consumer.collect(4905 - seen.count))
    #expect(all.filter { $0.partition == 0 }.map(\.offset) == Array(100..<5000))
    #expect(all.filter { $0.partition == 2 }.map(\.offset) == Array(0..<5))
    await producer.close()
    await consumer.close()
  }

  @Test("a batch has at most the number and size of records asked for, and is empty after the wait")
  func bounds() async throws {
    let (server, topic) = try await topic("bounds", records: 1000)
    var options = ConsumerOptions()
    options.maxBatchBytes = 64
    let small = try await KafkaConsumer.assigned(
      server.configuration, positions: beginnings(topic, 1), options: options)
    // Every record has ten bytes, so the seventh reaches the limit.
    var batches: [[KafkaRecord]] = []
    while batches.reduce(0, { $0 + $1.count }) < 1000 {
      batches.append(try await small.nextBatch(max: 100, wait: .seconds(5)))
    }
    #expect(batches.allSatisfy { $0.count <= 7 && !$0.isEmpty })
    let start = ContinuousClock.now
    #expect(try await small.nextBatch(max: 5, wait: .milliseconds(60)).isEmpty)
    let waited = start.duration(to: .now)
    #expect(waited >= .milliseconds(60) && waited < .seconds(2))
    await small.close()

    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    var count = 0
    while count < 1000 {
      let batch = try await consumer.nextBatch(max: 33, wait: .seconds(5))
      #expect(batch.count <= 33)
      count += batch.count
    }
    await consumer.close()
  }

  @Test("paused partitions stay silent, and go on where they were")
  func pauseAndResume() async throws {
    let (server, topic) = try await topic("pause", partitions: 2, records: 500)
    let paused = TopicPartition(topic: topic, partition: 0)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 2))
    var records = try await consumer.collect(50, max: 10)
    await consumer.pause([paused])
    // A second pause, and a resume of what is not paused, change nothing.
    await consumer.pause([paused])
    await consumer.resume([TopicPartition(topic: topic, partition: 1)])
    let other = 500 - records.filter { $0.partition == 1 }.count
    let meanwhile = other > 0 ? try await consumer.collect(other, max: 10) : []
    #expect(meanwhile.allSatisfy { $0.partition == 1 })
    #expect(try await consumer.nextBatch(max: 10, wait: .milliseconds(100)).isEmpty)
    records += meanwhile
    await consumer.resume([paused])
    records += try await consumer.collect(1000 - records.count, max: 100)
    for partition in Int32(0)..<2 {
      #expect(records.filter { $0.partition == partition }.map(\.offset) == Array(0..<500))
    }
    await consumer.close()
  }

  @Test("partitions can be added and removed while others are read")
  func addAndRemove() async throws {
    let (server, topic) = try await topic("add", partitions: 3, records: 20)
    func place(_ partition: Int32) -> TopicPartition { TopicPartition(topic: topic, partition: partition) }
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: [place(0): 0])
    #expect(try await consumer.collect(20).allSatisfy { $0.partition == 0 })
    try await consumer.add([place(1): 10, place(2): KafkaPosition.end])
    #expect(try await consumer.collect(10).map(\.topicPartition) == Array(repeating: place(1), count: 10))
    await #expect(throws: KafkaError.self) { try await consumer.add([place(1): 0]) }
    await consumer.pause([place(1)])
    await consumer.remove([place(0), place(1)])
    try await produce(topic, partitions: 3, count: 5, to: server.configuration)
    #expect(try await consumer.collect(5).map(\.topicPartition) == Array(repeating: place(2), count: 5))
    // Back, from an earlier place: nothing of the first time is remembered, not even a pause.
    await consumer.pause([place(0)])
    try await consumer.add([place(1): 3])
    #expect(try await consumer.collect(22).map(\.offset) == Array(3..<25))
    await consumer.close()
  }

  @Test("a reader that waits is let go when its task is cancelled or the consumer closed")
  func endOfWaiting() async throws {
    let (server, topic) = try await topic("waiting", records: 0)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    let cancelled = Task { try await consumer.nextBatch(max: 1, wait: .seconds(50)) }
    cancelled.cancel()
    #expect(try await cancelled.value.isEmpty)
    async let waiting = Result { try await consumer.nextBatch(max: 1, wait: .seconds(50)) }
    await consumer.close()
    let result = await waiting
    #expect(throws: KafkaError.self) { try result.get() }
    let error = await #expect(throws: KafkaError.self) { try await consumer.nextBatch(max: 1, wait: .zero) }
    #expect(error?.code == .closed)
    await consumer.close()
  }

  @Test("positions are reported under a group's name, for tools that show its lag")
  func reportedPositions() async throws {
    let (server, topic) = try await topic("lag", partitions: 2, records: 30)
    let group = uniqueName("group")
    let consumer = try await KafkaConsumer.assigned(
      server.configuration, positions: beginnings(topic, 2), groupID: group)
    let first = TopicPartition(topic: topic, partition: 0)
    try await consumer.commit([first: 12])
    let admin = try KafkaAdmin(server.configuration)
    #expect(try await admin.groupLag(group) == [first: KafkaLag(committed: 12, high: 30)])
    await consumer.close()

    let nameless = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 2))
    let error = await #expect(throws: KafkaError.self) { try await nameless.commit([first: 12]) }
    #expect(error?.code == .configuration)
    await nameless.close()
    await admin.close()
  }

  @Test("a consumer and a producer that are forgotten end by themselves")
  func forgotten() async throws {
    let (server, topic) = try await topic("forgotten", records: 1)
    weak var consumer: KafkaConsumer?
    weak var producer: KafkaProducer?
    do {
      let reader = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
      let writer = try KafkaProducer(server.configuration)
      #expect(try await reader.collect(1).count == 1)
      _ = await writer.send([OutgoingRecord(topic: topic, partition: 0, value: [1])])
      (consumer, producer) = (reader, writer)
    }
    #expect(consumer == nil)
    #expect(producer == nil)
  }

  @Test("closing takes a bounded time after the topic was deleted")
  func closeAfterDeletion() async throws {
    let (server, topic) = try await topic("deleted", records: 10)
    let consumer = try await KafkaConsumer.assigned(server.configuration, positions: beginnings(topic, 1))
    _ = try await consumer.collect(10)
    let admin = try KafkaAdmin(server.configuration)
    try await admin.deleteTopic(topic)
    await admin.close()
    let error = await #expect(throws: KafkaError.self) {
      _ = try await consumer.nextBatch(max: 10, wait: .seconds(40))
    }
    #expect(error?.code == .unknownTopic)
    #expect(error?.topicPartition == TopicPartition(topic: topic, partition: 0))
    let start = ContinuousClock.now
    await consumer.close()
    #expect(start.duration(to: .now) < .seconds(4))
  }
}

extension Result where Failure == any Error {
  init(_ body: @Sendable () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
