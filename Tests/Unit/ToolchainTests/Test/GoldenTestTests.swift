import Engine
import Testing
import Toolchain
import Values
import Workflow

@Suite struct GoldenTestTests {
  private func tests(_ text: String) throws -> GoldenTests {
    let file = CompanionFile(Array(text.utf8), name: "example.test.yaml")
    let tests = try #require(GoldenTestReader(file: file).read())
    #expect(file.diagnostics.isEmpty)
    return tests
  }

  private func mistakes(_ text: String) -> [String] {
    let file = CompanionFile(Array(text.utf8), name: "example.test.yaml")
    _ = GoldenTestReader(file: file).read()
    return file.diagnostics.map { "\($0.location.line):\($0.location.column): \($0.message)" }
  }

  private let body = """
    schedule: {on: {one: {with: {type: order.placed}}}}
    input: {from: "$workflow.input[0].data"}
    do:
      - reserve: {call: stock, with: {item: "${ .item }"}}
      - tell: {emit: {event: {with: {type: order.reserved, source: /shop, data: {n: "${ .n }"}}}}, output: {as: .data}}
    """

  /// The failures of one case, as `subject: lines`.
  private func failures(_ expect: String, mocks: String = "calls: {stock: {reply: {n: 1, more: {a: 1, b: 2}}}}")
    async throws -> [String]
  {
    let tests = try tests("cases: [{name: x, event: {item: 7}, mocks: {\(mocks)}, expect: {\(expect)}}]")
    let result = await tests.cases[0].run(try runnable(body), LocalCatalog())
    return result.failures.map { "\($0.subject): \($0.lines.joined(separator: " / "))" }
  }

