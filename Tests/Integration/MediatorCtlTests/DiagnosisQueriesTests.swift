import Engine
import Kafka
import Postgres
import TestSupport
import Testing
import Values
import Wire
import Workflow

@testable import Mediator
@testable import mediatorctl

@Suite(.timeLimit(.minutes(2))) struct DiagnosisQueriesTests {
  private let start = Timestamp.now() - .seconds(30)

  private func codes(_ facts: InstanceFacts?) throws -> [String] {
    Diagnosis(try #require(facts)).findings.map(\.cause.code)
  }

  @Test func followsAProcessingEventOnItsChannel() async throws {
    let factory = try await Factory.make()
    let channel = "why-\(UInt32.random(in: 0...UInt32.max))"
    let workflow = try await factory.deploy(source: Self.calling(channel))
    let instance = try await factory.shard().start(workflow, event: "e1", at: start)
    let configuration = try await BrokerServer.shared.configuration
    let admin = try KafkaAdmin(configuration)
    _ = try await admin.createTopic(Topics.channel(channel), partitions: 2)
    let reader = ChannelReader(admin: admin, configuration: configuration)
    let queries = DiagnosisQueries(pool: factory.pool)
    try await publish(
      [(instance.id, "\(UUIDValue(high: 1, low: 1).text).1.1"), (instance.id, "\(instance.id.text).1.1")], channel,
      configuration)
    // The journal says that all of it is published.
    try await factory.run("update shards set publish_mark = journal_head")

    let unserved = try await queries.facts(of: instance.id, channels: reader)
    #expect(try codes(unserved) == ["channelWithoutConsumer"])
    #expect(unserved?.places["\(instance.id.text).1.1"]?.offset == 1)
    let partition = try #require(unserved?.places["\(instance.id.text).1.1"]?.partition)
    #expect(unserved?.oldestUnread.count == 1)

    let place = TopicPartition(topic: Topics.channel(channel), partition: partition)
    let consumer = try await KafkaConsumer.assigned(
      configuration, positions: [place: 0], groupID: "somebody-\(channel)")
    try await consumer.commit([place: 1])
    let stopped = try await queries.facts(of: instance.id, channels: reader)
    guard case .consumerStopped(let lag) = Diagnosis(try #require(stopped)).findings[0].cause else {
      Issue.record("\(try codes(stopped))")
      return
    }
    #expect((lag.group, lag.records, lag.members) == ("somebody-\(channel)", 1, 0))
    try await consumer.commit([place: 2])
    #expect(try codes(try await queries.facts(of: instance.id, channels: reader)) == ["waitingForReply"])
    await consumer.close()
    await admin.close()
    await factory.close()
  }

  @Test func countsTheMembersOfAGroup() async throws {
    let configuration = try await BrokerServer.shared.configuration
    let channel = "why-\(UInt32.random(in: 0...UInt32.max))"
    let admin = try KafkaAdmin(configuration)
    _ = try await admin.createTopic(Topics.channel(channel), partitions: 2)
    let group = "members-\(channel)"
    let member = try await KafkaConsumer.member(
      configuration, group: group, topics: [Topics.channel(channel)]
    ) { _ in }
    let reader = ChannelReader(admin: admin, configuration: configuration)
    let consumer = try await poll(within: .seconds(30), "the member to be seen") {
      try await reader.facts(of: [channel])[channel]?.consumer
    }
    #expect(consumer == ChannelFacts.Consumer(group: group, members: 1, committed: [:]))
    #expect(try await admin.groups().contains(group))
    #expect(try await admin.describe(groups: ["unheard-of"]).flatMap(\.members).isEmpty)
    await member.close()
    await admin.close()
  }

  @Test func tellsWhatComesBeforeAndWhoHoldsTheShard() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    let first = try await shard.start(workflow, event: "e1", at: start)
    let second = try await shard.start(workflow, event: "e2", at: start)
    try await factory.run(
      "update instances set order_key = 'k', order_place = 1 where id = '\(first.id.text)'",
      """
      update instances set order_key = 'k', order_place = 2, status = 'pending', wake_at = null
       where id = '\(second.id.text)'
      """)
    let queries = DiagnosisQueries(pool: factory.pool)
    let behind = try #require(try await queries.facts(of: second.id, channels: nil))
    #expect(Diagnosis(behind).findings.map(\.cause.code) == ["orderKeyHeld"])
    #expect(behind.orderKey?.holder == first.id)
    #expect(behind.orderKey?.ahead == 1)

    try await factory.run("update shards set owner = null, expires_at = '-infinity'")
    try await factory.run(
      "insert into halted_partitions (mediator, topic, partition, reason) values ('m1', 'mediator.replies', 0, 'new')",
      "insert into halted_partitions (mediator, topic, partition, reason) values ('gone', 'mediator.replies', 0, 'x')")
    #expect(
      try codes(try await queries.facts(of: first.id, channels: nil))
        == ["shardWithoutOwner", "partitionHalted", "unpublished"])
    let nobody = try await queries.facts(of: UUIDValue(high: 0, low: 0), channels: nil)
    #expect(nobody == nil)
    await factory.close()
  }

  @Test func tellsBothWithAndWithoutAnAuditTable() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let instance = try await factory.shard().start(workflow, event: "e1", at: start)
    try await factory.run("update instances set status = 'suspended'")
    let queries = DiagnosisQueries(pool: factory.pool)
    try await factory.run("drop table if exists audit")
    #expect(try await queries.facts(of: instance.id, channels: nil)?.suspension == nil)
    try await factory.run(
      """
      create table audit (request text, instance uuid, verb text, arguments json, author text, reason text,
                          requested_at timestamptz, applied_at timestamptz, outcome text, detail text)
      """,
      "insert into audit (instance, verb, author, applied_at) values ('\(instance.id.text)', 'suspend', 'ann', now())",
      "insert into audit (instance, verb, author, applied_at) values ('\(instance.id.text)', 'resume', 'bob', now())")
    #expect(try await queries.facts(of: instance.id, channels: nil)?.suspension?.author == "ann")
    await factory.close()
  }

  @Test func showsTheNearestEvents() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy(source: Self.listening)
    let shard = try await factory.shard()
    let instance = try await shard.start(workflow, event: "e1", at: start)
    let waits = workflow.engine.waits(of: instance.state)
    func event(_ id: String, order: String) -> OfferedEvent {
      let event = CloudEvent(id: id, source: "/bank", type: "paid", data: ["order": .string(order)])
      let out = CloudEventCodec.encode(event, topic: "mediator.queue", key: nil)
      let record = KafkaRecord(
        topic: out.topic, partition: 0, offset: 1, timestamp: start.microseconds / 1_000, key: nil, value: out.value,
        headers: out.headers)
      let filters = workflow.engine.definition.awaited
      return OfferedEvent(
        record: record, source: "/bank", id: id, keys: filters.flatMap { $0.keys(of: event.json) }, isUsed: false,
        expiresAt: Timestamp.now() + .seconds(600), dispatches: [])
    }
    try await shard.offer(
      [event("p1", order: "e9")], waits: WaitChange(instance: instance.id, waits: waits))
    let facts = try #require(try await DiagnosisQueries(pool: factory.pool).facts(of: instance.id, channels: nil))
    #expect(Diagnosis(facts).findings.map(\.cause.code) == ["waitingForEvent"])
    #expect(facts.waits[0].type == "paid")
    #expect(facts.waits[0].correlation == ["order": "e1"])
    #expect(
      facts.waits[0].nearest.map(\.mismatches) == [[.correlation(name: "order", is: "e9", wanted: "e1")]])
    let text = WhyReport(facts).text(.plain(now: start))
    #expect(text.contains(#"it waits for an event 'paid' with order = "e1""#))
    #expect(text.contains(#"p1 from /bank at"#))
    #expect(WhyReport(facts).json["causes"]?[0]?["code"] == "waitingForEvent")
    await factory.close()
  }

  private func publish(
    _ events: [(instance: UUIDValue, id: String)], _ channel: String, _ configuration: KafkaConfiguration
  ) async throws {
    let producer = try KafkaProducer(configuration)
    for (instance, id) in events {
      let event = ProcessingEvent(
        id: id, idempotencyKey: id, source: "/w", channel: channel, taskReference: "/do/0/x",
        correlationID: instance.text, causationID: instance.text, attempt: 1, deadline: start + .seconds(600),
        replyTopic: Topics.replies, replyPartition: 0, key: [1], data: .null)
      for result in await producer.send([event.encode()]) { _ = try result.get() }
    }
    await producer.close()
  }

  private static func calling(_ channel: String) -> String {
    """
    document: {dsl: 1.0.3, namespace: shop, name: calling, version: 1.0.0}
    schedule: {on: {one: {with: {type: order.placed}}}}
    do:
      - ask:
          call: \(channel)
    """
  }

  private static let listening = """
    document: {dsl: 1.0.3, namespace: shop, name: listening, version: 1.0.0}
    schedule: {on: {one: {with: {type: order.placed}}}}
    do:
      - pay:
          listen:
            to:
              one:
                with: {type: paid}
                correlate:
                  order: {from: .data.order, expect: '${ .[0].id }'}
    """
}

extension Factory {
  /// Runs statements as they are.
  func run(_ statements: String...) async throws {
    _ = try await pool.run(timeout: .seconds(60), statements.map { PostgresStatement($0) })
  }
}
