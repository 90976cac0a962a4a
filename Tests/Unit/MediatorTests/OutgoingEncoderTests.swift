import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

func encoder(
  _ catalog: DefinitionCatalog, shard: Int32 = 0, routes: EmitRoutes = EmitRoutes(), lifecycle: LifecycleLevel = .off,
  secrets: Secrets = Secrets()
) -> OutgoingEncoder {
  OutgoingEncoder(
    shard: shard, repliesTopic: Topics.replies, routes: routes, lifecycle: lifecycle, secrets: secrets, catalog: catalog
  )
}

@Suite struct OutgoingEncoderTests {
  private func header(_ name: String, _ record: OutgoingRecord) -> String? {
    record.headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func aProcessingEventSaysWhatTheContractAsks() throws {
    var turns = Turns([try entry(5, oneCall, version: "2.1.0")])
    let (plan, batch) = turns.turn([event("1", value: "{\"a\":1}")])
    let id = try #require(batch.started.first).id.text
    let messages = encoder(turns.catalog, shard: 3).messages(of: batch, instances: plan.instances)
    let message = try #require(messages.first)
    #expect(messages.count == 1)
    #expect(message.sequence == 101)
    #expect(message.request == Outbox.Message.Request(id: "\(id).1.1", instance: try #require(UUIDValue(id))))
    let record = message.record
    #expect(record.topic == "mediator.channel.oracle")
    #expect(record.partition == nil)
    #expect(record.key == Array("k".utf8))
    #expect(record.value == Array("{\"question\":{\"a\":1}}".utf8))
    let expected = [
      "ce_id": "\(id).1.1", "ce_idempotencykey": "\(id).1", "ce_source": "/workflows/tests/example/2.1.0",
      "ce_type": "oracle.requested", "ce_subject": "/do/0/ask", "ce_correlationid": id, "ce_attempt": "1",
      "ce_deadline": "2023-11-14T22:23:20.000Z", "ce_replyto": "mediator.replies", "ce_replypartition": "3",
    ]
    for (name, value) in expected { #expect(header(name, record) == value, "\(name)") }
    let trace = try #require(header("traceparent", record))
    #expect(trace == "00-\(id.filter { $0 != "-" })-0000000100000001-01")
  }

  @Test func anInstanceWithoutAKeyIsKeyedByItsID() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (plan, batch) = turns.turn([event(key: nil)])
    let id = try #require(batch.started.first).id.text
    #expect(encoder(turns.catalog).messages(of: batch, instances: plan.instances).map(\.record.key) == [Array(id.utf8)])
  }

  /// Whoever publishes a row, now or after a crash, writes the same bytes.
  @Test func republishingGivesTheSameBytes() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (_, started) = turns.turn([event("1"), event("2", offset: 1, value: "{"), event("3", offset: 2, key: nil)])
    let id = try #require(started.started.first).id.text
    let stray = reply(.completed(["x": 1]), to: "\(id).1.1", of: id, partition: 1)
    turns.takeover = ShardTakeover(shard: 1, epoch: 1, batch: 0, journalHead: 0, publishMark: 0)
    let (_, forwarding) = turns.turn([stray])
    for batch in [started, forwarding] {
      let encoder = encoder(turns.catalog, shard: 1)
      let first = encoder.messages(of: batch, instances: turns.stored)
      var rows: [UnpublishedRow] = []
      for row in batch.journal where !row.requests.isEmpty {
        let address = try #require(turns.stored[row.instance]).address
        // As it comes back from the store.
        let entries = try JSON.parse(JSON.array(row.entries.map(\.json)).serialized()).array ?? []
        rows.append(
          .journal(
            JournalRow(
              sequence: row.sequence, instance: row.instance, at: row.at,
              entries: try entries.map { try JournalEntry($0) }), address))
      }
      rows += batch.deadLetters.map { .deadLetter($0) }
      rows += batch.forwarded.map { .forwarded($0) }
      let again = rows.sorted { $0.sequence < $1.sequence }.flatMap(encoder.messages(of:))
      #expect(first.map(\.record) == again.map(\.record))
      #expect(first.map(\.sequence) == again.map(\.sequence))
      #expect(first.map(\.request) == again.map(\.request))
      #expect(!first.isEmpty)
    }
  }

