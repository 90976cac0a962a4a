import Testing
import Values

@testable import Workflow

/// What becomes of loops, branches, handlers, errors, waits and other workflows.
struct ControlFlowModelTests {
  private func kind(_ task: String, more: String = "") throws -> TaskKind {
    try #require(try parsed(workflow("- a: \(task)", more: more)).tasks.first).kind
  }

  private func constant(_ duration: DurationValue?) -> Duration? {
    if case .constant(let value)? = duration { value } else { nil }
  }

  @Test func loops() throws {
    let text = """
      - a:
          for: {each: pet, at: place, in: .pets}
          while: $pet.n > $place
          do:
            - b: {set: {x: '${ [$pet, $place] }'}}
      """
    let definition = try parsed(workflow(text))
    guard case .for(let loop) = definition.tasks[0].kind else { return note("no loop") }
    #expect(loop.each == "pet" && loop.at == "place" && loop.in.source == ".pets")
    #expect(loop.while?.usedVariables == ["pet", "place"])
    #expect(loop.tasks.reference == "/do/0/a/do" && loop.tasks.map(\.reference) == ["/do/0/a/do/0/b"])
    #expect(definition.task(at: "/do/0/a/do/0/b") != nil)
  }

  @Test func loopsNameTheirVariablesByThemselves() throws {
    guard case .for(let loop) = try kind("{for: {in: .x}, do: [{b: {set: {x: '${ [$item, $index] }'}}}]}") else {
      return note("no loop")
    }
    #expect(loop.each == "item" && loop.at == "index" && loop.while == nil)
  }

  @Test func forks() throws {
    guard
      case .fork(let fork) = try kind(
        "{fork: {compete: true, branches: [{b: {set: {x: 1}}}, {c: {set: {x: 1}, then: end}}]}}")
    else { return note("no fork") }
    #expect(fork.compete)
    #expect(fork.branches.map(\.reference) == ["/do/0/a/fork/branches/0/b", "/do/0/a/fork/branches/1/c"])
    guard case .fork(let plain) = try kind("{fork: {branches: [{b: {set: {x: 1}}}]}}") else {
      return note("no fork")
    }
    #expect(!plain.compete)
  }

  @Test func handlers() throws {
    let text = """
      - a:
          try:
            - b: {call: channel}
          catch:
            errors:
              with: {type: 'https://serverlessworkflow.io/dsl/errors/types/timeout', status: 408, details: slow}
            as: problem
            when: $problem.status == 408 and $error.title != null and .x
            exceptWhen: $error.status == 1
            retry:
              when: $problem.detail == null
              exceptWhen: $error.detail == "no"
              delay: {seconds: 3}
              backoff: {exponential: {}}
              jitter: {from: PT0S, to: PT1S}
              limit: {attempt: {count: 5, duration: PT10S}, duration: PT1M}
            do:
              - c: {set: {x: '${ $problem }'}}
      """
    let definition = try parsed(workflow(text))
    guard case .try(let attempt) = definition.tasks[0].kind else { return note("no try") }
    #expect(attempt.tasks.map(\.reference) == ["/do/0/a/try/0/b"])
    let clause = attempt.catch
    #expect(clause.variable == "problem" && clause.when != nil && clause.exceptWhen != nil)
    #expect(clause.tasks?.map(\.reference) == ["/do/0/a/catch/do/0/c"])
    let retry = try #require(clause.retry)
    #expect(retry.backoff == .exponential && retry.maxAttempts == 5)
    #expect(constant(retry.delay) == .seconds(3) && constant(retry.attemptDuration) == .seconds(10))
    #expect(constant(retry.duration) == .seconds(60) && constant(retry.jitter?.to) == .seconds(1))
    #expect(retry.when != nil && retry.exceptWhen != nil)
  }

  /// The reference, the conformance kit and the examples write the types of the standard's errors in three ways.
  @Test(arguments: [
    "https://serverlessworkflow.io/spec/1.0.0/errors/timeout",
    "https://serverlessworkflow.io/dsl/errors/types/timeout",
    "https://serverlessworkflow.io.io/dsl/errors/types/timeout",
  ])
  func filtersKnowEverySpelling(type: String) throws {
    guard case .try(let attempt) = try kind("{try: [], catch: {errors: {with: {type: '\(type)'}}}}") else {
      return note("no try")
    }
    let filter = try #require(attempt.catch.errors)
    for other in ["spec/1.0.0/errors/", "dsl/errors/types/"] {
      #expect(filter.matches(ProblemDetails(type: "https://serverlessworkflow.io/\(other)timeout", status: 408)))
      #expect(!filter.matches(ProblemDetails(type: "https://serverlessworkflow.io/\(other)runtime", status: 408)))
    }
  }

