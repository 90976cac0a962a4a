import Engine
import Testing
import Toolchain
import Values
import Workflow

/// Parses a definition given as its `do`, and whatever else stands at the top level.
func runnable(
  _ body: String, name: String = "example", sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws -> WorkflowDefinition {
  let text = "document: {dsl: 1.0.3, namespace: tests, name: \(name), version: 1.0.0}\n" + body
  let result = WorkflowParser.parse(text, file: "example.yaml")
  return try #require(result.definition, "\(result.diagnostics)", sourceLocation: sourceLocation)
}

func mocks(_ text: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) throws -> Mocks {
  if text.isEmpty { return Mocks() }
  let file = CompanionFile(Array(text.utf8), name: "mocks.yaml")
  let mocks = MockReader(file: file).read(try #require(file.root, sourceLocation: sourceLocation))
  #expect(file.diagnostics.isEmpty, sourceLocation: sourceLocation)
  return mocks
}

/// What is wrong with mocks, as `line:column: message` and hint.
func mistakes(_ text: String) -> [String] {
  let file = CompanionFile(Array(text.utf8), name: "mocks.yaml")
  if let root = file.root { _ = MockReader(file: file).read(root) }
  return file.diagnostics.map { diagnostic in
    "\(diagnostic.location.line):\(diagnostic.location.column): \(diagnostic.message)"
      + (diagnostic.hint.map { " | \($0)" } ?? "")
  }
}

func run(
  _ body: String, input: JSON = [:], mocks text: String = "", with others: [WorkflowDefinition] = [],
  sourceLocation: Testing.SourceLocation = #_sourceLocation
) async throws -> LocalRun {
  let mocks = try mocks(text, sourceLocation: sourceLocation)
  let run = LocalRun(
    try runnable(body, sourceLocation: sourceLocation), input: input, mocks: mocks, catalog: LocalCatalog(others))
  return await LocalRunner(mocks: mocks.http).run(run)
}

extension LocalRun {
  /// How much virtual time has passed.
  var duration: Duration { now - start }

  /// Each task as `name status attempts`.
  var brief: [String] { instances[0].tasks.items.map { "\($0.name) \($0.status) \($0.attempts)" } }
}
