import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

/// Inputs that must not hold up, or lead astray, more than themselves.
@Suite struct StubbornInputTests {
  @Test(arguments: [true, false])
  func aWorkflowThatRunsItselfEnds(isAwaited: Bool) throws {
    let body = """
      schedule: {on: {one: {with: {type: go}}}}
      do: [{again: {run: {await: \(isAwaited), workflow: {namespace: tests, name: example, version: 1.0.0}}}}]
      """
    var turns = Turns([try entry(1, body)])
    let (_, batch) = turns.turn([event()])
    #expect(batch.started.count == TurnPlan.maxDepth + 1)
    #expect(batch.started.map(\.depth) == Array(0...TurnPlan.maxDepth))
    #expect(batch.started.allSatisfy { $0.state.status.isTerminal })
    // Where nobody waits for the end, the last one alone: it could not start another.
    let faulted = batch.started.filter { $0.state.status == .faulted }
    #expect(faulted.count == (isAwaited ? TurnPlan.maxDepth + 1 : 1))
    #expect(faulted.allSatisfy { $0.state.error?.detail?.contains("run themselves") == true })
  }

  @Test func anOrderKeyThatFailsIsItsWorkflowsOwnTrouble() throws {
    let bad = noCall.replacing("schedule:", with: "use: {}\nschedule:")
    let text =
      "document: {dsl: 1.0.3, namespace: tests, name: bad, version: 1.0.0, metadata: {orderKey: '.data | error'}}\n"
    let definition = try #require(WorkflowParser.parse(text + bad, file: "bad.yaml").definition)
    var turns = Turns([
      DefinitionCatalog.Entry(number: 1, engine: Engine(definition: definition)),
      try entry(2, oneCall, name: "good"),
    ])
    let (_, batch) = turns.turn([event()])
    #expect(batch.started.map(\.definition) == [2])
    #expect(batch.deadLetters.map(\.reason) == ["orderKeyFailed"])
  }

  @Test func whatStartedAnInstanceIsNothingThatItListensTo() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {one: {with: {type: go}}}}
        do: [{hear: {listen: {to: {one: {with: {type: go}}}}}}]
        """)
    ])
    let (_, first) = turns.turn([event("1")])
    let id = try #require(first.started.first).id
    func item(_ record: KafkaRecord) -> InboxItem {
      InboxItem(number: 1, kind: .event, instance: id, workflow: nil, event: 10, record: record)
    }
    let decoder = decoder(turns.catalog)
    let (_, own) = turns.turn([]) { $0.handle(item(event("1")), decoder) }
    #expect(own.handled.map(\.isConsumed) == [false])
    #expect(turns.stored[id]?.state.status == .waiting)
    let (_, other) = turns.turn([]) { $0.handle(item(event("2")), decoder) }
    #expect(other.handled.map(\.isConsumed) == [true])
    #expect(turns.stored[id]?.state.status == .completed)
  }

  @Test func oneEventIsOneOfThoseThatAreNeeded() throws {
    var turns = Turns([
      try entry(
        1,
        """
        schedule: {on: {all: [{with: {type: go}}, {with: {source: /tests}}]}}
        do: [{count: {set: {events: "${ length }"}}}]
        """)
    ])
    let decoder = decoder(turns.catalog)
    func collect(_ number: Int64) -> (inout TurnPlan) -> Void {
      { plan in
        plan.handle(
          InboxItem(
            number: number, kind: .collect, instance: nil, workflow: "tests/example", event: number,
            record: event("\(number)")), decoder)
      }
    }
    let (_, first) = turns.turn([], collect(1))
    #expect(first.started.isEmpty)
    let (_, second) = turns.turn([], collect(2))
    #expect(second.started.first?.state.output == ["events": 2])
  }

  // MARK: Secrets

  @Test func aSecretMayStandInItsOwnName() {
    let secrets = Secrets(["postgres": ["user": "postgres"], "letter": "postgresql"], seal: "0123abcd")
    let sealed = secrets.resealed(["detail": "postgres refused postgresql", "postgres": 1])
    #expect(!secrets.resealed(sealed).text.contains("refused postgres"))
    #expect(secrets.resealed(sealed) == sealed)
    #expect(
      secrets.unsealed(sealed["detail"] ?? nil, names: ["postgres", "letter"]) == "postgres refused postgresql")
  }

  @Test func cancellingDoesNotStopWhatUndoesAnInstance() throws {
    let engine = Engine(
      definition: try definition(
        """
        use: {functions: {undo: {call: oracle, with: {undo: true}}}}
        do:
          - act: {call: oracle, metadata: {compensation: {use: undo}}}
          - stop: {raise: {error: {type: about:blank, status: 418}}}
        """))
    var (state, step) = engine.start(id: UUIDValue(high: 1, low: 1), input: [:], now: start)
    func request() throws -> Request {
      try #require(step.entries.compactMap { if case .requested(let request) = $0 { request } else { nil } }.last)
    }
    step = engine.reply(.completed(1), to: try request().id, state: &state, now: start)
    let undo = try request()
    #expect(undo.data == ["undo": true])
    _ = engine.cancel("somebody", compensating: true, state: &state, now: start)
    #expect(state.status == .running)
    _ = engine.reply(.completed(1), to: undo.id, state: &state, now: start)
    #expect(state.status == .faulted)
    #expect(state.error?.status == 418)
  }

  @Test func anotherVersionDoesNotStartASecondChain() throws {
    let after = "schedule: {after: PT1M}\ndo: [{a: {call: oracle}}]"
    let (one, two) = (try entry(1, after), try entry(2, after, version: "1.0.1"))
    var schedules = ShardSchedules(
      shard: 0, shards: 1, rows: [ScheduleRow(workflow: "tests/example", definition: 1, nextAt: nil)])
    #expect(schedules.work(DefinitionCatalog([one]), now: start).isEmpty)
    guard case .schedule(let row)? = schedules.work(DefinitionCatalog([one, two]), now: start).first else {
      Issue.record("the new version is not taken notice of")
      return
    }
    #expect(row.definition == 2)
    #expect(row.nextAt == nil)
  }
}
