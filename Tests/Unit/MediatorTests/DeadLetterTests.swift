import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

@Suite struct DeadLetterTests {
  private func bare(_ value: String, offset: Int64 = 17, headers: [KafkaHeader] = []) -> KafkaRecord {
    KafkaRecord(
      topic: "readings", partition: 4, offset: offset, timestamp: 1, key: [1], value: Array(value.utf8),
      headers: headers)
  }

  private let redrive = Redrive(letter: DeadLetterID(shard: 3, sequence: 17), round: 2, origin: "readings/4/17")

  // MARK: Identity

  @Test func anIdCanBeTyped() {
    #expect(DeadLetterID("3-17") == DeadLetterID(shard: 3, sequence: 17))
    #expect(DeadLetterID(shard: 3, sequence: 17).description == "3-17")
    for text in ["", "3", "3-", "-17", "3-17-1", "a-1", "3-1x", "+3-1", "3--1", "99999999999-1"] {
      #expect(DeadLetterID(text) == nil, "\(text)")
    }
  }

  @Test func headersSayWhatARecordWas() {
    let own = [KafkaHeader(name: "x", value: nil), KafkaHeader(name: "ce_id", value: [1])]
    let headers = redrive.added(to: own)
    #expect(Redrive(headers) == redrive)
    #expect(Redrive.stripped(headers) == own)
    // A further round takes the place of the one before.
    let next = Redrive(letter: redrive.letter, round: 3, origin: redrive.origin)
    #expect(Redrive(next.added(to: headers)) == next)
    #expect(next.added(to: headers).count == headers.count)
    #expect(Redrive(own) == nil)
    for (name, value) in [("mediator-redriven", "0"), ("mediator-redriven", "x"), ("mediator-dead-letter", "7")] {
      #expect(Redrive(headers + [KafkaHeader(name: name, value: Array(value.utf8))]) == nil, "\(name) \(value)")
    }
    let odd = headers + [KafkaHeader(name: "mediator-origin", value: Array("nowhere".utf8))]
    #expect(Redrive(odd)?.origin == nil)
  }

