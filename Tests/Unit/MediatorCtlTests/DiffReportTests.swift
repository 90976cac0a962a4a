import Testing
import Toolchain
import Values
import Workflow

@testable import mediatorctl

@Suite struct DiffReportTests {
  private func definition(_ version: String, _ tasks: String) throws -> WorkflowDefinition {
    let text = """
      document: { dsl: '1.0.3', namespace: test, name: example, version: '\(version)' }
      do: [ \(tasks) ]
      """
    return try #require(WorkflowParser.parse(text, file: "test.yaml").definition)
  }

  @Test func tellsTaskByTask() throws {
    let report = DiffReport(
      try definition("1.0.0", "{ a: { call: x, with: { p: 1 } } }, { b: { wait: PT1M } }, { c: { set: { n: 1 } } }"),
      try definition("1.1.0", "{ n: { call: y } }, { a: { call: x, with: { p: 2 } } }, { d: { wait: PT1M } }"))
    #expect(
      report.text(.plain(now: Timestamp(microseconds: 0))) == """
        test/example 1.0.0 → 1.1.0

        Definition
          ~ /document/version: "1.0.0" → "1.1.0"

        Tasks
          + n  call y  added
              /do/0/n
          ~ a  call x  changed
              /do/1/a
              ~ /with/p: 1 → 2
          > d  wait  renamed, from b
              /do/1/b → /do/2/d
          - c  set  removed
              /do/2/c

        What it means
          running instances  stay with 1.0.0 and its tasks until they end or are migrated, waits, retries and timeouts included
          new instances      run 1.1.0 from the moment it is deployed
          new channels       y: deploy a processor first, or tasks wait there until their deadline
        """)
  }

  @Test func valuesAreCutToTheTerminal() throws {
    let long = String(repeating: "x", count: 300)
    let report = DiffReport(
      try definition("1.0.0", "{ a: { set: { n: \(long) } } }"),
      try definition("1.1.0", "{ a: { set: { n: y\(long) } } }"))
    var style = Style.plain(now: Timestamp(microseconds: 0))
    style.width = 60
    let lines = report.text(style).split(separator: "\n").filter { $0.contains("/set/n") }
    #expect(lines.count == 1 && lines.allSatisfy { TextWidth.of($0) <= 60 })
  }

  @Test func saysThatThereIsNoDifference() throws {
    let one = try definition("1.0.0", "{ a: { call: x } }")
    let report = DiffReport(one, one)
    #expect(report.text(.plain(now: Timestamp(microseconds: 0))).hasSuffix("\n\nNo difference."))
    #expect(report.json["isEmpty"] == true)
    #expect(report.json["old"] == report.json["new"])
  }
}
