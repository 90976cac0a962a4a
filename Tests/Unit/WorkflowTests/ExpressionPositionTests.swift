import Testing

@testable import Workflow

/// A mistake in an expression is shown where it is, however YAML wrote the text.
struct ExpressionPositionTests {
  @Test(arguments: [
    ("x: ${ .a | oops }", 1, 12), ("x: '${ .a | oops }'", 1, 13), ("x: \"${ .a | oops }\"", 1, 13),
    ("x: |\n  ${ .a |\n     oops }", 3, 6), ("x: |-\n\n  ${\n    oops\n  }", 4, 5),
    ("x: >-\n  ${ .a |\n  oops }", 1, 4),
    ("x: \"${ \\\"é\\\" | oops }\"", 1, 4), ("ö: 'ü'\nx: '${ \"ä\" | oops }'", 2, 14),
    ("x: '${ \"it''s\" | oops }'", 1, 4),
    ("x: ${ oops | oops }", 1, 7), ("x: '  ${ oops }  '", 1, 10), ("x: ${ .a\n  | oops }", 1, 4),
  ])
  func positions(set: String, line: Int, column: Int) throws {
    let indented = set.split(separator: "\n", omittingEmptySubsequences: false).map { "      " + $0 }
    let text = workflow("- a:\n    set:\n" + indented.joined(separator: "\n"))
    let error = try #require(diagnose(text).first { $0.severity == .error })
    #expect(error.message == "there is no function 'oops'")
    #expect(error.location.line == line + 8)
    #expect(error.location.column == column + 8)
  }
}
