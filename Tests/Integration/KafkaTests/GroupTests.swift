import Kafka
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GroupTests {
  @Test("two members share the partitions; when one leaves, the other goes on from the committed positions")
  func sharing() async throws {
    let server = try await BrokerServer.shared
    let (topic, group) = (uniqueName("shared"), uniqueName("group"))
    try await createTopic(topic, partitions: 4, on: server)
    let first = try await Member(server.configuration, group: group, topic: topic)
    try await first.until { $0.partitions.count == 4 }
    let second = try await Member(server.configuration, group: group, topic: topic)
    try await first.until { $0.partitions.count == 2 }
    try await second.until { $0.partitions.count == 2 }
    #expect(first.partitions.isDisjoint(with: second.partitions))
    #expect(first.changes.contains { if case .revoking(let all) = $0 { all.count == 4 } else { false } })

    try await produce(topic, partitions: 4, count: 50, to: server.configuration)
    async let read = first.consumer.collect(100)
    let other = try await second.consumer.collect(100)
    let mine = try await read
    #expect(Set(mine.map(\.topicPartition)).isDisjoint(with: Set(other.map(\.topicPartition))))
    // The second one commits half of what it read, and leaves.
    let half = second.partitions.reduce(into: [:]) { $0[$1] = Int64(25) }
    try await second.consumer.commit(half)
    await second.consumer.close()
    try await first.until { $0.partitions.count == 4 }
    let again = try await first.consumer.collect(50 + 100)
    let inherited = again.filter { half.keys.contains($0.topicPartition) }
    #expect(Dictionary(grouping: inherited, by: \.topicPartition).values.allSatisfy { $0.first?.offset == 25 })
    await first.consumer.close()
  }

  @Test("a member whose topic does not exist yet is told, and reads it once it does")
  func topicToCome() async throws {
    let server = try await BrokerServer.shared
    let (topic, group) = (uniqueName("to-come"), uniqueName("group"))
    var configuration = server.configuration
    configuration.properties["topic.metadata.refresh.interval.ms"] = "500"
    let member = try await Member(configuration, group: group, topic: topic)
    let error = await #expect(throws: KafkaError.self) {
      _ = try await member.consumer.nextBatch(max: 10, wait: .seconds(20))
    }
    #expect(error?.code == .unknownTopic)
    try await createTopic(topic, partitions: 1, on: server)
    try await produce(topic, partitions: 1, count: 5, to: server.configuration)
    var records: [KafkaRecord] = []
    let deadline = ContinuousClock.now + .seconds(20)
    while records.count < 5, .now < deadline {
      records += (try? await member.consumer.nextBatch(max: 10, wait: .milliseconds(500))) ?? []
    }
    #expect(records.map(\.offset) == [0, 1, 2, 3, 4])
    await member.consumer.close()
  }

  @Test("a static member that comes back has its partitions again, and the other one notices nothing")
  func staticMembership() async throws {
    let server = try await BrokerServer.shared
    let (topic, group) = (uniqueName("static"), uniqueName("group"))
    try await createTopic(topic, partitions: 2, on: server)
    let one = try await Member(server.configuration, group: group, topic: topic, instanceID: "one")
    try await one.until { $0.partitions.count == 2 }
    let two = try await Member(server.configuration, group: group, topic: topic, instanceID: "two")
    try await one.until { $0.partitions.count == 1 }
    try await two.until { $0.partitions.count == 1 }
    let owned = one.partitions
    let changes = two.changes.count
    await one.consumer.close()
    let again = try await Member(server.configuration, group: group, topic: topic, instanceID: "one")
    try await again.until { $0.partitions == owned }
    #expect(two.changes.count == changes)
    await again.consumer.close()
    await two.consumer.close()
  }

  @Test("partitions are not another member's before the handler has returned")
  func handlerBeforeRevocation() async throws {
    let (topic, group) = (uniqueName("handler"), uniqueName("group"))
    let server = try MockBrokerServer(topics: [topic: 2])
    let (inHandler, handlerEntered) = AsyncStream<Void>.makeStream()
    let (release, releaseHandler) = AsyncStream<Void>.makeStream()
    var configuration = server.configuration
    configuration.properties["session.timeout.ms"] = "6000"
    configuration.properties["heartbeat.interval.ms"] = "500"
    let first = try await Member(configuration, group: group, topic: topic)
    try await first.until { $0.partitions.count == 2 }
    first.onRevoking { _, _ in
      handlerEntered.yield()
      for await _ in release { break }
    }
    let second = try await Member(configuration, group: group, topic: topic)
    for await _ in inHandler { break }
    try await produce(topic, partitions: 2, count: 10, to: server.configuration)
    // The handler is in there and does not return: no record comes, and the second member has nothing.
    #expect(try await first.consumer.nextBatch(max: 10, wait: .milliseconds(500)).isEmpty)
    #expect(second.partitions.isEmpty)
    releaseHandler.finish()
    try await second.until { $0.partitions.count == 1 }
    #expect(try await second.consumer.collect(10).count == 10)
    await first.consumer.close()
    await second.consumer.close()
    server.end()
  }

  // While another member joins, Kafka takes commits of the revoked partitions; neither broker at hand does.
  @Test("what the handler commits before leaving is where the next owner goes on")
  func commitInHandler() async throws {
    let server = try await BrokerServer.shared
    let (topic, group) = (uniqueName("last-commit"), uniqueName("group"))
    try await createTopic(topic, partitions: 1, on: server)
    try await produce(topic, partitions: 1, count: 10, to: server.configuration)
    let first = try await Member(server.configuration, group: group, topic: topic)
    #expect(try await first.consumer.collect(10).count == 10)
    first.onRevoking { consumer, partitions in
      try? await consumer.commit(partitions.reduce(into: [:]) { $0[$1] = 7 })
    }
    await first.consumer.close()
    let second = try await Member(server.configuration, group: group, topic: topic)
    #expect(try await second.consumer.collect(3).map(\.offset) == [7, 8, 9])
    await second.consumer.close()
  }

  @Test("a handler that never returns holds the others up for the limit only")
  func stuckHandler() async throws {
    let (topic, group) = (uniqueName("stuck"), uniqueName("group"))
    let server = try MockBrokerServer(topics: [topic: 2])
    var options = ConsumerOptions()
    options.rebalanceLimit = .milliseconds(500)
    var configuration = server.configuration
    configuration.properties["session.timeout.ms"] = "6000"
    configuration.properties["heartbeat.interval.ms"] = "500"
    let first = try await Member(configuration, group: group, topic: topic, options: options)
    try await first.until { $0.partitions.count == 2 }
    // Hangs for as long as the test needs.
    first.onRevoking { _, _ in try? await Task.sleep(for: .seconds(1000)) }
    let second = try await Member(configuration, group: group, topic: topic)
    try await second.until { $0.partitions.count == 1 }
    await second.consumer.close()
    let start = ContinuousClock.now
    await first.consumer.close(within: .seconds(1))
    #expect(start.duration(to: .now) < .seconds(4))
    server.end()
  }

  @Test("a member whose group does not answer is told so, instead of reading nothing for ever")
  func silentGroup() async throws {
    let (topic, group) = (uniqueName("silent"), uniqueName("group"))
    let server = try await BrokerServer.shared
    try await createTopic(topic, partitions: 1, on: server)
    let (release, releaseHandler) = AsyncStream<Void>.makeStream()
    var patient = ConsumerOptions()
    patient.rebalanceLimit = .seconds(50)
    let first = try await Member(server.configuration, group: group, topic: topic, options: patient)
    try await first.until { $0.partitions.count == 1 }
    // As long as the first one does not give its partition back, the group answers nobody.
    first.onRevoking { _, _ in for await _ in release { break } }
    var options = ConsumerOptions()
    options.joinLimit = .seconds(3)
    let second = try await Member(server.configuration, group: group, topic: topic, options: options)
    let error = await #expect(throws: KafkaError.self) {
      _ = try await second.consumer.nextBatch(max: 10, wait: .seconds(20))
    }
    #expect(error?.name == "JOIN_TIMED_OUT")
    #expect(error?.isFatal == true)
    releaseHandler.finish()
    await second.consumer.close()
    await first.consumer.close()
  }
}

