import Testing
import Workflow

@Suite struct KnownChannelTests {
  private let text = """
    document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}
    use: {functions: {ask: {call: orakle}}}
    do:
      - store: {call: persistence}
      - slip: {call: persistance}
      - first: {call: ask}
      - web: {call: http, with: {method: get, endpoint: https://example.com}}
    """

  @Test func aChannelThatNobodyServesIsAWarning() {
    let result = WorkflowParser.parse(text, file: "w.yaml", channels: ["persistence", "oracle", "http"])
    #expect(result.definition != nil)
    #expect(result.warnings.map { "\($0.location.line):\($0.location.column)" } == ["2:31", "5:18"])
    #expect(result.warnings.map(\.hint) == ["Did you mean 'oracle'?", "Did you mean 'persistence'?"])
    #expect(result.warnings.allSatisfy { $0.message.contains("no processor of the configuration") })
  }

  @Test func withoutAConfigurationNobodyKnows() {
    #expect(WorkflowParser.parse(text, file: "w.yaml").diagnostics.isEmpty)
  }
}
