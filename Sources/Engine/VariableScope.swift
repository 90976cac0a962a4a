import Values
import Workflow

/// The runtime expression arguments that are visible at one place, built only when an expression asks for them.
///
/// Source: DSL 1.0.3, "Runtime Expression Arguments".
struct VariableScope {
  let definition: WorkflowDefinition
  let state: InstanceState
  let task: TaskDefinition?
  let input: JSON?
  let output: JSON?
  let startedAt: Timestamp

  /// - Parameter name: without `$`. Nil reads as `null`.
  func value(_ name: String) -> JSON? {
    switch name {
    case "context": state.context
    case "input": input
    case "output": output
    case "workflow": workflow
    case "task": task.map(describe)
    case "runtime": Self.runtime
    default: nil
    }
  }

  static let runtime: JSON = ["name": "mediator", "version": .string(Engine.version), "metadata": [:]]

  private var workflow: JSON {
    [
      "id": .string(state.id.text),
      "definition": definition.json,
      "input": state.input,
      "startedAt": state.startedAt.descriptor,
    ]
  }

  private func describe(_ task: TaskDefinition) -> JSON {
    [
      "name": .string(task.name),
      "reference": .string(task.reference),
      "definition": task.json,
      "input": input ?? .null,
      "output": output ?? .null,
      "startedAt": startedAt.descriptor,
    ]
  }
}

extension Execution {
  func taskScope(_ task: TaskDefinition, input: JSON?, output: JSON?, startedAt: Timestamp) -> VariableScope {
    VariableScope(
      definition: definition, state: state, task: task, input: input, output: output, startedAt: startedAt)
  }

  /// For the workflow's own data stages.
  func workflowScope(output: JSON? = nil) -> VariableScope {
    VariableScope(
      definition: definition, state: state, task: nil, input: state.input, output: output, startedAt: state.startedAt)
  }
}

extension Timestamp {
  /// The standard's "DateTime descriptor".
  var descriptor: JSON {
    let milliseconds = microseconds / 1000
    return [
      "iso8601": .string(rfc3339),
      "epoch": [
        "seconds": .number(JSONNumber(Int(microseconds / 1_000_000))),
        "milliseconds": .number(JSONNumber(Int(milliseconds))),
      ],
    ]
  }
}

extension DurationValue {
  func evaluate(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> Duration {
    switch self {
    case .constant(let duration): return duration
    case .expression(let expression):
      let value = try expression.evaluate(data, variables: variables)
      guard let text = value.string, let duration = ISO8601Duration.parse(text) else {
        throw ExpressionError(
          code: .evaluation, message: "'\(expression.source)' gave \(value.text), which is no ISO 8601 duration",
          location: nil)
      }
      return duration
    }
  }
}

extension JSON {
  /// As ``approximateBytes``; nil when arrays and objects nest deeper than `depth`.
  func approximateBytes(within depth: Int) -> Int? {
    switch self {
    case .array(let items):
      guard depth > 0 else { return nil }
      var sum = 2
      for item in items {
        guard let bytes = item.approximateBytes(within: depth - 1) else { return nil }
        sum += bytes + 1
      }
      return sum
    case .object(let object):
      guard depth > 0 else { return nil }
      var sum = 2
      for (key, value) in object {
        guard let bytes = value.approximateBytes(within: depth - 1) else { return nil }
        sum += key.utf8.count + bytes + 4
      }
      return sum
    case .null, .bool, .number, .string: return approximateBytes
    }
  }

  /// The size of the compact text, without writing it; escapes count as one byte.
  var approximateBytes: Int {
    switch self {
    case .null: 4
    case .bool: 5
    case .number(let number): number.text.utf8.count
    case .string(let text): text.utf8.count + 2
    case .array(let items): items.reduce(2) { $0 + $1.approximateBytes + 1 }
    case .object(let object): object.reduce(2) { $0 + $1.key.utf8.count + $1.value.approximateBytes + 4 }
    }
  }
}
