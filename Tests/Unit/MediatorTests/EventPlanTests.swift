import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

/// Events that are listened to, handed on, collected.
@Suite struct EventPlanTests {
  /// Started by `go`; listens for one `paid` with its number.
  static let listener = """
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - hear:
          listen:
            to: {one: {with: {type: paid}, correlate: {n: {from: .data.n, expect: "${ .[0].data.n }"}}}}
    """

  private func item(
    _ number: Int64, _ record: KafkaRecord, to instance: UUIDValue? = nil, _ kind: InboxItem.Kind = .event,
    workflow: String? = nil
  ) -> InboxItem {
    InboxItem(number: number, kind: kind, instance: instance, workflow: workflow, event: number * 10, record: record)
  }

  private func listening() throws -> (turns: Turns, id: UUIDValue) {
    var turns = Turns([try entry(1, Self.listener)])
    let (_, batch) = turns.turn([event("1", value: "{\"n\":5}")])
    return (turns, try #require(batch.started.first).id)
  }

  // MARK: Offers

  @Test func anEventThatSomebodyMayWaitForIsOffered() throws {
    var turns = Turns([try entry(1, Self.listener)])
    let record = event("7", type: "paid", value: "{\"n\":5}")
    let (_, batch) = turns.turn([record])
    let offered = try #require(batch.offered.first)
    #expect(batch.offered.count == 1)
    #expect(offered.record == record)
    #expect(offered.source == "/tests" && offered.id == "7")
    #expect(!offered.isUsed)
    #expect(offered.dispatches.isEmpty)
    #expect(offered.expiresAt == start + .seconds(60))
    // Under its type, and under its type with the value.
    #expect(offered.keys.count == 2)
    #expect(offered.keys.contains("paid"))
    #expect(batch.deadLetters.isEmpty)
  }

  @Test func theKeyOfAListenerIsOneOfItsEvents() throws {
    var (turns, id) = try listening()
    let wait = try #require(turns.catalog[1]?.engine.waits(of: turns.stored[id]!.state).first)
    let (_, mine) = turns.turn([event("7", type: "paid", value: "{\"n\":5.0}")])
    let (_, others) = turns.turn([event("8", type: "paid", offset: 1, value: "{\"n\":6}")])
    #expect(mine.offered.first?.keys.contains(wait.key) == true)
    #expect(others.offered.first?.keys.contains(wait.key) == false)
  }

  @Test func anEventThatStartsSomethingIsUsed() throws {
    let both = Self.listener.replacing("type: paid", with: "type: go")
    var turns = Turns([try entry(1, both)])
    let (_, batch) = turns.turn([event("1", value: "{\"n\":5}")])
    #expect(batch.started.count == 1)
    #expect(batch.offered.map(\.isUsed) == [true])
  }

  // MARK: Waits

  @Test func waitsAreWrittenWhenTheyChange() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        do:
          - ask: {call: oracle}
          - hear: {listen: {to: {any: [{with: {type: paid}}], until: '(. | length) >= 2'}}}
        """)
    ])
    let (_, begun) = turns.turn([event()])
    #expect(begun.waits.isEmpty)
    let id = try #require(begun.started.first).id
    let (_, listens) = turns.turn([reply(.completed(nil), to: "\(id.text).1.1", of: id.text)])
    #expect(listens.waits.map(\.instance) == [id])
    #expect(listens.waits.first?.waits.map(\.key) == ["paid"])
    let decoder = decoder(turns.catalog)
    let (_, first) = turns.turn([]) { $0.handle(item(1, event("a", type: "paid"), to: id), decoder) }
    #expect(first.updated.count == 1)
    #expect(first.waits.isEmpty)
    let (_, second) = turns.turn([]) { $0.handle(item(2, event("x", type: "sent"), to: id), decoder) }
    #expect(second.updated.isEmpty)
    #expect(second.handled.map(\.isConsumed) == [false])
    let (_, last) = turns.turn([]) { plan in
      plan.handle(item(3, event("b", type: "paid"), to: id), decoder)
    }
    #expect(last.handled.map(\.isConsumed) == [true])
  }

  @Test func whoEndsWaitsForNothing() throws {
    var (turns, id) = try listening()
    let decoder = decoder(turns.catalog)
    let (_, batch) = turns.turn([]) {
      $0.handle(item(3, event("7", type: "paid", value: "{\"n\":5}"), to: id), decoder)
    }
    #expect(batch.updated.map(\.state.status) == [.completed])
    #expect(batch.updated.first?.state.output == [["n": 5]])
    #expect(batch.waits == [WaitChange(instance: id, waits: [])])
    #expect(batch.handled == [HandledItem(number: 3, event: 30, isConsumed: true)])
  }

  // MARK: Pages

  @Test func theEndOfAPageThatBroughtNothingAsksForTheNext() throws {
    var (turns, id) = try listening()
    let decoder = decoder(turns.catalog)
    func item(_ number: Int64, _ n: Int, page: Int? = nil) -> InboxItem {
      InboxItem(
        number: number, kind: .event, instance: id, workflow: nil, event: number * 10,
        record: event("\(number)", type: "paid", value: "{\"n\":\(n)}"), page: page)
    }
    let waits = try #require(turns.catalog[1]?.engine.waits(of: turns.stored[id]!.state))
    let (_, middle) = turns.turn([]) { $0.handle(item(1, 6), decoder) }
    #expect(middle.pages.isEmpty)
    let (_, end) = turns.turn([]) { $0.handle(item(2, 6, page: 32), decoder) }
    #expect(end.pages == [WaitPage(instance: id, waits: waits, after: 20, size: 64)])
    // Of two ends, the later one; and pages do not grow for ever.
    let (_, both) = turns.turn([]) { plan in
      plan.handle(item(4, 6, page: 512), decoder)
      plan.handle(item(3, 6, page: 64), decoder)
    }
    #expect(both.pages == [WaitPage(instance: id, waits: waits, after: 40, size: 512)])
    // Also when the last of it cannot be stored.
    let (_, refused) = turns.turn([]) { TurnWork.inbox(item(5, 5, page: 32)).setAside(in: &$0, reason: "no") }
    #expect(refused.pages.map(\.after) == [50])
    // Who ends, or begins to wait for something else, does not go on where it was.
    let (_, last) = turns.turn([]) { $0.handle(item(6, 5, page: 32), decoder) }
    #expect(last.pages.isEmpty)
    #expect(last.waits == [WaitChange(instance: id, waits: [])])
  }

  // MARK: Inbox

  @Test func whatIsNotWantedIsNotTaken() throws {
    var (turns, id) = try listening()
    let decoder = decoder(turns.catalog)
    let mine = event("7", type: "paid", value: "{\"n\":5}")
    let (plan, batch) = turns.turn([]) { plan in
      plan.handle(item(1, event("6", type: "paid", value: "{\"n\":6}"), to: id), decoder)
      plan.handle(item(2, mine, to: id), decoder)
      // It has ended.
      plan.handle(item(3, event("8", type: "paid", value: "{\"n\":5}"), to: id), decoder)
      // There is none.
      plan.handle(item(4, mine, to: UUIDValue(high: 1, low: 1)), decoder)
    }
    #expect(batch.handled.map(\.isConsumed) == [false, true, false, false])
    #expect(batch.handled.map(\.number) == [1, 2, 3, 4])
    #expect(plan.ignored == [.unwanted: 1, .terminal: 1, .forged: 1])
  }

  @Test func whatCannotBeReadAnyMoreIsADeadLetter() throws {
    var (turns, id) = try listening()
    let decoder = decoder(turns.catalog)
    let broken = event("7", type: "paid", value: "{")
    let (_, batch) = turns.turn([]) { $0.handle(item(1, broken, to: id), decoder) }
    #expect(batch.deadLetters.map(\.record) == [broken])
    #expect(batch.handled == [HandledItem(number: 1, event: 10, isConsumed: false)])
  }

  @Test func onlyWhatIsUnusedIsToldOfWhenItExpires() throws {
    var turns = Turns([try entry(1, Self.listener)])
    let record = event("7", type: "paid")
    let expired = [
      ExpiredEvent(number: 4, unused: nil, keys: ["paid"]), ExpiredEvent(number: 5, unused: record, keys: ["paid"]),
    ]
    let (_, batch) = turns.turn([]) { plan in for event in expired { plan.expire(event) } }
    #expect(batch.expired == expired)
    #expect(batch.deadLetters.map(\.reason) == ["expired"])
    #expect(batch.deadLetters.map(\.record) == [record])
    #expect(batch.deadLetters.map(\.sequence) == [101])
  }

  // MARK: Order

  private func ordered(_ number: Int32 = 1, _ name: String = "ordered", body: String = oneCall) throws
    -> DefinitionCatalog.Entry
  {
    let text =
      "document: {dsl: 1.0.3, namespace: tests, name: \(name), version: 1.0.0, metadata: {orderKey: .data.key}}\n"
      + body
    let definition = try #require(WorkflowParser.parse(text, file: "ordered.yaml").definition)
    return DefinitionCatalog.Entry(number: number, engine: Engine(definition: definition))
  }

  /// A key whose home is this shard, or one whose home it is not.
  private func key(home isHome: Bool) throws -> String {
    try #require(
      (0..<100).map { "k\($0)" }.first { ShardHome.of("tests/ordered\n\"\($0)\"", shards: 4) == 0 ? isHome : !isHome })
  }

  @Test func whatComesSecondWaitsForItsTurn() throws {
    var turns = Turns([try ordered()])
    let key = try key(home: true)
    let records = (0..<3).map { event("\($0)", offset: Int64($0), value: "{\"key\":\"\(key)\"}") }
    let (_, batch) = turns.turn(records + [event("free", offset: 3, value: "{}")])
    #expect(batch.started.map(\.state.status) == [.running, .pending, .pending, .running])
    #expect(batch.started.map(\.order?.place) == [101, 102, 103, nil])
    #expect(batch.started.prefix(3).allSatisfy { $0.order?.key == "tests/ordered\n\"\(key)\"" })
    #expect(batch.releasedOrderKeys.isEmpty)
    #expect(
      batch.journal.map(\.entries.first) == [.workflowStarted, .workflowPending, .workflowPending, .workflowStarted])
    let id = batch.started[0].id.text
    let (_, ended) = turns.turn([reply(.completed(nil), to: "\(id).1.1", of: id)])
    #expect(ended.releasedOrderKeys == ["tests/ordered\n\"\(key)\""])
    let (_, second) = turns.turn([]) { $0.wake(batch.started[1].id) }
    #expect(second.updated.map(\.state.status) == [.running])
    #expect(second.journal.first?.entries.first == .workflowStarted)
  }

  @Test func whatIsOpenInTheStoreCounts() throws {
    var turns = Turns([try ordered(body: noCall)])
    let key = try key(home: true)
    turns.openOrderKeys = ["tests/ordered\n\"\(key)\""]
    let (_, batch) = turns.turn([event("1", value: "{\"key\":\"\(key)\"}")])
    #expect(batch.started.map(\.state.status) == [.pending])
    // It ends in the step that starts it: the next one waits in this batch, and may run after it.
    turns.openOrderKeys = []
    turns.stored = [:]
    let (_, quick) = turns.turn((0..<2).map { event("q\($0)", offset: Int64($0), value: "{\"key\":\"\(key)\"}") })
    #expect(quick.started.map(\.state.status) == [.completed, .pending])
    #expect(quick.releasedOrderKeys.count == 1)
  }

  @Test func anotherShardsKeyIsDispatched() throws {
    var turns = Turns([try ordered()])
    let key = try key(home: false)
    let (_, batch) = turns.turn([event("1", value: "{\"key\":\"\(key)\"}")])
    #expect(batch.started.isEmpty)
    let offered = try #require(batch.offered.first)
    #expect(offered.keys.isEmpty)
    #expect(offered.isUsed)
    #expect(
      offered.dispatches == [
        OfferedEvent.Dispatch(
          shard: ShardHome.of("tests/ordered\n\"\(key)\"", shards: 4), kind: .start, workflow: "tests/ordered")
      ])
  }

  @Test func whatWasDispatchedStartsOnce() throws {
    var turns = Turns([try ordered()])
    let record = event("1", value: "{\"key\":\"k\"}")
    let decoder = decoder(turns.catalog)
    let (plan, batch) = turns.turn([]) { plan in
      plan.handle(item(1, record, .start, workflow: "tests/ordered"), decoder)
      plan.handle(item(2, record, .start, workflow: "tests/ordered"), decoder)
    }
    #expect(batch.started.map(\.id) == [InstanceID.make(workflow: "tests/ordered", source: "/tests", id: "1")])
    #expect(batch.started.first?.order?.key == "tests/ordered\n\"k\"")
    #expect(batch.started.first?.key == record.key)
    #expect(plan.ignored == [.duplicateEvent: 1])
    #expect(batch.handled.count == 2)
  }

  /// Another process may have learned of it a moment ago: nothing vanishes.
  @Test func aWorkflowThatIsNotKnownIsLookedUpOrTold() throws {
    for kind in [InboxItem.Kind.start, .collect] {
      var turns = Turns([try ordered()])
      let decoder = decoder(turns.catalog)
      let (plan, batch) = turns.turn([]) {
        $0.handle(item(1, event(), kind, workflow: "tests/new"), decoder)
      }
      #expect(plan.unknownWorkflows == ["tests/new"])
      #expect(batch.deadLetters.map(\.reason) == ["unknownType"])
      #expect(batch.handled.count == 1)
    }
  }

  // MARK: Collecting

  static let pair = """
    schedule:
      on:
        all:
          - {with: {type: left}, correlate: {n: {from: .data.n}}}
          - {with: {type: right}, correlate: {n: {from: .data.n}}}
    do: [{answer: {set: {answer: 42}}}]
    """

  @Test func whatIsCollectedStartsOnceItIsComplete() throws {
    var turns = Turns([try entry(1, Self.pair)])
    let decoder = decoder(turns.catalog)
    func collect(_ number: Int64, _ type: String, _ n: Int) -> ShardBatch {
      let record = event("\(type)\(number)", type: type, value: "{\"n\":\(n)}")
      return turns.turn([]) { $0.handle(item(number, record, .collect, workflow: "tests/example"), decoder) }.1
    }
    #expect(collect(1, "left", 1).collected.map(\.number) == [10])
    #expect(collect(2, "left", 1).started.isEmpty)
    #expect(collect(3, "right", 2).started.isEmpty)
    let complete = collect(4, "right", 1)
    // The oldest of each.
    #expect(complete.started.first?.state.input.array?.map { $0["id"] } == ["left1", "right4"])
    #expect(complete.uncollected.map(\.number) == [10])
    #expect(complete.collected.isEmpty)
    #expect(turns.collected.map(\.number).sorted() == [20, 30])
    #expect(complete.started.first?.eventID == "10+40")
  }

  @Test func whatIsCollectedInOneBatch() throws {
    var turns = Turns([try entry(1, Self.pair)])
    let decoder = decoder(turns.catalog)
    let (_, batch) = turns.turn([]) { plan in
      for (number, type) in [(1, "left"), (2, "left"), (3, "right"), (4, "right"), (5, "right")] as [(Int64, String)] {
        plan.handle(
          item(number, event("\(number)", type: type, value: "{\"n\":1}"), .collect, workflow: "tests/example"),
          decoder)
      }
    }
    #expect(batch.started.map { $0.state.input.array?.map { $0["id"] } } == [["1", "3"], ["2", "4"]])
    #expect(batch.collected.map(\.number) == [50])
    #expect(batch.uncollected.isEmpty)
  }

  @Test func whatIsCollectedAndNotCompletedIsADeadLetter() throws {
    var turns = Turns([try entry(1, Self.pair)])
    let decoder = decoder(turns.catalog)
    let left = event("left", type: "left", value: "{\"n\":1}")
    _ = turns.turn([]) { $0.handle(item(1, left, .collect, workflow: "tests/example"), decoder) }
    let overdue = OverdueEvent(event: try #require(turns.collected.first), record: left)
    let (_, batch) = turns.turn([]) { $0.expire(overdue) }
    #expect(batch.uncollected == [overdue.event])
    #expect(batch.deadLetters.map(\.reason) == ["expired"])
    #expect(batch.deadLetters.first?.record == left)
    // Once.
    #expect(turns.turn([]) { $0.expire(overdue) }.1.deadLetters.isEmpty)
  }

  /// Its counterpart comes in the turn in which its time is over.
  @Test func whatIsCompletedAtTheLastMomentIsNotExpired() throws {
    var turns = Turns([try entry(1, Self.pair)])
    let decoder = decoder(turns.catalog)
    let (left, right) = (
      event("left", type: "left", value: "{\"n\":1}"), event("right", type: "right", value: "{\"n\":1}")
    )
    _ = turns.turn([]) { $0.handle(item(1, left, .collect, workflow: "tests/example"), decoder) }
    let overdue = OverdueEvent(event: try #require(turns.collected.first), record: left)
    let (_, batch) = turns.turn([]) { plan in
      plan.handle(item(2, right, .collect, workflow: "tests/example"), decoder)
      plan.expire(overdue)
    }
    #expect(batch.started.count == 1)
    #expect(batch.deadLetters.isEmpty)
    #expect(batch.uncollected == [overdue.event])
  }

  @Test func collectingHasItsHome() throws {
    let catalog = DefinitionCatalog([try entry(1, Self.pair)])
    guard case .event(let incoming) = decoder(catalog).decode(event("1", type: "left", value: "{\"n\":1}")) else {
      Issue.record("it is good for nothing")
      return
    }
    #expect(incoming.starts.isEmpty)
    #expect(
      incoming.dispatches == [
        OfferedEvent.Dispatch(
          shard: ShardHome.of("tests/example", shards: 4), kind: .collect, workflow: "tests/example")
      ])
  }
}