  @Test func whatIsAsExpectedPasses() async throws {
    #expect(
      try await failures(
        """
        output: {n: 1.0}, tasks: [reserve, tell], duration: PT0S, calls: [{stock: {item: 7}}],
        emitted: [{type: order.reserved, data: {n: 1}}]
        """) == [])
    #expect(try await failures("calls: [stock], status: completed") == [])
    #expect(try await failures("outputIncludes: {}") == [])
    #expect(
      try await failures("calls: [{channel: stock, task: reserve, includes: {}, attempts: 1, at: PT0S}]") == [])
    #expect(
      try await failures(
        "error: {status: 409, type: conflict}", mocks: "calls: {stock: {fail: {status: 409, type: conflict}}}") == [])
  }

  @Test func whatIsNotIsTold() async throws {
    #expect(
      try await failures("output: {n: 2, m: 3}") == ["output: /n: expected 2, got 1 / /m: expected 3, got nothing"])
    #expect(try await failures("output: {}") == ["output: /n: not expected: 1"])
    #expect(try await failures("status: faulted") == ["status: expected faulted, got completed"])
    #expect(try await failures("tasks: [tell]") == ["tasks: expected tell /      got reserve, tell"])
    #expect(try await failures("calls: []") == ["calls: expected none /      got stock"])
    #expect(try await failures("calls: [{stock: {item: 8}}]") == ["calls: 1. stock: /item: expected 8, got 7"])
    #expect(
      try await failures("calls: [{channel: stock, attempts: 2, task: tell, at: PT1S}]") == [
        "calls: 1. stock: expected of tell, came from reserve / 1. stock: expected 2 attempts, got 1 / "
          + "1. stock: expected at PT1S, went out at PT0S"
      ])
    #expect(
      try await failures("emitted: [{type: other}]") == [#"emitted: 1. /type: expected "other", got "order.reserved""#])
    #expect(try await failures("emitted: []") == ["emitted: expected none /      got order.reserved"])
    #expect(try await failures("duration: PT5S") == ["duration: expected PT5S, got PT0S"])
    #expect(
      try await failures("error: {status: 400}") == ["status: expected faulted, got completed", "error: there is none"])
  }

  @Test func aForgottenMockIsTold() async throws {
    #expect(
      try await failures("", mocks: "") == [
        "status: expected completed, got waiting / /do/0/reserve waits for call on channel 'stock': no mock answers it"
      ])
    #expect(try await failures("status: waiting", mocks: "") == [])
  }

  @Test func anEventThatDoesNotStartItFails() async throws {
    let tests = try tests("cases: [{name: x, event: {type: order.paid, data: 1}}]")
    let result = await tests.cases[0].run(try runnable(body), LocalCatalog())
    #expect(result.failures.map(\.subject) == ["event"])
  }

  @Test func aCaseOverridesTheMocksOfAll() throws {
    let tests = try tests(
      """
      mocks: {calls: {a: {reply: 1}, b: {reply: 1}}, events: [{event: {type: x}}]}
      cases: [{name: one}, {name: two, input: 5, mocks: {calls: {b: {reply: 2}}, secrets: {s: 1}}}]
      """)
    #expect(tests.cases.map(\.name) == ["one", "two"])
    #expect(tests.cases[1].mocks.calls.keys.sorted() == ["a", "b"])
    #expect(tests.cases[1].mocks.events.count == 1)
    #expect(tests.cases[1].mocks.calls["b"]?.location.line == 2)
    #expect(tests.cases[1].start == .input(5))
  }

  @Test func mistakesHaveTheirPlaces() {
    #expect(mistakes("case: []") == ["1:1: 'case' is no key of 'the tests'", "1:1: 'cases' is missing"])
    #expect(mistakes("cases: []") == ["1:8: there is no case"])
    #expect(mistakes("cases: [{}]") == ["1:9: the case has no 'name'"])
    #expect(mistakes("cases: [{name: x, event: 1, input: 2}]") == ["1:26: 'event' and 'input' exclude one another"])
    #expect(mistakes("cases: [{name: x, expect: {status: done}}]") == ["1:36: 'done' is no way for a run to end"])
    #expect(
      mistakes("cases: [{name: x, expect: {output: 1, outputIncludes: 2}}]") == [
        "1:55: 'output' and 'outputIncludes' exclude one another"
      ])
    #expect(
      mistakes("cases: [{name: x, expect: {calls: [{task: a, data: 1}]}}]") == ["1:36: 'channel' is missing in 'call'"])
    #expect(mistakes("cases: [{name: x, mocks: {cals: 1}}]") == ["1:27: 'cals' is no key of 'mocks'"])
  }

  @Test func mocksOfNothingAreWarnedOf() throws {
    let text = "calls: {stok: {reply: 1}, reserve: {reply: 1}, /do/0/reserve: {reply: 1}, stock: {reply: 1}}"
    let file = CompanionFile(Array(text.utf8), name: "mocks.yaml")
    let reader = MockReader(file: file)
    reader.checkNames(of: reader.read(try #require(file.root)), in: [try runnable(body)])
    #expect(file.diagnostics.map(\.rendered).count == 1)
    #expect(file.diagnostics.first?.message == "there is no channel and no task 'stok'")
    #expect(file.diagnostics.first?.hint == "Did you mean 'stock'?")
    #expect(!file.hasErrors)
  }

  @Test func reportsForTools() {
    let place = SourceLocation(file: "a.test.yaml", line: 3, column: 5)
    let report = GoldenReport(files: [
      GoldenReport.File(
        path: "a.test.yaml",
        results: [
          GoldenResult(name: "good & well", location: place, failures: []),
          GoldenResult(
            name: "bad", location: place,
            failures: [GoldenResult.Failure(subject: "status", lines: ["expected <a>", "got b"])]),
        ])
    ])
    #expect(report.summary == "1 passed, 1 failed")
    #expect(report.json["files"]?[0]?["cases"]?[1]?["passed"] == false)
    #expect(
      report.junit == """
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites tests="2" failures="1">
          <testsuite name="a.test.yaml" tests="2" failures="1">
            <testcase classname="a.test.yaml" name="good &amp; well"/>
            <testcase classname="a.test.yaml" name="bad">
              <failure message="status">status: expected &lt;a&gt;&#10;  got b</failure>
            </testcase>
          </testsuite>
        </testsuites>
        """)
  }
}
