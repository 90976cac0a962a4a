import Engine
import Testing
import Values

@Suite struct TryTests {
  private let busy = ProblemDetails(type: "https://serverlessworkflow.io/spec/1.0.0/errors/communication", status: 503)

  private func fail(_ bench: inout Bench, _ problem: ProblemDetails? = nil, retryable: Bool = false) {
    bench.reply(.failed(problem ?? busy, retryable: retryable, retryAfter: nil))
  }

  @Test func aCaughtErrorRunsTheHandler() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            try: [{ask: {call: oracle}}]
            catch:
              errors: {with: {status: 503}}
              as: problem
              do: [{note: {set: {status: "${ $problem.status }", instance: "${ $problem.instance }"}}}]
        - after: {set: {was: "${ . }"}}
      """)
    fail(&bench)
    #expect(bench.state.output == ["was": ["status": 503, "instance": "/do/0/attempt/try/0/ask"]])
    #expect(bench.trace.contains("!/do/0/attempt/try/0/ask"))
    #expect(bench.trace.contains("-/do/0/attempt"))
  }

  @Test func bothSpellingsOfAStandardTypeAreOne() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            try: [{ask: {call: oracle}}]
            catch:
              errors: {with: {type: https://serverlessworkflow.io/dsl/errors/types/communication}}
              do: [{note: {set: {type: "${ $error.type }"}}}]
      """)
    fail(&bench)
    #expect(bench.state.output == ["type": .string(busy.type)])
  }

  @Test func otherErrorsPass() throws {
    for body in [
      "errors: {with: {status: 404}}", "when: $error.status == 404", "exceptWhen: $error.status == 503",
    ] {
      var bench = try Bench(
        """
        do:
          - attempt:
              try: [{ask: {call: oracle}}]
              catch:
                \(body)
                do: [{note: {set: {x: 1}}}]
        """)
      fail(&bench)
      #expect(bench.state.status == .faulted, "\(body)")
      #expect(bench.state.error?.status == 503)
    }
  }

  @Test func anErrorOfTheHandlerTravelsOn() throws {
    var bench = try Bench(
      """
      do:
        - outer:
            try:
              - inner:
                  try: [{ask: {call: oracle}}]
                  catch: {do: [{again: {raise: {error: {type: a/b, status: 410}}}}]}
            catch: {do: [{note: {set: {status: "${ $error.status }"}}}]}
      """)
    fail(&bench)
    #expect(bench.state.output == ["status": 410])
  }

  @Test func withoutAHandlerTheInputGoesOn() throws {
    var bench = try Bench(
      "do: [{attempt: {try: [{ask: {call: oracle}}], catch: {}}}, {after: {set: {was: '${ . }'}}}]", input: ["a": 1])
    fail(&bench)
    #expect(bench.state.output == ["was": ["a": 1]])
  }

  // MARK: Retry

  private func retrying(_ policy: String) throws -> Bench {
    try Bench(
      """
      do:
        - attempt:
            try: [{ask: {call: oracle, with: {n: "${ .n }"}}}]
            catch:
              retry: \(policy)
              do: [{note: {set: {gave: up}}}]
      """, input: ["n": 7])
  }

  @Test func attemptsFollowThePolicy() throws {
    let expected: [(policy: String, delays: [Duration])] = [
      ("{delay: PT2S, limit: {attempt: {count: 4}}}", [2, 2, 2].map { .seconds($0) }),
      ("{delay: PT2S, backoff: {linear: {}}, limit: {attempt: {count: 4}}}", [2, 4, 6].map { .seconds($0) }),
      (
        "{delay: {seconds: 2}, backoff: {exponential: {}}, limit: {attempt: {count: 4}}}",
        [2, 4, 8].map { .seconds($0) }
      ),
      ("{delay: PT2S, limit: {duration: PT5S}}", [.seconds(2), .seconds(2)]),
    ]
    for (policy, delays) in expected {
      var bench = try retrying(policy)
      for delay in delays {
        fail(&bench)
        #expect(bench.state.wakeAt == bench.now + delay, "\(policy)")
        #expect(bench.state.status == .waiting)
        #expect(bench.wake(after: delay - .microseconds(1)) == .ignored(.early))
        try bench.restart()
        bench.wake(after: .microseconds(1))
      }
      #expect(bench.requests.count == delays.count + 1, "\(policy)")
      fail(&bench)
      #expect(bench.state.output == ["gave": "up"], "\(policy)")
      // A new attempt is a new execution: whoever acts on it has to act again.
      #expect(Set(bench.requests.map(\.idempotencyKey)).count == bench.requests.count)
    }
  }

  @Test func jitterLiesInItsRangeAndIsTheSameEachTime() throws {
    func delay() throws -> Duration {
      var bench = try retrying("{delay: PT1S, jitter: {from: PT1S, to: PT3S}, limit: {attempt: {count: 4}}}")
      fail(&bench)
      return try #require(bench.state.wakeAt) - bench.now
    }
    let first = try delay()
    #expect(first >= .seconds(2) && first < .seconds(4))
    #expect(try delay() == first)
  }

  @Test func withoutADelayTheNextAttemptFollowsAtOnce() throws {
    var bench = try retrying("{limit: {attempt: {count: 2}}}")
    fail(&bench)
    #expect(bench.requests.count == 2)
    fail(&bench)
    #expect(bench.state.output == ["gave": "up"])
  }

  @Test func endlessAttemptsAreNotAsFastAsTheMachine() throws {
    var bench = try retrying("{}")
    fail(&bench)
    #expect(bench.state.wakeAt == bench.now + .seconds(1))
  }

  @Test func theConditionsOfARetryAreAsked() throws {
    var bench = try retrying("{when: $error.status == 500, limit: {attempt: {count: 5}}}")
    fail(&bench)
    #expect(bench.requests.count == 1)
    #expect(bench.state.output == ["gave": "up"])
  }

  @Test func anAttemptThatTakesTooLongFails() throws {
    var bench = try retrying("{limit: {attempt: {count: 2, duration: PT10S}}}")
    bench.wake(after: .seconds(10))
    #expect(bench.requests.count == 2)
    #expect(bench.trace.contains("x/do/0/attempt/try/0/ask"))
    bench.wake(after: .seconds(10))
    #expect(bench.state.output == ["gave": "up"])
  }

  @Test func withoutAHandlerTheLastErrorTravelsOn() throws {
    var bench = try Bench(
      "do: [{attempt: {try: [{ask: {call: oracle}}], catch: {retry: {limit: {attempt: {count: 2}}}}}}]")
    fail(&bench)
    fail(&bench)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.status == 503)
  }

  /// What the author says about failures counts, not what the processor thinks of them.
  @Test func insideATryNothingIsRetriedUnasked() throws {
    var bench = try Bench(
      "do: [{attempt: {try: [{ask: {call: oracle}}], catch: {do: [{note: {set: {caught: true}}}]}}}]")
    fail(&bench, retryable: true)
    #expect(bench.state.output == ["caught": true])
  }

  @Test func whatRunsInsideIsCancelledByTheErrorOfASibling() throws {
    var bench = try Bench(
      """
      do:
        - attempt:
            try:
              - both:
                  fork:
                    branches:
                      - a: {call: oracle}
                      - b: {call: oracle}
            catch: {do: [{note: {set: {caught: true}}}]}
      """)
    bench.reply(.failed(busy, retryable: false, retryAfter: nil), to: bench.requests[0].id)
    #expect(bench.state.output == ["caught": true])
    #expect(bench.trace.contains("x/do/0/attempt/try/0/both/fork/branches/1/b"))
  }
}