  /// Whatever its new offset and value: it is the event that it was.
  @Test func bareJSONKeepsItsIdentity() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    let decoder = decoder(catalog, queues: ["readings": EventBinding(type: "go", source: "/line")])
    func ids(_ record: KafkaRecord) -> [String] {
      guard case .event(let event) = decoder.decode(record) else { return [] }
      return [event.id] + event.starts.map(\.id.text)
    }
    let first = ids(bare("{}"))
    #expect(first.first == "readings/4/17")
    #expect(ids(bare("{\"edited\": 1}", offset: 90, headers: redrive.added(to: []))) == first)
    #expect(ids(bare("{}", offset: 90)).first == "readings/4/90")
    // Only what says that it is a dead letter.
    let origin = KafkaHeader(name: "mediator-origin", value: Array("readings/4/17".utf8))
    #expect(ids(bare("{}", offset: 90, headers: [origin])).first == "readings/4/90")
  }

  @Test func theRecordOfAFurtherRound() {
    let original = bare("{", headers: [KafkaHeader(name: "x", value: [7])])
    var edited = original
    edited.value = Array("{}".utf8)
    func detail(_ original: KafkaRecord, _ edited: KafkaRecord?) -> DeadLetterDetail {
      let entry = DeadLetterEntry(
        id: redrive.letter, status: .open, reason: "notJSON", detail: "", topic: original.topic,
        partition: original.partition, offset: original.offset, key: original.key, bytes: 1, rounds: 1,
        isEdited: edited != nil, instance: nil, workflow: nil, unpublished: nil, createdAt: start, changedAt: start)
      return DeadLetterDetail(entry: entry, original: original, edited: edited, history: [])
    }
    let record = detail(original, edited).redriven(round: 2, partitions: 5)
    #expect(record.topic == "readings")
    #expect(record.partition == 4)
    #expect(record.key == [1])
    #expect(record.value == edited.value)
    #expect(record.headers == redrive.added(to: original.headers))
    #expect(detail(original, nil).redriven(round: 2, partitions: 4).partition == nil, "the topic has fewer now")
    var emitted = original
    (emitted.partition, emitted.offset) = (-1, -1)
    let again = detail(emitted, nil).redriven(round: 1, partitions: 4)
    #expect(again.partition == nil)
    #expect(Redrive(again.headers)?.origin == nil)
  }

  @Test func theTopicIsToldWhatALetterWasAtFirst() {
    let came = bare("{", offset: 90, headers: redrive.added(to: []))
    let letter = DeadLetter(sequence: 200, record: came, reason: "notJSON", detail: "a\0b")
    #expect(letter.detail == "a\u{FFFD}b")
    func header(_ name: String, _ record: OutgoingRecord) -> String? {
      record.headers.first { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    let record = letter.published(by: 0)
    let facts = ["dl_id": "3-17", "dl_offset": "17", "dl_partition": "4", "dl_attempts": "3"]
    for (name, value) in facts { #expect(header(name, record) == value, "\(name)") }
    let first = DeadLetter(sequence: 17, record: bare("{"), reason: "notJSON", detail: "").published(by: 3)
    #expect(header("dl_id", first) == "3-17")
    #expect(header("dl_attempts", first) == "1")
  }

  // MARK: Calls that nobody catches

  /// The call's reply: it has failed for good.
  private func failing(_ turns: inout Turns, _ started: ShardBatch) throws -> ShardBatch {
    let id = try #require(turns.stored.values.first).id.text
    let request = try #require(started.journal.flatMap(\.requests).last)
    let problem = ProblemDetails(type: "about:blank", status: 503, detail: "busy")
    return turns.turn([
      reply(.failed(TaskFailure(problem: problem)), to: request.id, of: id, offset: 4)
    ]).1
  }

  @Test func theLastProcessingEventOfAnUncaughtFailureIsADeadLetter() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (_, started) = turns.turn([event(value: "{\"a\": 1}")])
    #expect(started.deadLetters.isEmpty)
    let batch = try failing(&turns, started)
    #expect(batch.updated.map(\.state.status) == [.faulted])
    let letter = try #require(batch.deadLetters.first)
    #expect(batch.deadLetters.count == 1)
    #expect(letter.reason == "uncaughtFault")
    #expect(letter.detail == "attempt 1 of /do/0/ask failed, and nothing caught it: 503 busy")
    #expect(letter.instance == batch.updated.first?.id)
    #expect(letter.record.topic == "mediator.channel.oracle")
    #expect(letter.record.offset == -1)
    #expect(letter.record.key == Array("k".utf8))
    let sent = try ProcessingEvent.decode(letter.record)
    #expect(sent.id == started.journal.flatMap(\.requests).first?.id)
    #expect(sent.data == ["question": ["a": 1]])
    #expect(batch.journalHead == letter.sequence)
  }

  @Test func soIsOneThatNobodyAnswered() throws {
    var turns = Turns([try entry(1, oneCall)])
    let (_, started) = turns.turn([event()])
    turns.now = start + .seconds(601)
    let id = try #require(started.started.first).id
    let (_, batch) = turns.turn([]) { $0.wake(id) }
    #expect(batch.deadLetters.map(\.reason) == ["uncaughtFault"])
    #expect(batch.deadLetters.first?.detail.contains("408") == true)
  }

  @Test func whatIsCaughtIsNone() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        do:
          - safe:
              try: [{ask: {call: oracle}}]
              catch: {do: [{fallback: {set: {answer: 42}}}]}
          - stop: {raise: {error: {type: about:blank, status: 418}}}
        """)
    ])
    let (_, started) = turns.turn([event()])
    let batch = try failing(&turns, started)
    #expect(batch.updated.map(\.state.status) == [.faulted])
    #expect(batch.updated.first?.state.error?.status == 418)
    #expect(batch.deadLetters.isEmpty)
  }

  /// Once, when the failure turns out to be nobody's; and once for what was to undo it and failed as well.
  @Test func aCompensationThatFailsIsAnother() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        use: {functions: {undo: {call: oracle, with: {undo: true}}}}
        do:
          - act: {set: {done: true}, metadata: {compensation: {use: undo}}}
          - ask: {call: oracle}
        """)
    ])
    let (_, started) = turns.turn([event()])
    let id = try #require(started.started.first).id.text
    func fail(_ batch: ShardBatch) throws -> ShardBatch {
      let request = try #require(batch.journal.flatMap(\.requests).last)
      let problem = ProblemDetails(type: "about:blank", status: 503, detail: request.id)
      return turns.turn([reply(.failed(TaskFailure(problem: problem)), to: request.id, of: id)]).1
    }
    let first = try fail(started)
    #expect(first.deadLetters.map(\.reason) == ["uncaughtFault"])
    #expect(first.updated.map(\.state.status) == [.running])
    let second = try fail(first)
    #expect(second.updated.map(\.state.status) == [.faulted])
    #expect(second.deadLetters.map(\.reason) == ["uncaughtFault"])
    #expect(try second.deadLetters.map { try ProcessingEvent.decode($0.record).data } == [["undo": true]])
  }

  // MARK: Instances that go on

  private func operate(_ operation: Operation, _ turns: inout Turns) throws -> ShardBatch {
    let id = try #require(turns.stored.keys.first)
    return turns.turn([]) { plan in
      plan.step(id) { engine, state, now in engine.operate(operation, reason: "", state: &state, now: now) }
    }.1
  }

  @Test(arguments: [Operation.retry, .skip(task: nil, output: 42)])
  func anInstanceThatGoesOnHasSettledItsFaults(_ operation: Operation) throws {
    var turns = Turns([try entry(1, oneCall)])
    let letter = try #require(failing(&turns, turns.turn([event(value: "{}")]).1).deadLetters.first)
    #expect(try operate(.override(.context, 1), &turns).settledFaults.isEmpty, "it stays as it is")
    let batch = try operate(operation, &turns)
    let settled = try #require(batch.settledFaults.first)
    #expect(batch.settledFaults.count == 1)
    #expect(settled.instance == letter.instance)
    #expect(!settled.isNewestOnly)
    #expect(settled.head >= letter.sequence)
    #expect(batch.journal.allSatisfy { $0.sequence > settled.head }, "a further fault must not be settled by it")
    #expect(batch.deadLetters.isEmpty)
  }

  /// What it is compensated for stays its error; only the compensation that failed is settled when it goes on.
  @Test func aCompensationThatGoesOnSettlesItsOwnFault() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        use: {functions: {undo: {call: oracle, with: {undo: true}}}}
        do:
          - act: {set: {done: true}, metadata: {compensation: {use: undo}}}
          - ask: {call: oracle}
        """)
    ])
    let first = try failing(&turns, turns.turn([event(value: "{}")]).1)
    #expect(try operate(.retry, &turns).settledFaults.isEmpty, "it is undoing, and nothing of it has ended")
    let second = try failing(&turns, first)
    #expect(second.updated.map(\.state.status) == [.faulted])
    let settled = try operate(.retry, &turns).settledFaults
    #expect(settled.map(\.isNewestOnly) == [true])
    #expect(settled.map(\.head) == [second.journalHead])
  }
}
