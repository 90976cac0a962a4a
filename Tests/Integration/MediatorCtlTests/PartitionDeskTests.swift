import Kafka
import Postgres
import TestSupport
import Testing
import Values

@testable import Mediator
@testable import mediatorctl

@Suite(.timeLimit(.minutes(2))) struct PartitionDeskTests {
  private let queue = TopicPartition(topic: "mediator.queue", partition: 2)
  private let other = TopicPartition(topic: "mediator.queue", partition: 3)

  private func stored(_ factory: Factory) async throws -> StoredPositions {
    let leases = LeaseStore(pool: factory.pool, mediatorID: "m1", lease: .seconds(60), timeout: .seconds(5))
    let connection = try await PostgresConnection.connect(factory.configuration)
    let stored = try await leases.positions(on: connection)
    await connection.close()
    return stored
  }

  private func number(_ sql: String, _ factory: Factory) async throws -> Int {
    let rows = try await factory.pool.run(timeout: .seconds(5), [PostgresStatement(sql)])
    return try rows[0][0].int(0)
  }

  /// Two partitions with positions, the first of them halted; its shard is 0.
  private func halted(_ factory: Factory) async throws {
    try await factory.run(
      "insert into positions (topic, partition, position, timestamp, checksum) values ('mediator.queue', 2, 10, 1, 1)",
      "insert into positions (topic, partition, position, timestamp, checksum) values ('mediator.queue', 3, 20, 1, 1)",
      "insert into halted_partitions (mediator, topic, partition, reason) values ('m1', 'mediator.queue', 2, 'new')")
  }

  @Test func aDecisionForgetsThePositionAndFencesTheOwner() async throws {
    let factory = try await Factory.make()
    let shard = try await factory.shard(0, of: 2)
    try await halted(factory)
    try await shard.commit(plannedWith: nil)
    let desk = PartitionDesk(pool: factory.pool)
    let before = try await desk.partitions()
    #expect(before.map(\.partition) == [queue, other])
    #expect(before.map(\.shard) == [0, 1])
    #expect(before.map(\.position) == [10, 20])
    #expect(before.map(\.halts.count) == [1, 0])
    let epoch = try await number("select epoch from shards where shard = 0", factory)

    // Nothing happens to one that is not halted.
    #expect(try await desk.accept(other, from: nil, author: "ann", reason: "") == nil)
    #expect(try await stored(factory).positions[other]?.next == 20)

    let decision = try #require(try await desk.accept(queue, from: nil, author: "ann", reason: "on purpose"))
    #expect(decision.former == 10)
    #expect(decision.epoch == Int64(epoch + 1))
    let after = try await stored(factory)
    #expect(after.positions[queue] == nil)
    #expect(after.positions[other]?.next == 20)
    #expect(after.decisions == [queue: decision.number])
    #expect(try await number("select epoch from shards where shard = 0", factory) == epoch + 1)
    #expect(try await number("select count(*) from halted_partitions", factory) == 0)
    #expect(
      try await number(
        """
        select count(*) from position_decisions where topic = 'mediator.queue' and partition = 2 and former = 10
           and position is null and halt = 'new' and author = 'ann' and reason = 'on purpose'
        """, factory) == 1)
    // Whoever read by the old position writes nothing more; who takes over does.
    let refusal = await #expect(throws: MediatorError.self) { try await shard.commit(plannedWith: nil) }
    #expect(refusal?.code == .fenced)
    try await factory.shard(0, of: 2).commit(plannedWith: nil)

    #expect(try await desk.accept(queue, from: nil, author: "ann", reason: "twice") == nil)
    await #expect(throws: (any Error).self) { try await factory.run("delete from position_decisions") }
    await factory.close()
  }

  @Test func aHaltThatWasFoundBeforeTheDecisionIsNone() async throws {
    let factory = try await Factory.make()
    _ = try await factory.shard(0, of: 2)
    try await halted(factory)
    let desk = PartitionDesk(pool: factory.pool)
    let position = Position(next: 15, timestamp: 3, checksum: 4)
    let decision = try #require(try await desk.accept(queue, from: position, author: "ann", reason: ""))
    #expect(try await stored(factory).positions[queue] == position)
    // A mediator that has not heard of it yet tells once more what it knew.
    try await factory.run(
      "insert into halted_partitions (mediator, topic, partition, reason) values ('m1', 'mediator.queue', 2, 'new')")
    #expect(try await desk.partitions().allSatisfy(\.halts.isEmpty))
    #expect(try await desk.accept(queue, from: nil, author: "ann", reason: "") == nil)
    try await factory.run("update halted_partitions set decision = \(decision.number)")
    #expect(try await desk.partitions().map(\.halts.count) == [1, 0])
    await factory.close()
  }

  /// A mediator that refuses to start halts nothing; and one that runs may have read on since somebody looked.
  @Test func aFindingIsDecidedAboutAsLongAsThePositionIsTheSame() async throws {
    let factory = try await Factory.make()
    _ = try await factory.shard(0, of: 2)
    try await halted(factory)
    let desk = PartitionDesk(pool: factory.pool)
    let outdated = PositionFinder.Finding(partition: other, position: 19, reason: "anew", isForeign: true)
    #expect(try await desk.accept(other, from: nil, finding: outdated, author: "ann", reason: "") == nil)
    let finding = PositionFinder.Finding(partition: other, position: 20, reason: "anew", isForeign: true)
    let decision = try #require(
      try await desk.accept(other, from: nil, finding: finding, author: "ann", reason: "on purpose"))
    #expect(decision.former == 20)
    #expect(try await stored(factory).positions[other] == nil)
    #expect(
      try await number("select count(*) from position_decisions where partition = 3 and halt = 'anew'", factory) == 1)
    #expect(try await desk.accept(other, from: nil, finding: finding, author: "ann", reason: "twice") == nil)
    await factory.close()
  }

  @Test func aPositionIsOneThatTheMediatorsAccept() async throws {
    let configuration = try await BrokerServer.shared.configuration
    let admin = try KafkaAdmin(configuration)
    let place = TopicPartition(topic: "accept-\(UInt32.random(in: 0...UInt32.max))", partition: 0)
    _ = try await admin.createTopic(place.topic, partitions: 1)
    let finder = PositionFinder(admin: admin, configuration: configuration)
    let empty = try await finder.bounds(of: place)
    #expect(try await finder.position(at: empty.high, of: place, within: empty).next == 0)

    let producer = try KafkaProducer(configuration)
    let records = (0..<3).map {
      OutgoingRecord(topic: place.topic, partition: 0, value: Array("record \($0)".utf8))
    }
    for result in await producer.send(records) { _ = try result.get() }
    await producer.close()
    let bounds = try await finder.bounds(of: place)
    #expect(bounds == KafkaWatermarks(low: 0, high: 3))
    let first = try await finder.position(at: 0, of: place, within: bounds)
    #expect(PositionGuard.start(place, stored: first, low: 0, high: 3) == .at(0, verifying: false))
    let offsets: [Int64] = [1, 3]
    for offset in offsets {
      let position = try await finder.position(at: offset, of: place, within: bounds)
      #expect(position.next == offset)
      #expect(PositionGuard.start(place, stored: position, low: 0, high: 3) == .at(offset - 1, verifying: true))
      let consumer = try await KafkaConsumer.assigned(configuration, positions: [place: offset - 1])
      let seen = try await consumer.nextBatch(max: 1, wait: .seconds(10))
      await consumer.close()
      var guarded = PositionGuard()
      guarded.expect(place, position)
      #expect(seen.count == 1)
      #expect(guarded.admit(seen).mismatch == nil)
    }

    // What does not fit is found without reading on.
    let right = try await finder.position(at: 2, of: place, within: bounds)
    #expect(try await finder.findings([place: first]) == [])
    #expect(try await finder.findings([place: right]) == [])
    for wrong in [
      Position(next: 2, timestamp: right.timestamp, checksum: right.checksum + 1),
      Position(next: 2, timestamp: right.timestamp + 1, checksum: right.checksum),
      Position(next: 4, timestamp: right.timestamp, checksum: right.checksum),
    ] {
      let findings = try await finder.findings([place: wrong])
      #expect(findings.map(\.isForeign) == [true] && findings.map(\.position) == [wrong.next], "\(wrong)")
    }
    await admin.close()
  }
}