  /// A row tells of the version that its instance ran then, whether it is published before or after a migration.
  @Test func whatIsPublishedAgainAfterAMigrationIsWhatItWas() throws {
    let body = "schedule: {on: {one: {with: {type: go}}}}\ndo: [{ask: {call: oracle}}, {tell: {call: sink}}]"
    let listening = "listen: {to: {one: {with: {type: red}}}}"
    var turns = Turns([try entry(1, body)])
    let (startPlan, started) = turns.turn([event("1")])
    let id = try #require(started.started.first).id
    let first = encoder(turns.catalog, lifecycle: .all).messages(of: started, instances: startPlan.instances)

    // Where 'ask' stood, the other version listens: the standard has other lifecycle events for that.
    let other = body.replacing("[{ask", with: "[{hear: {if: '${ false }', \(listening)}}, {ask")
    var both = Turns([try entry(1, body), try entry(2, other, version: "1.1.0")])
    (both.stored, both.head) = (turns.stored, turns.head)
    let migration = MigrationRequest(version: "1.1.0")
    let command = OperatorCommand(
      request: UUIDValue(high: 0, low: 1), instance: id, verb: MigrationRequest.verb, arguments: migration.json,
      author: "ann", reason: "", requestedAt: start)
    let asked = try #require(turns.stored[id]?.state.activities.last).id
    let answer = reply(.completed(1), to: "\(id.text).\(asked).1", of: id.text)
    let (plan, migrated) = both.turn([answer]) { $0.apply(QueuedCommand(number: 1, command: command, isDone: false)) }
    #expect(plan.instances[id]?.definition == 2)

    let encoder = encoder(both.catalog, lifecycle: .all)
    let second = encoder.messages(of: migrated, instances: plan.instances)
    #expect(Set((first + second).map { header("ce_source", $0.record) }) == ["/workflows/tests/example/1.0.0"])
    let journal = started.journal + migrated.journal
    let versions = FormerVersions(journal)
    let again = try journal.flatMap { row in
      var address = try #require(both.stored[id]).address
      address.formerVersion = versions.version(of: id, at: row.sequence)
      return encoder.messages(of: .journal(row, address))
    }
    #expect(again.map(\.record) == (first + second).map(\.record))
    // What comes after it is the new version's.
    let next = try #require(both.stored[id]?.state.activities.last).id
    let (last, batch) = both.turn([reply(.completed(1), to: "\(id.text).\(next).1", of: id.text)])
    let sources = encoder.messages(of: batch, instances: last.instances).map { header("ce_source", $0.record) }
    #expect(Set(sources) == ["/workflows/tests/example/1.1.0"])
  }

