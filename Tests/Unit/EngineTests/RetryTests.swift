import Engine
import Testing
import Values

/// A faulted instance goes on from where its error began to travel up.
@Suite struct RetryTests {
  @Test func afterATimeoutTheExecutionIsTheSame() throws {
    var bench = try Bench("do: [{a: {set: {x: 1}}}, {ask: {call: oracle, timeout: {after: PT10S}}}]")
    bench.wake(after: .seconds(10))
    #expect(bench.state.status == .faulted)
    bench.now = bench.now + .seconds(3600)
    try bench.operate(.retry)
    let (first, second) = (bench.requests[0], bench.requests[1])
    #expect(second.idempotencyKey == first.idempotencyKey)
    #expect(second.attempt == 2)
    #expect(second.deadline == bench.now + .seconds(10))
    // The effect of the first attempt may be told late; its reply is none of the second one's.
    #expect(bench.reply(.completed(1), to: first.id) == .ignored(.stale))
    bench.reply(.completed("done"))
    #expect(bench.state.output == "done")
    #expect(bench.state.error == nil)
  }

  @Test func afterADefiniteFailureItIsANewOne() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    bench.fail()
    try bench.operate(.retry)
    #expect(bench.requests[1].idempotencyKey != bench.requests[0].idempotencyKey)
    #expect(bench.requests[1].attempt == 1)
  }

  @Test func whatCouldNotBeDeliveredOrUsedIsTheSame() throws {
    for isDelivered in [false, true] {
      var bench = try Bench("do: [{ask: {call: oracle, output: {as: .n + 1}}}]")
      if isDelivered {
        bench.reply(.completed(["n": "text"]))
      } else {
        _ = bench.engine.undeliverable(bench.requests[0].id, reason: "large", state: &bench.state, now: start)
      }
      #expect(bench.state.status == .faulted)
      try bench.operate(.retry)
      #expect(bench.requests.map(\.attempt) == [1, 2])
      #expect(Set(bench.requests.map(\.idempotencyKey)).count == 1)
    }
  }

  @Test func anExecutionStaysTheSameThroughFailuresBeforeItIsSent() throws {
    var bench = try Bench(
      "do: [{ask: {call: oracle, with: {n: \"${ 1 + .n }\"}, timeout: {after: PT10S}}}]", input: ["n": 1])
    bench.wake(after: .seconds(10))
    try bench.operate(.override(.input(task: nil), ["n": []]))
    try bench.operate(.retry)
    #expect(bench.state.status == .faulted)
    #expect(bench.requests.count == 1)
    try bench.operate(.override(.input(task: nil), ["n": 2]))
    try bench.operate(.retry)
    #expect(bench.requests.map(\.attempt) == [1, 2])
    #expect(Set(bench.requests.map(\.idempotencyKey)).count == 1)
    #expect(bench.requests[1].data == ["n": 3])
  }

  @Test func whatWasOpenBesideItGoesOn() throws {
    var bench = try Bench(
      """
      do:
        - all:
            fork:
              branches:
                - bad: {call: x}
                - call: {call: y}
                - nap: {wait: {seconds: 60}}
                - hear: {listen: {to: {one: {with: {type: red}}}}}
                - sub: {run: {workflow: {namespace: n, name: w, version: 1.0.0}}}
      """)
    func children(_ bench: Bench) -> [UUIDValue] {
      bench.entries.compactMap { if case .childStarted(let start) = $0 { start.id } else { nil } }
    }
    let (bad, call) = (try bench.request(at: "bad"), try bench.request(at: "call"))
    bench.fail(bad)
    #expect(bench.state.status == .faulted)
    #expect(bench.reply(.completed(1), to: call.id) == .ignored(.terminal))
    bench.now = start + .seconds(100)
    try bench.operate(.retry)
    let again = try bench.request(at: "call")
    #expect(again.attempt == 2)
    #expect(again.idempotencyKey == call.idempotencyKey)
    #expect(try bench.request(at: "bad").idempotencyKey != bad.idempotencyKey)
    #expect(Set(children(bench)).count == 2)
    // The wait keeps its moment, which is past.
    #expect(bench.state.wakeAt == start + .seconds(60))
    bench.wake(after: .zero)
    #expect(bench.event(["type": "red", "data": 5]) == .applied)
    bench.reply(.completed("called"), to: again.id)
    bench.reply(.completed("good"), to: try bench.request(at: "bad").id)
    let child = try #require(children(bench).last)
    _ = bench.engine.child(child, .completed("sub"), state: &bench.state, now: bench.now)
    #expect(bench.state.output == ["good", "called", [:], [5], "sub"])
  }

  @Test func theWorkflowHasItsFullTimeAgain() throws {
    var bench = try Bench("timeout: {after: PT1M}\ndo: [{ask: {call: oracle}}]")
    bench.wake(after: .seconds(60))
    #expect(bench.state.error?.status == 408)
    try bench.operate(.retry)
    #expect(bench.state.deadline == bench.now + .seconds(60))
    #expect(bench.requests.map(\.attempt) == [1, 2])
    bench.reply(.completed(1))
    #expect(bench.state.output == 1)
  }

  @Test func timeoutsAroundItDoNotCountTheTimeThatItWasEnded() throws {
    var bench = try Bench(
      "do: [{outer: {timeout: {after: PT1M}, do: [{ask: {call: oracle}}]}}]")
    bench.now = start + .seconds(20)
    bench.fail()
    bench.now = start + .seconds(5000)
    try bench.operate(.retry)
    #expect(bench.state.wakeAt == bench.now + .seconds(40))
  }

  @Test func aFailedScopeBeginsAnew() throws {
    var bench = try Bench(
      "do: [{outer: {timeout: {after: PT1M}, do: [{ask: {call: oracle}}, {more: {call: oracle}}]}}]")
    bench.reply(.completed(1))
    bench.wake(after: .seconds(60))
    #expect(bench.state.status == .faulted)
    try bench.operate(.retry)
    #expect(bench.requests.last?.reference.hasSuffix("ask") == true)
    #expect(bench.state.wakeAt == bench.now + .seconds(60))
  }

  @Test func insideOfLoopsAndTries() throws {
    var bench = try Bench(
      """
      do:
        - each:
            for: {each: n, in: "${ [1, 2] }"}
            do:
              - attempt:
                  try: [{ask: {call: oracle, with: {n: "${ $n }"}}}]
                  catch: {errors: {with: {status: 404}}, do: [{note: {set: {x: 1}}}]}
      """)
    bench.reply(.completed(1))
    bench.fail()
    #expect(bench.state.status == .faulted)
    try bench.operate(.retry)
    #expect(bench.requests.map(\.data) == [["n": 1], ["n": 2], ["n": 2]])
    bench.reply(.completed("last"))
    #expect(bench.state.output == "last")
  }

  @Test func theEndOfTheWorkflowIsTriedAgain() throws {
    var bench = try Bench("output: {as: .n + $context.k}\ndo: [{a: {set: {n: 1}, export: {as: \"${ {k: []} }\"}}}]")
    #expect(bench.state.status == .faulted)
    try bench.operate(.override(.context, ["k": 2]))
    try bench.operate(.retry)
    #expect(bench.state.output == 3)
  }

  @Test func whatDidNotBeginBeginsAnew() throws {
    var bench = try Bench("use: {secrets: [token]}\ndo: [{ask: {call: oracle}}]")
    #expect(bench.state.status == .faulted)
    bench.engine = Engine(definition: bench.engine.definition, options: EngineOptions(secrets: ["token": "x"]))
    try bench.operate(.retry)
    #expect(bench.requests.count == 1)
  }

  @Test func whatAStepHadNoTimeForIsKept() throws {
    let options = EngineOptions(maxTransitionsPerStep: 3)
    var bench = try Bench(
      """
      timeout: {after: PT1M}
      do: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}, {c: {set: {x: 1}}}, {d: {set: {x: 4}}}]
      """, options: options)
    #expect(!bench.state.unfinished.isEmpty)
    bench.wake(after: .seconds(60))
    #expect(bench.state.status == .faulted)
    try bench.operate(.retry)
    _ = bench.finishUnfinished()
    #expect(bench.state.output == ["x": 4])
  }

  @Test func aFailedCompensationGoesOn() throws {
    var bench = try Bench(
      """
      use: {functions: {undo: {call: unpay, with: {n: "${ . }"}}}}
      do:
        - one: {call: bank, metadata: {compensation: {use: undo, with: {n: 1}}}}
        - two: {call: bank, metadata: {compensation: {use: undo, with: {n: 2}}}}
        - ask: {call: oracle}
      """)
    bench.reply(.completed(1))
    bench.reply(.completed(2))
    bench.fail()
    bench.fail()
    #expect(bench.state.error?.extensions["compensation"] != nil)
    try bench.operate(.retry)
    #expect(bench.state.error?.extensions["compensation"] == nil)
    #expect(bench.requests.suffix(2).map(\.data) == [["n": ["n": 2]], ["n": ["n": 2]]])
    bench.reply(.completed(1))
    #expect(bench.requests.last?.data == ["n": ["n": 1]])
    bench.reply(.completed(1))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.extensions["compensation"] == nil)
    #expect(try bench.refusal(of: .retry).contains("compensated"))
  }

  @Test func whatIsTooLargeIsNotKept() throws {
    let text = JSON.string(String(repeating: "x", count: 700))
    for (limit, isKept) in [(2_900, true), (2_000, false)] {
      var bench = try Bench(
        "do: [{a: {set: {x: \"${ . }\"}, export: {as: .}}}, {ask: {call: oracle}}]", input: text,
        options: EngineOptions(maxStateBytes: limit))
      let isFull = bench.state.status == .faulted
      if !isFull { bench.fail() }
      #expect((bench.state.checkpoint != nil) == isKept, "\(limit): \(bench.state.resting.text)")
      if !isKept { #expect(try bench.refusal(of: .retry).contains("too large")) }
    }
  }

  @Test func whatPausesIsTriedAtOnce() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    bench.fail(retryable: true)
    try bench.operate(.retry)
    #expect(bench.requests.map(\.attempt) == [1, 2])
    #expect(try bench.refusal(of: .retry).contains("no task of it pauses"))
    bench = try Bench(
      "do: [{attempt: {try: [{ask: {call: oracle}}], catch: {retry: {delay: {hours: 1}, limit: {attempt: {count: 3}}}}}}]"
    )
    bench.fail()
    #expect(bench.state.wakeAt == start + .seconds(3600))
    try bench.operate(.retry)
    #expect(bench.requests.count == 2)
  }

  @Test func extensionsStayAroundIt() throws {
    var bench = try Bench(
      """
      use: {extensions: [{log: {extend: call, before: [{pre: {set: {x: 1}}}], after: [{post: {set: {y: 1}}}]}}]}
      do: [{ask: {call: oracle, timeout: {after: PT10S}}}, {last: {set: {was: "${ . }"}}}]
      """)
    bench.wake(after: .seconds(10))
    try bench.operate(.retry)
    #expect(bench.requests.map(\.attempt) == [1, 2])
    bench.reply(.completed(5))
    #expect(bench.trace.filter { $0.hasSuffix("pre") }.count == 2)
    #expect(bench.trace.filter { $0.hasSuffix("post") }.count == 2)
    #expect(bench.state.output == ["was": 5])
  }
}
