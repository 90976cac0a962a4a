import Engine
import Testing
import Values
import Workflow

/// An instance goes on in another version of its workflow, whatever it is doing.
@Suite struct MigrationTests {
  // MARK: Calls

  @Test func aCallThatIsOutIsAnsweredInTheNewVersion() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {old: {call: alerts}}]")
    let asked = try #require(bench.requests.first)
    #expect(
      try bench.migrate(
        "do: [{first: {call: x}}, {ask: {call: oracle}}, {new: {call: sink, with: {it: '${ . }'}}}]") == .applied)
    #expect(bench.requests.count == 1)
    #expect(bench.state.activities.map(\.reference) == ["/", "/do/1/ask"])
    bench.reply(.completed(42), to: asked.id)
    #expect(bench.requests.last?.channel == "sink")
    #expect(bench.requests.last?.data == ["it": 42])
    #expect(bench.trace.suffix(2) == ["-/do/1/ask", "+/do/2/new"])
    bench.reply(.completed("done"))
    #expect(bench.state.output == "done")
  }

  @Test func theJournalTellsOfIt() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {gone: {set: {a: 1}}}, {last: {set: {b: 1}}}]")
    try bench.migrate("do: [{first: {call: x}}, {ask: {call: oracle}}, {last: {set: {b: 1}}}]")
    let record = MigrationRecord(from: "1.0.0", to: "2.0.0", moved: ["/do/0/ask": "/do/1/ask"])
    #expect(bench.entries.last == .migrated(record, reason: "because"))
    #expect(record.reference("/do/0/ask") == "/do/1/ask")
    #expect(record.reference("/do/2/last") == "/do/2/last")
  }

  @Test func aReferenceThatAnotherTaskHasNowIsTold() throws {
    let bench = try Bench("do: [{a: {do: [{b: {call: x}}]}}]")
    var moved = try Bench("do: [{a: {do: [{b: {set: {x: 1}}}]}}, {ask: {call: oracle}}]")
    #expect(try bench.refusals("do: [{a: {for: {in: '${ [1] }'}, do: [{b: {call: x}}]}}]") == [.kindChanged])
    try moved.migrate("do: [{a: {for: {in: '${ [1] }'}, do: [{b: {call: x}}]}}, {ask: {call: oracle}}]")
    guard case .migrated(let record, _)? = moved.entries.last else {
      Issue.record("not migrated")
      return
    }
    #expect(record.reference("/do/0/a/do/0/b") == nil)
    #expect(record.reference("/do/1/ask") == "/do/1/ask")
  }

  @Test func anAttemptThatPausesIsMadeInTheNewVersion() throws {
    var bench = try Bench("do: [{ask: {call: oracle, with: {v: 1}}}]")
    bench.fail(retryable: true)
    #expect(
      try bench.plan("do: [{a: {set: {x: 1}}}, {ask: {call: oracle, with: {v: 2}}}]").tasks.first?.notes.count == 2)
    try bench.migrate("do: [{a: {set: {x: 1}}}, {ask: {call: oracle, with: {v: 2}}}]")
    bench.wake(after: .seconds(1))
    #expect(bench.requests.last?.attempt == 2)
    #expect(bench.requests.last?.reference == "/do/1/ask")
    #expect(bench.requests.last?.data == ["v": 1])
    #expect(bench.requests.first?.idempotencyKey == bench.requests.last?.idempotencyKey)
  }

  @Test func deadlinesGoOn() throws {
    var bench = try Bench("timeout: {after: PT1H}\ndo: [{ask: {call: oracle, timeout: {after: PT10S}}}]")
    bench.now = bench.now + .seconds(4)
    let plan = try bench.plan("timeout: {after: PT9H}\ndo: [{ask: {call: oracle, timeout: {after: PT1M}}}]")
    #expect(plan.notes == ["the workflow keeps the deadline that it has"])
    #expect(plan.tasks.map(\.notes) == [["it keeps the deadline that it has"]])
    try bench.migrate("timeout: {after: PT9H}\ndo: [{ask: {call: oracle, timeout: {after: PT1M}}}]")
    #expect(bench.state.wakeAt == start + .seconds(10))
    bench.wake(after: .seconds(6))
    #expect(bench.state.error?.status == 408)
  }

  @Test func aWaitEndsWhenItWasToEnd() throws {
    var bench = try Bench("do: [{nap: {wait: {seconds: 30}}}]")
    bench.now = bench.now + .seconds(10)
    try bench.migrate("do: [{nap: {wait: {seconds: 90}}}, {then: {set: {done: true}}}]")
    #expect(bench.state.wakeAt == start + .seconds(30))
    bench.wake(after: .seconds(20))
    #expect(bench.state.output == ["done": true])
  }

  // MARK: Scopes

  @Test func aLoopGoesOnInItsPass() throws {
    var bench = try Bench(
      "do: [{all: {for: {in: '${ [1, 2] }', each: x}, do: [{ask: {call: oracle, with: {x: '${ $x }'}}}]}}]")
    try bench.migrate(
      """
      do:
        - before: {set: {a: 1}}
        - all:
            for: {in: '${ [7, 8, 9] }', each: y}
            do: [{ask: {call: oracle, with: {y: '${ $y }'}}}, {tell: {call: sink, with: {y: '${ $y }'}}}]
      """)
    bench.reply(.completed(nil))
    #expect(bench.requests.last?.data == ["y": 1])
    bench.reply(.completed(nil))
    #expect(bench.requests.last?.data == ["y": 2])
    bench.reply(.completed(nil))
    bench.reply(.completed("end"))
    #expect(bench.state.output == "end")
    #expect(bench.requests.map(\.channel) == ["oracle", "sink", "oracle", "sink"])
  }

  @Test func branchesAreFoundByTheirNames() throws {
    var bench = try Bench("do: [{both: {fork: {branches: [{a: {call: x}}, {b: {call: y}}, {c: {call: z}}]}}}]")
    let (a, b, c) = (try bench.request(at: "a"), try bench.request(at: "b"), try bench.request(at: "c"))
    bench.reply(.completed("a"), to: a.id)
    try bench.migrate(
      "do: [{both: {fork: {branches: [{c: {call: z}}, {a: {call: x}}, {b: {call: y}}]}}}, {last: {set: {was: '${ . }'}}}]"
    )
    bench.reply(.completed("b"), to: b.id)
    try bench.restart()
    bench.reply(.completed("c"), to: c.id)
    #expect(bench.state.output == ["was": ["c", "a", "b"]])
  }

  @Test func branchesThatAreOthersAreRefused() throws {
    let bench = try Bench("do: [{both: {fork: {branches: [{a: {call: x}}, {b: {call: y}}]}}}]")
    for branches in [
      "[{a: {call: x}}, {b: {call: y}}, {c: {call: z}}]", "[{a: {call: x}}]", "[{a: {call: x}}, {c: {call: y}}]",
    ] {
      #expect(try bench.refusals("do: [{both: {fork: {branches: \(branches)}}}]") == [.scopeChanged])
    }
    #expect(
      try bench.refusals("do: [{both: {fork: {compete: true, branches: [{a: {call: x}}, {b: {call: y}}]}}}]")
        == [.scopeChanged])
  }

  @Test func whatIsTriedIsCaughtByTheNewVersion() throws {
    let tried = "try: [{ask: {call: oracle}}]"
    var bench = try Bench("do: [{safe: {\(tried), catch: {errors: {with: {status: 400}}}}}]")
    try bench.migrate("do: [{safe: {\(tried), catch: {do: [{mend: {call: repair}}]}}}]")
    bench.fail()
    #expect(bench.requests.last?.channel == "repair")
    bench.reply(.completed("mended"))
    #expect(bench.state.output == "mended")
  }

  @Test func aPauseBeforeTheNextAttemptGoesOn() throws {
    let retry = "catch: {retry: {delay: {seconds: 30}, limit: {attempt: {count: 3}}}}"
    var bench = try Bench("do: [{safe: {try: [{ask: {call: oracle}}], \(retry)}}]")
    bench.fail()
    bench.now = bench.now + .seconds(10)
    // What the attempts are is free, for none is under way.
    try bench.migrate("do: [{safe: {try: [{other: {call: sink}}], \(retry)}}]")
    bench.wake(after: .seconds(20))
    #expect(bench.requests.last?.channel == "sink")
    bench.reply(.completed(1))
    #expect(bench.state.output == 1)
  }

  @Test func whatIsCaughtGoesOnInItsCatch() throws {
    func text(_ handler: String) -> String { "do: [{safe: {try: [{ask: {call: oracle}}], catch: {\(handler)}}}]" }
    var bench = try Bench(text("as: e, do: [{mend: {call: repair}}, {tell: {set: {was: '${ $e.status }'}}}]"))
    bench.fail()
    #expect(try bench.refusals(text("as: e")) == [.scopeChanged])
    #expect(try bench.refusals(text("do: [{other: {call: repair}}]")) == [.taskGone])
    try bench.migrate(text("as: f, do: [{mend: {call: repair}}, {more: {set: {now: '${ $f.status }'}}}]"))
    bench.reply(.completed(nil))
    #expect(bench.state.output == ["now": 500])
  }

  @Test func scopesInsideOfScopesAreFound() throws {
    var bench = try Bench("do: [{a: {do: [{b: {do: [{c: {call: x}}]}}]}}]")
    try bench.migrate(
      "do: [{n: {set: {q: 1}}}, {a: {do: [{m: {call: y}}, {b: {do: [{c: {call: x}}, {d: {call: z}}]}}]}}]")
    #expect(bench.state.activities.last?.reference == "/do/1/a/do/1/b/do/0/c")
    bench.reply(.completed(1))
    #expect(bench.requests.last?.reference == "/do/1/a/do/1/b/do/1/d")
  }

  // MARK: Events and other workflows

  private func event(_ type: String, _ data: JSON) -> JSON {
    ["specversion": "1.0", "id": "1", "source": "/tests", "type": .string(type), "data": data]
  }

  private let listening =
    "listen: {to: {all: [{with: {type: paid}, correlate: {order: {from: '${ .data.order }'}}}, {with: {type: sent}}]}}"

  @Test func whatListensGoesOnListening() throws {
    var bench = try Bench("do: [{hear: {\(listening)}}]")
    bench.event(event("paid", ["order": 1]))
    let waits = bench.engine.waits(of: bench.state)
    try bench.migrate("do: [{new: {set: {x: 1}}}, {hear: {\(listening)}}, {count: {set: {n: '${ length }'}}}]")
    #expect(bench.engine.waits(of: bench.state) == waits)
    bench.event(event("sent", ["order": 1]))
    #expect(bench.state.output == ["n": 2])
  }

  @Test func whatIsListenedToMustStay() throws {
    let bench = try Bench("do: [{hear: {\(listening)}}]")
    for other in [
      "listen: {to: {one: {with: {type: paid}}}}",
      "listen: {to: {all: [{with: {type: paid}}, {with: {type: sent}}]}}",
      listening.replacing(".data.order", with: ".data.id"),
      listening.replacing("listen: {", with: "listen: {read: envelope, "),
    ] {
      #expect(try bench.refusals("do: [{hear: {\(other)}}]") == [.listenerChanged])
    }
    #expect(
      try bench.refusals("do: [{hear: {\(listening), foreach: {do: [{ask: {call: oracle}}]}}}]") == [.scopeChanged])
  }

  @Test func anIterationGoesOn() throws {
    let text =
      "do: [{hear: {listen: {to: {any: [{with: {type: paid}}], until: '${ length > 1 }'}}, foreach: {item: e, do: "
    var bench = try Bench(text + "[{ask: {call: oracle}}]}}}]")
    bench.event(event("paid", 1))
    bench.event(event("paid", 2))
    try bench.migrate(text + "[{ask: {call: oracle}}, {tell: {set: {it: '${ $e }'}}}]}}}]")
    bench.reply(.completed(nil))
    bench.reply(.completed(nil))
    #expect(bench.state.output == [["it": 1], ["it": 2]])
  }

  @Test func theOtherWorkflowIsStillAwaited() throws {
    func text(_ run: String) -> String {
      "do: [{go: {run: {workflow: {namespace: n, \(run)}}}}, {last: {set: {was: '${ . }'}}}]"
    }
    var bench = try Bench(text("name: w, version: 1.0.0"))
    guard case .child(let child)? = bench.state.activities.last?.phase else {
      Issue.record("no other workflow was started")
      return
    }
    #expect(try bench.refusals(text("name: v, version: 1.0.0")) == [.kindChanged])
    #expect(
      try bench.refusals(
        "do: [{go: {run: {await: false, workflow: {namespace: n, name: w, version: 1.0.0}}}}]") == [.kindChanged])
    #expect(try bench.plan(text("name: w, version: 3.0.0")).tasks.first?.notes.count == 1)
    try bench.migrate("do: [{a: {set: {x: 1}}}, " + text("name: w, version: 3.0.0").dropFirst(5))
    bench.child(child, .completed("yes"))
    #expect(bench.state.output == ["was": "yes"])
  }

  // MARK: Suspended, pending, between two steps

  @Test func aSuspendedInstanceKeepsWhatCameMeanwhile() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {nap: {wait: {seconds: 5}}}]")
    try bench.operate(.suspend)
    bench.reply(.completed(1))
    try bench.migrate(
      "do: [{ask: {call: oracle}}, {now: {call: sink, with: {v: '${ . }'}}}, {nap: {wait: {seconds: 5}}}]")
    #expect(bench.state.status == .suspended)
    try bench.operate(.resume)
    #expect(bench.requests.last?.data == ["v": 1])
  }

  @Test func anInstanceThatHasNotBegunBeginsInTheNewVersion() throws {
    var bench = try Bench("do: [{a: {set: {x: 1}}}]")
    (bench.state, _) = bench.engine.pending(id: bench.state.id, input: ["n": 1], now: start)
    let schema = "input: {schema: {format: json, document: {type: object, required: [m]}}}\n"
    #expect(try bench.refusals(schema + "do: [{b: {set: {x: 2}}}]") == [.inputRefused])
    try bench.migrate("do: [{b: {set: {x: 2}}}]")
    bench.wake(after: .zero)
    #expect(bench.state.output == ["x": 2])
  }

  @Test func whatIsAboutToBeginBegins() throws {
    let options = EngineOptions(maxTransitionsPerStep: 2)
    var bench = try Bench("do: [{a: {set: {x: 1}}}, {b: {set: {x: 2}}}, {c: {call: x}}]", options: options)
    guard case .enter? = bench.state.unfinished.first else {
      Issue.record("the step had time for everything")
      return
    }
    #expect(try bench.refusals("do: [{other: {call: x}}]") == [.taskGone])
    try bench.migrate("do: [{a: {set: {x: 1}}}, {n: {set: {x: 7}}}, {b: {set: {x: 2}}}, {c: {call: x}}]")
    #expect(bench.state.unfinished.count == 1)
    _ = bench.finishUnfinished()
    #expect(bench.requests.last?.reference == "/do/3/c")
    #expect(!bench.trace.contains("+/do/1/n"))
  }

  // MARK: Functions and extensions

  @Test func aFunctionGoesOn() throws {
    func text(_ body: String, _ name: String = "check") -> String {
      "use: {functions: {\(name): {do: [\(body)]}}}\ndo: [{run: {call: \(name)}}]"
    }
    var bench = try Bench(text("{ask: {call: oracle}}"))
    #expect(try bench.refusals(text("{ask: {call: oracle}}", "other")) == [.kindChanged])
    try bench.migrate(text("{new: {call: x}}, {ask: {call: oracle}}, {tell: {call: sink}}"))
    bench.reply(.completed(1))
    #expect(bench.requests.last?.reference == "/use/functions/check/do/2/tell")
  }

  @Test func extensionsGoOnAroundTheTask() throws {
    func text(_ extensions: String, _ task: String = "{ask: {call: oracle}}") -> String {
      "use: {extensions: [\(extensions)]}\ndo: [\(task)]"
    }
    let audit = "{audit: {extend: call, before: [{in: {set: {a: 1}}}], after: [{out: {call: log}}]}}"
    let trace = "{trace: {extend: call, before: [{pre: {set: {a: 1}}}]}}"
    var bench = try Bench(text(audit))
    #expect(bench.requests.map(\.channel) == ["oracle"])
    #expect(try bench.refusals("do: [{ask: {call: oracle}}]") == [.scopeChanged])
    #expect(try bench.refusals(text(trace)) == [.scopeChanged])
    try bench.migrate(text(trace + ", " + audit, "{n: {set: {x: 1}}}, {ask: {call: oracle}}"))
    bench.reply(.completed("yes"))
    #expect(bench.requests.last?.channel == "log")
    #expect(bench.requests.last?.reference == "/use/extensions/1/audit/after/0/out")
    bench.reply(.completed("no"))
    #expect(bench.state.output == "yes")
    let plain = try Bench("do: [{ask: {call: oracle}}]")
    #expect(try plain.refusals(text(audit)) == [.scopeChanged])
  }
}