  @Test func aFilterKnowsDetailAndDetails() throws {
    for key in ["detail", "details"] {
      guard case .try(let attempt) = try kind("{try: [], catch: {errors: {with: {\(key): d}}}}") else {
        return note("no try")
      }
      #expect(attempt.catch.errors?.detail == "d")
    }
  }

  /// As dsl.md has it in its section on retries.
  @Test func aSingleTaskCanBeTried() throws {
    guard case .try(let attempt) = try kind("{try: {call: channel}, catch: {}}") else {
      return note("no try")
    }
    #expect(attempt.tasks.map(\.reference) == ["/do/0/a/try"] && attempt.tasks.map(\.name) == ["try"])
    #expect(attempt.catch.variable == "error" && attempt.catch.errors == nil && attempt.catch.retry == nil)
  }

  @Test func errorsAreRaisedInPlaceAndByName() throws {
    let error = "{type: 'https://x.example/e', status: 409, title: '${ .t }', detail: plain}"
    for (task, more) in [
      ("{raise: {error: \(error)}}", ""), ("{raise: {error: taken}}", "use: {errors: {taken: \(error)}}"),
    ] {
      guard case .raise(let raised) = try kind(task, more: more) else { return note("no error") }
      #expect(raised.status == 409)
      #expect(try raised.type.evaluate(nil) { _ in nil } == "https://x.example/e")
      #expect(try raised.title?.evaluate(["t": "T"]) { _ in nil } == "T")
      #expect(try raised.detail?.evaluate(nil) { _ in nil } == "plain")
    }
  }

  @Test(arguments: [
    ("{seconds: 30}", Duration.seconds(30)), ("PT30S", .seconds(30)), ("PT0S", .zero),
    ("{days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5}", .milliseconds(93_784_005)),
  ])
  func waits(text: String, expected: Duration) throws {
    guard case .wait(let duration) = try kind("{wait: \(text)}") else { return note("no wait") }
    #expect(constant(duration) == expected)
  }

  @Test func aWaitCanBeComputed() throws {
    guard case .wait(.expression(let expression)) = try kind("{wait: '${ $input.pause }'}") else {
      return note("no wait")
    }
    #expect(expression.source == "$input.pause")
  }

  @Test func otherWorkflows() throws {
    guard
      case .run(let run) = try kind(
        "{run: {await: false, workflow: {namespace: n, name: w, version: 1.2.3, input: {a: '${ .b }', c: .d}}}}"),
      case .run(let latest) = try kind("{run: {workflow: {namespace: n, name: w}}}")
    else { return note("no workflow") }
    #expect(run.namespace == "n" && run.name == "w" && run.version == "1.2.3" && !run.await)
    #expect(try run.input?.evaluate(["b": 1]) { _ in nil } == ["a": 1, "c": ".d"])
    #expect(latest.version == "latest" && latest.await && latest.input == nil)
  }

  @Test func timeoutsByName() throws {
    let definition = try parsed(
      workflow("- a: {wait: PT1S, timeout: soon}", more: "timeout: soon\nuse: {timeouts: {soon: {after: PT5S}}}"))
    #expect(constant(definition.timeout) == .seconds(5) && constant(definition.tasks[0].timeout) == .seconds(5))
  }

  @Test func retriesByName() throws {
    let use = "use: {retries: {often: {delay: PT2S, when: $error.status == 503, limit: {attempt: {count: 3}}}}}"
    guard case .try(let attempt) = try kind("{try: [], catch: {as: e, retry: often}}", more: use) else {
      return note("no try")
    }
    #expect(attempt.catch.retry?.maxAttempts == 3 && constant(attempt.catch.retry?.delay) == .seconds(2))
    #expect(attempt.catch.retry?.when?.usedVariables == ["error"] && attempt.catch.retry?.backoff == .constant)
  }
}
