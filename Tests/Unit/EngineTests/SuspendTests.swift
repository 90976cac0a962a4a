import Engine
import Testing
import Values

/// A suspended instance takes what arrives and goes on where it stood.
@Suite struct SuspendTests {
  @Test func aReplyIsTakenAndNothingMovesOn() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {tell: {call: alerts, with: {it: \"${ . }\"}}}]")
    try bench.operate(.suspend)
    #expect(bench.state.status == .suspended)
    #expect(bench.state.wakeAt == nil)
    #expect(bench.reply(.completed(42)) == .applied)
    #expect(bench.requests.count == 1)
    #expect(bench.state.status == .suspended)
    // It has its result: neither a duplicate nor a failure changes that.
    #expect(bench.reply(.completed(7)) == .ignored(.stale))
    #expect(bench.reply(.failed(CallTests.failure, retryable: true, retryAfter: nil)) == .ignored(.stale))
    try bench.restart()
    try bench.operate(.resume)
    #expect(bench.requests.last?.data == ["it": 42])
    #expect(bench.state.status == .running)
    #expect(bench.entries.contains(.workflowSuspended(reason: "because")))
    #expect(bench.entries.contains(.workflowResumed(reason: "because")))
  }

  @Test func aFailureThatIsFinalStaysSoUntilItIsResumed() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    try bench.operate(.suspend)
    bench.reply(.failed(CallTests.failure, retryable: false, retryAfter: nil))
    try bench.restart()
    try bench.operate(.resume)
    #expect(bench.state.status == .faulted)
    try bench.operate(.retry)
    // The processor would answer the same execution with what it said already.
    #expect(Set(bench.requests.map(\.idempotencyKey)).count == 2)
  }

  @Test func timersStandStill() throws {
    var bench = try Bench("timeout: {after: PT1M}\ndo: [{nap: {wait: {seconds: 30}}}, {ask: {call: oracle}}]")
    bench.now = start + .seconds(10)
    try bench.operate(.suspend)
    #expect(bench.wake(after: .seconds(3600)) == .ignored(.early))
    #expect(bench.state.status == .suspended)
    try bench.operate(.resume)
    #expect(bench.state.wakeAt == bench.now + .seconds(20))
    bench.wake(after: .seconds(20))
    #expect(bench.requests.count == 1)
    // The workflow has lasted 30 of its 60 seconds.
    bench.wake(after: .seconds(30))
    #expect(bench.state.error?.status == 408)
  }

  @Test func aCallThatIsOutStaysAnswerable() throws {
    var bench = try Bench("do: [{ask: {call: oracle, timeout: {after: PT10S}}}]")
    try bench.operate(.suspend)
    bench.now = bench.now + .seconds(3600)
    bench.reply(.completed("late"))
    try bench.operate(.resume)
    #expect(bench.state.output == "late")
  }

