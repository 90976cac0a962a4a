import Engine
import Testing
import Toolchain
import Values
import Workflow

@testable import mediatorctl

@Suite struct RunReportTests {
  private func run(_ body: String, _ mocks: String, with others: [WorkflowDefinition] = []) async throws -> LocalRun {
    let file = CompanionFile(Array(mocks.utf8), name: "mocks.yaml")
    let mocks = file.root.map { MockReader(file: file).read($0) } ?? Mocks()
    let run = LocalRun(try definition(body), input: [:], mocks: mocks, catalog: LocalCatalog(others))
    return await LocalRunner(mocks: mocks.http).run(run)
  }

  private func definition(_ body: String, name: String = "example") throws -> WorkflowDefinition {
    let text = "document: {dsl: 1.0.3, namespace: tests, name: \(name), version: 1.0.0}\n" + body
    let result = WorkflowParser.parse(text, file: "test.yaml")
    return try #require(result.definition, "\(result.diagnostics)")
  }

  private func text(_ run: LocalRun, width: Int? = nil) -> String {
    var style = Style.plain(now: Timestamp(microseconds: 0))
    style.width = width
    return RunReport(run).text(style)
  }

  @Test func tellsLineByLine() async throws {
    let result = try await run(
      """
      do:
        - store: {call: persistence, with: {n: 1}}
        - never: {if: 'false', set: {a: 1}}
        - inside: {do: [{sleep: {wait: P2D}}]}
        - done: {set: {ok: true}}
      """,
      "calls: {persistence: [{fail: {status: 503, title: busy, retryable: true}}, {after: PT5S, reply: {id: 7}}]}")
    let lines = text(result).split(separator: "\n").map(String.init)
    #expect(lines.first?.hasSuffix("▶ tests/example 1.0.0") == true)
    #expect(lines.contains { $0.hasSuffix(#"  → store  persistence  attempt 2  {"n":1}"#) })
    #expect(lines.contains { $0.hasSuffix("  ↻ store  503 busy; again in 1.00 s") })
    #expect(lines.contains { $0.hasSuffix("    • sleep  wait") })
    #expect(text(result).contains("completed after 2 d 0 h"))
    #expect(text(result).hasSuffix("Output\n  {\n    \"ok\": true\n  }"))
  }

  @Test func tellsWhatItWaitsFor() async throws {
    let result = try await run(
      "do: [{both: {fork: {branches: [{tell: {call: telegram}}, {hear: {listen: {to: {one: {with: {type: ping}}}}}}]}}}]",
      "calls: {}")
    #expect(text(result).contains("  ? tell  nothing answers"))
    #expect(
      text(result).hasSuffix(
        """
        waiting after 0 s

        Waiting for
          tell  call on channel 'telegram': no mock answers it
          hear  an event of type 'ping'
        """))
  }

  @Test func childrenAreIndented() async throws {
    let other = try definition(
      "do: [{fail: {raise: {error: {type: about:blank, status: 418, title: teapot}}}}]", name: "other")
    let result = try await run(
      "do: [{child: {run: {workflow: {namespace: tests, name: other, version: latest}}}}]", "calls: {}", with: [other])
    #expect(text(result).contains("    ▶ tests/other 1.0.0"))
    #expect(text(result).contains("    ■ faulted  418 teapot"))
    #expect(text(result).contains("Error\n"))
  }

  @Test func isCutToTheTerminal() async throws {
    let long = String(repeating: "x", count: 300)
    let result = try await run("do: [{a: {set: {text: \(long)}}}]", "calls: {}")
    let line = try #require(text(result, width: 60).split(separator: "\n").first { $0.contains("✓ a") })
    #expect(TextWidth.of(line) <= 60)
    #expect(line.hasSuffix("…"))
  }

  @Test func resultsOfTestsEndWithTheirSum() {
    let place = SourceLocation(file: "a.test.yaml", line: 3, column: 5)
    let report = GoldenReport(files: [
      GoldenReport.File(
        path: "a.test.yaml",
        results: [
          GoldenResult(name: "good", location: place, failures: []),
          GoldenResult(
            name: "bad", location: place,
            failures: [GoldenResult.Failure(subject: "output", lines: ["/n: expected 1, got 2"])]),
        ])
    ])
    #expect(
      GoldenText(report, untested: ["b.yaml"]).text(.plain(now: Timestamp(microseconds: 0))) == """
        a.test.yaml
          ok      good
          FAILED  bad  a.test.yaml:3:5
                    output
                      /n: expected 1, got 2

        no tests: b.yaml

        1 passed, 1 failed
        """)
  }
}
