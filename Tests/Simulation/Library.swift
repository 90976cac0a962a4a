import Generator
import Values
import Workflow

/// The definitions of all scenarios, parsed once.
struct Library: Sendable {
  let events: (early: [WorkflowDefinition], late: [WorkflowDefinition])
  let conversations: (early: [WorkflowDefinition], late: [WorkflowDefinition], successors: [WorkflowDefinition])
  /// Random ones, each started by events of the type that is its name.
  let random: [WorkflowDefinition]
  /// Another version of each.
  let successors: [WorkflowDefinition]
  /// What random ones run.
  let children: (early: [WorkflowDefinition], late: [WorkflowDefinition])

  struct Refused: Error {
    let text: String
    let reasons: String
  }

  static let shared = Result { try Library() }

  private init() throws {
    events = (
      try [EventWorkflows.threeCalls, EventWorkflows.audit].map(Self.parse), [try Self.parse(EventWorkflows.late)]
    )
    conversations = (
      try ConversationWorkflows.early.map(Self.parse), try ConversationWorkflows.late.map(Self.parse),
      try ConversationWorkflows.successors.map(Self.parse)
    )
    let texts = (0..<120).map { Self.randomDefinition($0) }
    random = try texts.map { try Self.parse($0.text) }
    successors = try texts.enumerated().map { number, text in
      // It may be that something leads to a task that is gone.
      let change = SuccessorChange.allCases[number % SuccessorChange.allCases.count]
      return try (try? Self.parse(change.successor(of: text).text))
        ?? Self.parse(SuccessorChange.leading.successor(of: text).text)
    }
    children = (
      try Self.childTexts.map(Self.parse),
      try Self.childTexts.map { text in
        try Self.parse(SuccessorChange.leading.successor(of: Self.parse(text).json).text)
      }
    )
  }

  private static func parse(_ text: String) throws -> WorkflowDefinition {
    let result = WorkflowParser.parse(text, file: "simulation.yaml")
    guard let definition = result.definition else { throw Refused(text: text, reasons: "\(result.diagnostics)") }
    return definition
  }

  private static func randomDefinition(_ number: Int) -> JSON {
    var generator = DefinitionGenerator(dice: Dice(seed: 7_000 + UInt64(number)))
    guard case .object(var root) = generator.workflow() else { return .null }
    let name = "random-\(number)"
    root["document"] = ["dsl": "1.0.3", "namespace": "tests", "name": .string(name), "version": "1.0.0"]
    root["schedule"] = ["on": ["one": ["with": ["type": .string(name)]]]]
    if root["input"] == nil { root["input"] = ["from": "${ .[0].data }"] }
    if root["timeout"] == nil { root["timeout"] = ["after": ["minutes": 3]] }
    return .object(root)
  }

  private static let childTexts = [
    """
    document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.2.3}
    do: [{ask: {call: oracle, with: {n: 1}}}]
    """,
    """
    document: {dsl: 1.0.3, namespace: tests, name: other, version: 1.2.3}
    timeout: {after: {seconds: 40}}
    do: [{pause: {wait: {seconds: 2}}}, {note: {call: store, with: {n: 2}}}]
    """,
  ]
}