/// A member of a group that notes what happens to it.
private final class Member: Sendable {
  typealias Handler = @Sendable (KafkaConsumer, [TopicPartition]) async -> Void

  private struct Notes {
    var changes: [KafkaRebalance] = []
    var partitions: Set<TopicPartition> = []
    var handler: Handler?
    var consumer: KafkaConsumer?
  }

  let consumer: KafkaConsumer
  private let notes: Notebook

  private final class Notebook: Sendable {
    let state = Mutex(Notes())
  }

  init(
    _ configuration: KafkaConfiguration, group: String, topic: String, instanceID: String? = nil,
    options: ConsumerOptions = ConsumerOptions()
  ) async throws {
    let notes = Notebook()
    self.notes = notes
    consumer = try await KafkaConsumer.member(
      configuration, group: group, instanceID: instanceID, topics: [topic], options: options
    ) { change in
      await Self.note(change, in: notes)
    }
    let consumer = consumer
    notes.state.withLock { $0.consumer = consumer }
  }

  deinit { notes.state.withLock { $0.consumer = nil } }

  private static func note(_ change: KafkaRebalance, in notes: Notebook) async {
    let handler: (Handler, KafkaConsumer, [TopicPartition])? = notes.state.withLock { notes in
      notes.changes.append(change)
      switch change {
      case .assigned(let partitions): notes.partitions = Set(partitions)
      case .lost: notes.partitions = []
      case .revoking(let partitions):
        notes.partitions = []
        if let handler = notes.handler, let consumer = notes.consumer { return (handler, consumer, partitions) }
      }
      return nil
    }
    if let (handler, consumer, partitions) = handler { await handler(consumer, partitions) }
  }

  var partitions: Set<TopicPartition> { notes.state.withLock { $0.partitions } }
  var changes: [KafkaRebalance] { notes.state.withLock { $0.changes } }

  func onRevoking(_ handler: @escaping Handler) { notes.state.withLock { $0.handler = handler } }

  /// Polls for the condition, as what it is about happens in the cluster.
  func until(_ condition: (Member) -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(40)
    while !condition(self) {
      if .now > deadline { throw Timeout() }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
