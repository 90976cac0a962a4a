import Engine
import Testing
import Values

/// Waits, timeouts and raised errors.
@Suite struct TimeTests {
  @Test func aWaitTakesItsTime() throws {
    var bench = try Bench("do: [{pause: {wait: PT48H}}, {after: {set: {was: '${ . }'}}}]", input: ["a": 1])
    #expect(bench.state.status == .waiting)
    #expect(bench.state.wakeAt == start + .seconds(172_800))
    #expect(bench.wake(after: .seconds(172_799)) == .ignored(.early))
    try bench.restart()
    bench.wake(after: .seconds(1))
    #expect(bench.state.output == ["was": ["a": 1]])
  }

  @Test func aWaitOfNothingTakesNone() throws {
    let bench = try Bench("do: [{pause: {wait: {seconds: 0}}}, {after: {set: {x: 1}}}]")
    #expect(bench.state.status == .completed)
  }

  @Test func aTasksTimeoutCancelsWhatIsInside() throws {
    var bench = try Bench(
      """
      do:
        - outer:
            timeout: {after: PT10S}
            do: [{ask: {call: oracle, timeout: {after: PT1M}}}]
        - after: {set: {x: 1}}
      """)
    bench.wake(after: .seconds(10))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.status == 408)
    #expect(bench.state.error?.instance == "/do/0/outer")
    #expect(bench.trace.contains("x/do/0/outer/do/0/ask"))
  }

  @Test func aTimeoutCanBeCaught() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            try: [{pause: {wait: PT1H, timeout: {after: PT1M}}}]
            catch:
              errors: {with: {type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout}}
              do: [{note: {set: {late: true}}}]
      """)
    bench.wake(after: .seconds(60))
    #expect(bench.state.output == ["late": true])
  }

  /// What the task itself catches are the errors of its tasks, not its own end.
  @Test func aTrysOwnTimeoutIsNotItsToCatch() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            timeout: {after: PT1M}
            try: [{pause: {wait: PT1H}}]
            catch: {do: [{note: {set: {late: true}}}]}
      """)
    bench.wake(after: .seconds(60))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.instance == "/do/0/attempt")
  }

  @Test func theWorkflowsTimeoutEndsIt() throws {
    var bench = try Bench("timeout: {after: PT30S}\ndo: [{pause: {wait: PT1M}}]")
    #expect(bench.state.wakeAt == start + .seconds(30))
    bench.wake(after: .seconds(30))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.instance == "/")
    #expect(bench.trace.last == "x/do/0/pause")
  }

  @Test func aRaisedErrorIsAsItIsWritten() throws {
    let bench = try Bench(
      """
      do:
        - stop:
            raise:
              error: {type: https://example.com/errors/stock, status: 409, title: "${ \\"No \\" + .item }", detail: gone}
      """, input: ["item": "tea"])
    #expect(bench.state.status == .faulted)
    let expected = ProblemDetails(
      type: "https://example.com/errors/stock", status: 409, title: "No tea", detail: "gone", instance: "/do/0/stop")
    #expect(bench.state.error == expected)
  }

  @Test func namedErrorsAndTimeoutsAreFound() throws {
    var bench = try Bench(
      """
      use:
        errors: {full: {type: https://example.com/full, status: 507}}
        timeouts: {soon: {after: PT5S}}
      do:
        - attempt:
            try: [{pause: {wait: PT1M, timeout: soon}}]
            catch: {do: [{stop: {raise: {error: full}}}]}
      """)
    bench.wake(after: .seconds(5))
    #expect(bench.state.error?.status == 507)
    #expect(bench.state.error?.instance == "/do/0/attempt/catch/do/0/stop")
  }
}