  @Test func aDeadLetterCarriesTheRecordAndTheReason() throws {
    var record = event("1", partition: 4, offset: 17, value: "{")
    record.headers.append(KafkaHeader(name: "dup", value: nil))
    record.headers.append(KafkaHeader(name: "dup", value: [0, 255]))
    let letter = DeadLetter(sequence: 8, record: record, reason: "notJSON", detail: "it is not")
    let message = try #require(encoder(DefinitionCatalog()).messages(of: .deadLetter(letter)).first)
    #expect(message.sequence == 8)
    #expect(message.request == nil)
    #expect(message.record.topic == Topics.deadLetters)
    #expect(message.record.key == record.key)
    #expect(message.record.value == record.value)
    #expect(Array(message.record.headers.prefix(record.headers.count)) == record.headers)
    let facts = [
      "dl_reason": "notJSON", "dl_detail": "it is not", "dl_topic": Topics.queue, "dl_partition": "4",
      "dl_offset": "17", "dl_attempts": "1",
    ]
    for (name, value) in facts { #expect(header(name, message.record) == value, "\(name)") }
    #expect(header("dl_value_bytes", message.record) == nil)
  }

  @Test func anOversizeDeadLetterGoesWithoutItsValue() throws {
    var record = event()
    for (size, isCarried) in [(900_000, true), (900_001, false), (5 << 20, false)] {
      record.value = Array(repeating: 0x78, count: size)
      let letter = DeadLetter(sequence: 1, record: record, reason: "tooLarge", detail: "")
      let message = try #require(encoder(DefinitionCatalog()).messages(of: .deadLetter(letter)).first)
      #expect((message.record.value != nil) == isCarried)
      #expect(header("dl_value_bytes", message.record) == (isCarried ? nil : String(size)))
    }
  }

  @Test func messagesAreInTheOrderOfTheirRows() throws {
    var turns = Turns([try entry(1, oneCall)])
    let records = (0..<20).map { event("\($0)", offset: Int64($0), value: $0 % 3 == 0 ? "{" : "{}") }
    let (plan, batch) = turns.turn(records)
    let messages = encoder(turns.catalog).messages(of: batch, instances: plan.instances)
    #expect(messages.map(\.sequence) == (101...120).map { $0 })
  }

  // MARK: Emitted events

  @Test func anEmittedEventIsACloudEvent() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        do:
          - say: {emit: {event: {with: {type: order.placed, source: /shop, priority: 7, data: {a: 1}}}}}
          - again: {emit: {event: {with: {type: sent, source: /shop, partitionkey: mine, data: [1]}}}}
        """)
    ])
    let (plan, batch) = turns.turn([event("1")])
    let id = try #require(batch.started.first).id.text
    let routes = EmitRoutes([EmitRoutes.Route(type: "order.*", source: nil, topic: "orders")], otherwise: "rest")
    let messages = encoder(turns.catalog, routes: routes).messages(of: batch, instances: plan.instances)
    #expect(messages.map(\.record.topic) == ["orders", "rest"])
    #expect(messages.map(\.record.key) == [Array("k".utf8), Array("mine".utf8)])
    #expect(messages.map(\.record.value) == [Array("{\"a\":1}".utf8), Array("[1]".utf8)])
    #expect(messages.allSatisfy { $0.request == nil && $0.sequence == 101 })
    let expected = [
      "ce_id": "\(id).1", "ce_source": "/shop", "ce_type": "order.placed", "ce_priority": "7",
      "ce_correlationid": id, "content-type": "application/json", "ce_time": start.rfc3339,
    ]
    for (name, value) in expected { #expect(header(name, messages[0].record) == value, "\(name)") }
    // It is what the mediator itself reads.
    let record = messages[1].record
    let read = try CloudEventCodec.decode(
      KafkaRecord(
        topic: record.topic, partition: 0, offset: 0, timestamp: 0, key: record.key, value: record.value,
        headers: record.headers), binding: nil, limits: DecodeLimits())
    #expect(read.id == "\(id).2" && read.data == [1] && read.extensions["partitionkey"] == "mine")
  }

  @Test(arguments: [
    ("order.placed", "/shop", "orders"), ("order.", "/x", "orders"), ("order", "/shop", "shop"),
    ("sent", "/shop/1", "shops"), ("sent", "/elsewhere", "exact"), ("sent.x", "/elsewhere", "mediator.queue"),
    ("both", "/both", "pair"), ("both", "/other", "mediator.queue"),
  ])
  func routesGoByTypeAndSource(_ type: String, _ source: String, _ topic: String) {
    let routes = EmitRoutes([
      EmitRoutes.Route(type: "order.*", source: nil, topic: "orders"),
      EmitRoutes.Route(type: nil, source: "/shop", topic: "shop"),
      EmitRoutes.Route(type: nil, source: "/shop/*", topic: "shops"),
      EmitRoutes.Route(type: "sent", source: nil, topic: "exact"),
      EmitRoutes.Route(type: "both", source: "/both", topic: "pair"),
    ])
    #expect(routes.topic(type: type, source: source) == topic)
  }

  // MARK: Lifecycle events

  @Test func lifecycleEventsOfBothLevels() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (plan, batch) = turns.turn([event("1")])
    let id = try #require(batch.started.first).id.text
    func types(_ level: LifecycleLevel, _ plan: TurnPlan, _ batch: ShardBatch) -> [String] {
      encoder(turns.catalog, lifecycle: level).messages(of: batch, instances: plan.instances)
        .filter { $0.record.topic == Topics.lifecycle }.compactMap { header("ce_type", $0.record) }
        .map { String($0.dropFirst("io.serverlessworkflow.".count).dropLast(".v1".count)) }
    }
    #expect(types(.off, plan, batch) == [])
    #expect(types(.workflow, plan, batch) == ["workflow.started"])
    #expect(types(.all, plan, batch) == ["workflow.started", "task.created", "task.started"])
    let (second, ended) = turns.turn([reply(.completed(["x": 1]), to: "\(id).1.1", of: id)])
    #expect(types(.workflow, second, ended) == ["workflow.completed"])
    #expect(types(.all, second, ended) == ["task.completed", "workflow.completed"])
    let messages = encoder(turns.catalog, lifecycle: .all).messages(of: ended, instances: second.instances)
    #expect(messages.allSatisfy { $0.record.key == Array(id.utf8) && $0.sequence == 102 })
    #expect(Set(messages.map { header("ce_id", $0.record) ?? "" }).count == 2)
    let data = try JSON.parse(messages[1].record.value ?? [])
    #expect(data["name"] == .string("example-\(id).tests"))
    #expect(data["output"] == ["x": 1])
    #expect(data["completedAt"] == .string(start.rfc3339))
  }

  /// From one source: the ids of different events must not be the same.
  @Test func lifecycleEventsHaveNoIDsOfProcessingEvents() throws {
    var turns = Turns([try entry(1, oneCall)])
    turns.head = 0
    let (plan, batch) = turns.turn([event("1")])
    let ids = encoder(turns.catalog, lifecycle: .all).messages(of: batch, instances: plan.instances)
      .compactMap { header("ce_id", $0.record) }
    #expect(Set(ids).count == ids.count && ids.count == 4)
  }
}
