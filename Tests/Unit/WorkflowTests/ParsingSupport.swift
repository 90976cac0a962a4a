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

/// That there is one error, and it is as a table row says: place and code, a part of the message, a part of the hint.
func expectOnlyError(
  _ found: [Diagnostic], _ expected: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws {
  let parts = expected.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false).map(\.trimmed)
  let errors = found.filter { $0.severity == .error }
  let rendered = found.map(\.rendered).joined(separator: "\n")
  #expect(errors.count == 1, "\(rendered)", sourceLocation: sourceLocation)
  let error = try #require(errors.first, sourceLocation: sourceLocation)
  #expect(error.brief == parts[0], "\(rendered)", sourceLocation: sourceLocation)
  #expect(error.message.contains(parts[1]), "\(rendered)", sourceLocation: sourceLocation)
  if !parts[2].isEmpty {
    #expect(error.hint?.contains(parts[2]) == true, "\(rendered)", sourceLocation: sourceLocation)
  }
}

extension Substring {
  var trimmed: String {
    var text = drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}

/// For `guard`s: what was not found is an issue, and the test ends.
func note(_ text: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) {
  Issue.record(Comment(rawValue: text), sourceLocation: sourceLocation)
}