  @Test func aFailedAttemptPausesFromTheResumption() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]")
    try bench.operate(.suspend)
    bench.now = bench.now + .seconds(100)
    bench.fail(retryable: true)
    #expect(bench.wake(after: .seconds(100)) == .ignored(.early))
    try bench.operate(.resume)
    #expect(bench.requests.count == 1)
    #expect(bench.state.wakeAt == bench.now + .seconds(1))
    bench.wake(after: .seconds(1))
    #expect(bench.requests.last?.attempt == 2)
  }

  @Test func aLostRaceEndsNothingTwice() throws {
    var bench = try Bench(
      "do: [{race: {fork: {compete: true, branches: [{a: {call: x}}, {b: {call: y}}]}}}, {last: {set: {was: \"${ . }\"}}}]"
    )
    let (a, b) = (try bench.request(at: "a"), try bench.request(at: "b"))
    try bench.operate(.suspend)
    bench.reply(.completed("a"), to: a.id)
    bench.fail(b)
    try bench.operate(.resume)
    #expect(bench.state.output == ["was": "a"])
  }

  @Test func branchesThatEndMeanwhileAreJoined() throws {
    var bench = try Bench(
      "do: [{both: {fork: {branches: [{a: {call: x}}, {b: {run: {workflow: {namespace: n, name: w, version: 1.0.0}}}}]}}}]"
    )
    guard case .child(let child)? = bench.state.activities.last?.phase else {
      Issue.record("no other workflow was started")
      return
    }
    try bench.operate(.suspend)
    bench.reply(.completed("a"))
    #expect(
      bench.engine.child(child, .completed("b"), state: &bench.state, now: bench.now).disposition == .applied)
    #expect(bench.state.status == .suspended)
    try bench.operate(.resume)
    #expect(bench.state.output == ["a", "b"])
  }

  @Test func anEventIsConsumed() throws {
    var bench = try Bench(
      "do: [{hear: {listen: {to: {one: {with: {type: red}}}}}}, {ask: {call: oracle, with: {got: \"${ . }\"}}}]")
    try bench.operate(.suspend)
    #expect(bench.engine.waits(of: bench.state).map(\.type) == ["red"])
    #expect(bench.event(["type": "red", "data": 1]) == .applied)
    #expect(bench.engine.waits(of: bench.state).isEmpty)
    #expect(bench.event(["type": "red", "data": 2]) == .ignored(.unwanted))
    try bench.operate(.resume)
    #expect(bench.requests.last?.data == ["got": [1]])
  }

  @Test func eventsAreIteratedOverAfterwards() throws {
    var bench = try Bench(
      """
      do:
        - hear:
            listen: {to: {any: [{with: {type: red}}], until: {one: {with: {type: stop}}}}}
            foreach: {item: event, do: [{ask: {call: oracle, with: {n: "${ $event }"}}}]}
      """)
    try bench.operate(.suspend)
    bench.event(["type": "red", "data": 1])
    bench.event(["type": "red", "data": 2])
    #expect(bench.requests.isEmpty)
    try bench.operate(.resume)
    bench.reply(.completed(1))
    #expect(bench.requests.map(\.data) == [["n": 1], ["n": 2]])
  }

  @Test func cancellingASuspendedInstanceCompensates() throws {
    var bench = try Bench(
      """
      use: {functions: {undo: {call: unpay}}}
      do: [{pay: {call: bank, metadata: {compensation: {use: undo}}}}, {ask: {call: oracle}}]
      """)
    bench.reply(.completed(1))
    try bench.operate(.suspend)
    try bench.operate(.cancel(compensating: true))
    #expect(bench.requests.last?.channel == "unpay")
    #expect(bench.state.status == .running)
    #expect(bench.state.suspension == nil)
    bench.reply(.completed(1))
    #expect(bench.state.status == .cancelled)
  }

  @Test func whatOutgrowsItsLimitFaultsAllTheSame() throws {
    var bench = try Bench(
      "do: [{hear: {listen: {to: {any: [{with: {type: red}}], until: {one: {with: {type: stop}}}}}}}]",
      options: EngineOptions(maxStateBytes: 2_000))
    try bench.operate(.suspend)
    bench.event(["type": "red", "data": .string(String(repeating: "x", count: 1_500))])
    #expect(bench.state.status == .suspended)
    bench.event(["type": "red", "data": .string(String(repeating: "x", count: 1_500))])
    #expect(bench.state.status == .faulted)
    #expect(bench.state.suspension == nil)
  }

  @Test func whatHasNotBegunCanBeSuspended() throws {
    let engine = Engine(definition: try definition("do: [{a: {set: {x: 1}}}]"))
    var (state, _) = engine.pending(id: UUIDValue(high: 1, low: 2), input: [:], now: start)
    #expect(engine.operate(.suspend, reason: "", state: &state, now: start).disposition == .applied)
    #expect(engine.wake(&state, now: start).disposition == .ignored(.early))
    #expect(engine.operate(.resume, reason: "", state: &state, now: start).disposition == .applied)
    #expect(state.status == .pending)
    #expect(engine.wake(&state, now: start).disposition == .applied)
    #expect(state.status == .completed)
  }

  @Test func aRetryIsBoundedWithoutTheTimeSuspended() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            try: [{ask: {call: oracle}}]
            catch: {retry: {delay: {seconds: 1}, limit: {duration: {seconds: 30}}}}
      """)
    bench.now = start + .seconds(5)
    try bench.operate(.suspend)
    bench.now = start + .seconds(500)
    try bench.operate(.resume)
    bench.fail()
    #expect(bench.state.status == .waiting)
    bench.wake(after: .seconds(1))
    #expect(bench.requests.count == 2)
  }
}
