import Kafka
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct AdminTests {
  @Test("topics are created with partitions and configuration, once, and can be described")
  func topics() async throws {
    let server = try await BrokerServer.shared
    let topic = uniqueName("admin")
    let admin = try KafkaAdmin(server.configuration)
    #expect(try await admin.createTopic(topic, partitions: 3, configuration: ["retention.ms": "3600000"]))
    #expect(try await !admin.createTopic(topic, partitions: 5))
    #expect(try await admin.describe(topic) == KafkaTopic(name: topic, partitions: [0, 1, 2]))
    try await admin.deleteTopic(topic)
    try await admin.deleteTopic(topic)
    let error = await #expect(throws: KafkaError.self) { try await admin.describe(topic) }
    #expect(error?.code == .unknownTopic)
    await admin.close()
    let closed = await #expect(throws: KafkaError.self) { try await admin.topics() }
    #expect(closed?.code == .closed)
  }

  @Test("a topic that is there is not asked for, so a cluster that creates none will do")
  func ensuredTopics() async throws {
    let mock = try MockBrokerServer(topics: ["ready": 2])
    // The mock cluster does not answer a request to create topics.
    let refusing = try KafkaAdmin(mock.configuration, limit: .seconds(2))
    #expect(try await !refusing.ensureTopic("ready", partitions: 4))
    await refusing.close()
    mock.end()
    let admin = try KafkaAdmin(try await BrokerServer.shared.configuration)
    let topic = uniqueName("ensured")
    #expect(try await admin.ensureTopic(topic, partitions: 3))
    #expect(try await !admin.ensureTopic(topic, partitions: 5))
    #expect(try await admin.describe(topic).partitions == [0, 1, 2])
    await admin.close()
  }

  @Test("watermarks and offsets by time, on both brokers")
  func offsets() async throws {
    let server = try await BrokerServer.shared
    let mock = try MockBrokerServer(topics: ["offsets": 2])
    try await createTopic("offsets", partitions: 2, on: server)
    for configuration in [server.configuration, mock.configuration] {
      try await produce("offsets", partitions: 1, count: 20, to: configuration)
      let admin = try KafkaAdmin(configuration)
      let places = [TopicPartition(topic: "offsets", partition: 0), TopicPartition(topic: "offsets", partition: 1)]
      let watermarks = try await admin.watermarks(places)
      #expect(watermarks[places[0]] == KafkaWatermarks(low: 0, high: 20))
      #expect(watermarks[places[1]] == KafkaWatermarks(low: 0, high: 0))
      await admin.close()
    }
    let admin = try KafkaAdmin(server.configuration)
    let place = TopicPartition(topic: "offsets", partition: 0)
    #expect(try await admin.offsets(at: [place: 1_000]) == [place: 0])
    let missing = TopicPartition(topic: "offsets", partition: 7)
    let error = await #expect(throws: KafkaError.self) { try await admin.watermarks([missing]) }
    #expect(error?.code == .unknownTopic)
    await admin.close()
    mock.end()
  }

  @Test("leaders that moved or went away are found again by a client that only asks")
  func movedLeaders() async throws {
    let mock = try MockBrokerServer(brokers: 3, topics: ["moving": 2])
    let places = [TopicPartition(topic: "moving", partition: 0), TopicPartition(topic: "moving", partition: 1)]
    try mock.setLeader(of: places[0], to: 1)
    try mock.setLeader(of: places[1], to: 2)
    let admin = try KafkaAdmin(mock.configuration, limit: .seconds(10))
    _ = try await admin.watermarks(places)
    try mock.setLeader(of: places[0], to: 3)
    try mock.setLeader(of: places[1], to: 1)
    #expect(try await admin.watermarks(places).count == 2)
    try mock.setBroker(3, up: false)
    try mock.setLeader(of: places[0], to: 2)
    #expect(try await admin.watermarks(places).count == 2)
    await admin.close()
    mock.end()
  }

  @Test("a group's lag, on the mock cluster as well")
  func lag() async throws {
    let mock = try MockBrokerServer(topics: ["lagging": 2])
    try await produce("lagging", partitions: 2, count: 10, to: mock.configuration)
    let consumer = try await KafkaConsumer.assigned(
      mock.configuration, positions: beginnings("lagging", 2), groupID: "laggards")
    let place = TopicPartition(topic: "lagging", partition: 1)
    try await consumer.commit([place: 4])
    let admin = try KafkaAdmin(mock.configuration)
    #expect(try await admin.groupLag("laggards", topics: ["lagging"]) == [place: KafkaLag(committed: 4, high: 10)])
    #expect(try await admin.groupLag("laggards", topics: ["lagging"])[place]?.lag == 6)
    #expect(try await admin.groupLag("unheard of", topics: ["lagging", "missing"]).isEmpty)
    #expect(try await admin.groupLag("laggards", topics: ["missing"]).isEmpty)
    await admin.close()
    await consumer.close()
    mock.end()
  }

  @Test("a cluster that cannot be reached is a retriable error, within the limit")
  func unreachable() async throws {
    let configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
    let admin = try KafkaAdmin(configuration, limit: .milliseconds(300))
    let start = ContinuousClock.now
    let place = TopicPartition(topic: "any", partition: 0)
    for question in 0..<3 {
      let error = await #expect(throws: KafkaError.self) {
        switch question {
        case 0: _ = try await admin.topics()
        case 1: _ = try await admin.watermarks([place])
        default: try await admin.createTopic("any", partitions: 1)
        }
      }
      #expect(error?.isRetriable == true)
    }
    let error = await #expect(throws: KafkaError.self) {
      var options = ConsumerOptions()
      options.requestLimit = .milliseconds(300)
      _ = try await KafkaConsumer.assigned(configuration, positions: [place: 0], options: options)
    }
    #expect(error?.isRetriable == true)
    #expect(start.duration(to: .now) < .seconds(5))
    await admin.close()
  }
}
