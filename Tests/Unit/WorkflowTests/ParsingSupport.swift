import Testing
import Values

@testable import Workflow

/// A definition whose tasks are the given lines; what comes before them is 5 lines long.
func workflow(_ tasks: String, more: String = "") -> String {
  """
  document:
    dsl: '1.0.3'
    namespace: test
    name: example
    version: '1.0.0'
  do:
  \(tasks.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n"))
  \(more)
  """
}

func diagnose(_ text: String) -> [Diagnostic] { WorkflowParser.parse(text, file: "test.yaml").diagnostics }

/// The definition of a file without mistakes.
func parsed(_ text: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) throws -> WorkflowDefinition {
  let result = WorkflowParser.parse(text, file: "test.yaml")
  let rendered = result.diagnostics.map(\.rendered).joined(separator: "\n")
  return try #require(result.definition, "\(rendered)", sourceLocation: sourceLocation)
}

extension Diagnostic {
  /// `line:column code`
  var brief: String { "\(location.line):\(location.column) \(code.rawValue)" }
}
