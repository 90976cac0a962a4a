import Engine
import Testing
import Values
import Workflow

/// What is not safe is refused, with a reason and with what to do instead.
@Suite struct MigrationRefusalTests {
  // MARK: Open tasks

  @Test func anOpenTaskThatIsGoneIsRefused() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    guard case .refused(let sentence) = try bench.migrate("do: [{other: {call: sink}}]") else {
      Issue.record("not refused")
      return
    }
    #expect(sentence.hasPrefix("/do/0/ask: 2.0.0 has no task 'ask' in that place; "))
    let plan = try bench.plan("do: [{other: {call: sink}}]")
    #expect(plan.tasks.map(\.to) == [nil])
    #expect(!plan.isSafe)
    #expect(plan.json["refusals"]?[0]?["code"] == "taskGone")
  }

  @Test func aRenamedTaskIsRefusedUnlessItIsMapped() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    let other = "do: [{first: {set: {x: 1}}}, {question: {call: oracle}}]"
    #expect(try bench.plan(other).refusals.first?.hint.hasSuffix("--map /do/0/ask=/do/1/question") == true)
    for renames in [["nothing": "question"], ["ask": "nothing"], ["/do/0/asks": "/do/1/question"]] {
      #expect(try bench.refusals(other, renames: renames) == [.unknownMapping])
    }
    #expect(try bench.migrate(other, renames: ["ask": "/do/1/question"]) == .applied)
    bench.reply(.completed(1))
    #expect(bench.state.output == 1)
    #expect(bench.trace.last == "-/do/1/question")
  }

  @Test func twoTasksCannotBecomeOne() throws {
    let bench = try Bench("do: [{both: {fork: {branches: [{a: {call: x}}, {b: {call: y}}]}}}]")
    let other = "do: [{both: {fork: {branches: [{b: {call: x}}, {c: {call: y}}]}}}]"
    #expect(try bench.refusals(other, renames: ["a": "b"]) == [.scopeChanged])
    #expect(try bench.refusals(other, renames: ["a": "b", "b": "b"]).first == .unknownMapping)
    #expect(try bench.refusals(other, renames: ["a": "b", "b": "c"]).isEmpty)
  }

  @Test func aNameThatIsThereTwiceIsRefused() throws {
    let bench = try Bench("do: [{ask: {call: oracle}}]")
    let other = "do: [{ask: {call: oracle}}, {ask: {call: oracle}}]"
    #expect(try bench.refusals(other) == [.taskAmbiguous])
    #expect(try bench.refusals(other, renames: ["ask": "/do/1/ask"]).isEmpty)
  }

  @Test func whatATaskIsMustStay() throws {
    let bench = try Bench("do: [{ask: {call: oracle}}]")
    #expect(try bench.refusals("do: [{ask: {call: sink}}]") == [.channelChanged])
    #expect(try bench.refusals("do: [{ask: {wait: {seconds: 1}}}]") == [.kindChanged])
    #expect(
      try bench.refusals("use: {functions: {f: {call: oracle}}}\ndo: [{ask: {call: f}}]") == [.kindChanged])
    let waiting = try Bench("do: [{nap: {wait: {seconds: 1}}}]")
    #expect(try waiting.refusals("do: [{nap: {call: oracle}}]") == [.kindChanged])
    var failing = try Bench("do: [{ask: {call: oracle}}]")
    failing.fail(retryable: true)
    #expect(try failing.refusals("do: [{ask: {call: sink}}]") == [.channelChanged])
  }

  @Test func whatStandsAroundAnOpenTaskMustStay() throws {
    let ask = "{ask: {call: oracle}}"
    let looped = try Bench("do: [{all: {for: {in: '${ [1] }'}, do: [\(ask)]}}]")
    #expect(try looped.refusals("do: [\(ask)]") == [.taskGone])
    #expect(try looped.refusals("do: [{all: {do: [\(ask)]}}]") == [.kindChanged])
    let bare = try Bench("do: [\(ask)]")
    let plan = try bare.plan("do: [{safe: {try: [\(ask)], catch: {}}}]")
    #expect(plan.refusals.map(\.code) == [.taskGone])
    #expect(plan.refusals.first?.hint.contains("/do/0/safe/try/0/ask") == true)
    let tried = try Bench("do: [{safe: {try: [\(ask)], catch: {}}}]")
    #expect(try tried.refusals("do: [{safe: {do: [\(ask)]}}]") == [.kindChanged])
  }

  @Test func onlyTheOutermostIsToldOf() throws {
    let bench = try Bench("do: [{a: {do: [{b: {do: [{c: {call: x}}]}}]}}]")
    let plan = try bench.plan("do: [{z: {call: x}}]")
    #expect(plan.refusals.map(\.task) == ["/do/0/a"])
  }

  @Test func whatHasRunMustNotRunAgain() throws {
    let bench = try Bench("do: [{a: {set: {x: 1}}}, {b: {call: x}}, {c: {call: y}}]")
    #expect(try bench.refusals("do: [{b: {call: x}}, {a: {set: {x: 1}}}, {c: {call: y}}]") == [.orderChanged])
    let plan = try bench.plan("do: [{n: {call: z}}, {c: {call: y}}, {a: {set: {x: 1}}}, {b: {call: x}}]")
    #expect(plan.isSafe)
    #expect(
      plan.tasks.first?.notes
        == ["'c' stands before it now, and does not follow any more", "'n' is new before it, and is passed by"])
  }

  // MARK: The instance

  @Test func whatHasEndedIsRefused() throws {
    let completed = try Bench("do: [{a: {set: {x: 1}}}]")
    #expect(try completed.refusals("do: [{a: {set: {x: 1}}}]") == [.ended])
    var cancelled = try Bench("do: [{ask: {call: oracle}}]")
    try cancelled.operate(.cancel(compensating: false))
    #expect(try cancelled.refusals("do: [{ask: {call: oracle}}]") == [.ended])
    var abandoned = try Bench("do: [{ask: {call: oracle}}]")
    _ = abandoned.engine.abandon("no room", state: &abandoned.state, now: start)
    #expect(try abandoned.refusals("do: [{ask: {call: oracle}}]") == [.ended])
  }

  @Test func theVersionMustBeAnotherOneOfTheSameWorkflow() throws {
    let bench = try Bench("do: [{ask: {call: oracle}}]")
    let same = bench.engine.migrationPlan(to: bench.engine, state: bench.state)
    #expect(same.refusals.map(\.code) == [.sameVersion])
    let text = "document: {dsl: 1.0.3, namespace: tests, name: other, version: 2.0.0}\ndo: [{ask: {call: oracle}}]"
    let other = Engine(definition: try #require(WorkflowParser.parse(text, file: "a.yaml").definition))
    #expect(bench.engine.migrationPlan(to: other, state: bench.state).refusals.map(\.code) == [.otherWorkflow])
  }

  @Test func anOlderVersionIsAsGoodAsANewerOne() throws {
    let bench = try Bench("do: [{ask: {call: oracle}}]")
    let older = Engine(definition: try definition("do: [{ask: {call: oracle}}]", version: "0.9.0"))
    #expect(bench.engine.migrationPlan(to: older, state: bench.state).isSafe)
  }

  @Test func theOrderKeyMustStay() throws {
    func text(_ key: String) -> String {
      "document: {dsl: 1.0.3, namespace: tests, name: example, version: 2.0.0, metadata: {orderKey: '\(key)'}}\n"
        + "do: [{ask: {call: oracle}}]"
    }
    let bench = try Bench("do: [{ask: {call: oracle}}]")
    let keyed = Engine(definition: try #require(WorkflowParser.parse(text("${ .data.k }"), file: "a").definition))
    #expect(bench.engine.migrationPlan(to: keyed, state: bench.state).refusals.map(\.code) == [.orderKeyChanged])
  }

  @Test func secretsMustBeThereAndStay() throws {
    let options = EngineOptions(secrets: ["a": "x"])
    let bench = try Bench("use: {secrets: [a]}\ndo: [{ask: {call: oracle}}]", options: options)
    #expect(try bench.refusals("use: {secrets: [a, b]}\ndo: [{ask: {call: oracle}}]") == [.secretsChanged])
    #expect(try bench.refusals("do: [{ask: {call: oracle}}]") == [.secretsChanged])
    #expect(try bench.refusals("use: {secrets: [a]}\ndo: [{ask: {call: oracle}}]").isEmpty)
  }

  // MARK: Compensations

  private func saga(_ undo: String = "release", _ tasks: String = "", reserve: String = "reserve") -> String {
    """
    use: {functions: {\(undo): {call: stock, with: {undo: '${ .item }'}}}}
    do:
      - \(reserve): {call: stock, metadata: {compensation: {use: \(undo), with: {item: "${ .item }"}}}}
      - pay: {call: payments}
    \(tasks)
    """
  }

  @Test func completedTasksAreUndoneInTheNewVersion() throws {
    var bench = try Bench(saga())
    bench.reply(.completed(["item": 7]))
    #expect(try bench.refusals(saga("refund")) == [.compensationChanged])
    #expect(try bench.refusals(saga(reserve: "take")) == [.compensationChanged])
    let plan = try bench.plan(saga("release", "  - ship: {call: shipping}"))
    #expect(plan.tasks.map(\.role) == [.open, .done])
    try bench.migrate(saga("release", "  - ship: {call: shipping}"))
    bench.reply(.completed(1))
    bench.fail()
    #expect(bench.requests.last?.data == ["undo": 7])
    bench.reply(.completed(nil))
    #expect(bench.state.status == .faulted)
  }

  @Test func whatIsBeingUndoneGoesOn() throws {
    var bench = try Bench(saga())
    bench.reply(.completed(["item": 7]))
    bench.fail()
    #expect(bench.state.ending == .faulted)
    #expect(try bench.refusals(saga("refund")) == [.compensationChanged])
    try bench.migrate("  \n" + saga("release", "  - ship: {call: shipping}"))
    try bench.restart()
    bench.reply(.completed(nil))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.status == 500)
  }

  // MARK: Faulted instances

  @Test func aFaultedInstanceIsTriedAgainInTheNewVersion() throws {
    var bench = try Bench("do: [{a: {call: x}}, {make: {set: {v: '${ .n + \"x\" }'}}}, {tell: {call: sink}}]")
    bench.reply(.completed(["n": 1]))
    #expect(bench.state.status == .faulted)
    try bench.migrate(
      "do: [{a: {call: x}}, {make: {set: {v: '${ .n + 1 }'}}}, {tell: {call: sink, with: {v: '${ .v }'}}}]")
    #expect(bench.state.status == .faulted)
    #expect(try bench.operate(.retry) == .applied)
    #expect(bench.requests.last?.data == ["v": 2])
  }

  @Test func aFailedTaskMayBecomeAnotherKind() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {last: {set: {was: '${ . }'}}}]")
    bench.fail()
    #expect(try bench.plan("do: [{ask: {set: {x: 1}}}]").tasks.map(\.role) == [.failed])
    try bench.migrate("do: [{ask: {set: {x: 1}}}, {last: {set: {was: '${ . }'}}}]")
    try bench.operate(.retry)
    #expect(bench.state.output == ["was": ["x": 1]])
  }

  @Test func aFailedTaskOfUnknownOutcomeMustStayACallOfItsChannel() throws {
    var bench = try Bench("do: [{ask: {call: oracle, timeout: {after: PT1S}}}]")
    bench.wake(after: .seconds(1))
    #expect(bench.state.status == .faulted)
    #expect(try bench.refusals("do: [{ask: {call: sink}}]") == [.channelChanged])
    #expect(try bench.refusals("do: [{ask: {set: {x: 1}}}]") == [.channelChanged])
    try bench.migrate("do: [{n: {set: {x: 1}}}, {ask: {call: oracle, with: {v: 2}}}]")
    try bench.operate(.retry)
    #expect(bench.requests.last?.attempt == 2)
    #expect(bench.requests.last?.data == ["v": 2])
    #expect(bench.requests.first?.idempotencyKey == bench.requests.last?.idempotencyKey)
  }

  @Test func aFailedTaskMayBeSkippedInTheNewVersion() throws {
    var bench = try Bench("do: [{all: {for: {in: '${ .no }'}, do: [{a: {call: x}}]}}]")
    #expect(bench.state.status == .faulted)
    try bench.migrate("do: [{all: {set: {x: 1}}}, {last: {set: {was: '${ . }'}}}]")
    try bench.operate(.skip(task: nil, output: 3))
    #expect(bench.state.output == ["was": 3])
  }

  @Test func whatWasOpenBesideTheFailedTaskGoesOn() throws {
    var bench = try Bench("do: [{both: {fork: {branches: [{a: {call: x}}, {b: {call: y}}]}}}]")
    bench.fail(try bench.request(at: "a"))
    #expect(bench.state.status == .faulted)
    #expect(
      try bench.refusals("do: [{both: {fork: {branches: [{a: {call: x}}, {b: {call: z}}]}}}]") == [.channelChanged])
    try bench.migrate("do: [{n: {set: {q: 1}}}, {both: {fork: {branches: [{b: {call: y}}, {a: {call: x}}]}}}]")
    try bench.operate(.retry)
    let (a, b) = (try bench.request(at: "a"), try bench.request(at: "b"))
    #expect(b.attempt == 2)
    bench.reply(.completed("a"), to: a.id)
    bench.reply(.completed("b"), to: b.id)
    #expect(bench.state.output == ["b", "a"])
  }

  @Test func anInstanceThatFailedBeforeItsFirstTaskBeginsAnew() throws {
    let schema = "input: {schema: {format: json, document: {type: object, required: [m]}}}\n"
    var bench = try Bench(schema + "do: [{a: {set: {x: 1}}}]")
    #expect(bench.state.status == .faulted)
    try bench.migrate("do: [{b: {set: {x: 2}}}]")
    try bench.operate(.retry)
    #expect(bench.state.output == ["x": 2])
  }

  // MARK: Rerun

  @Test func aRerunReadsTheJournalOfBothVersions() throws {
    var bench = try Bench("do: [{a: {call: x}}, {b: {call: y}}]")
    bench.reply(.completed(["from": "a"]))
    try bench.migrate(
      "do: [{n: {set: {q: 1}}}, {a: {call: x, export: {as: '${ . }'}}}, {b: {call: y}}, {c: {call: z}}]")
    bench.reply(.completed("b"))
    let derived = bench.engine.rerunStart(from: "/do/2/b", instance: bench.state, journal: bench.entries)
    guard case .start(let start) = derived else {
      Issue.record("\(derived)")
      return
    }
    #expect(start.input == ["from": "a"])
    #expect(start.nextActivity == bench.state.nextActivity)
    try bench.operate(.rerun(start))
    #expect(bench.requests.last?.reference == "/do/2/b")
    // What is new was never begun.
    let never = bench.engine.rerunStart(from: "/do/0/n", instance: bench.state, journal: bench.entries)
    guard case .refused = never else {
      Issue.record("\(never)")
      return
    }
  }
}
