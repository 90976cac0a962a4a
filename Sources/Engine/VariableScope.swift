import Values
import Workflow

/// The runtime expression arguments that are visible at one place, built only when an expression asks for them.
///
/// A class, because every expression is handed one, and a reference costs less than a copy of what it holds.
///
/// Source: DSL 1.0.3, "Runtime Expression Arguments".
final class VariableScope {
  let definition: WorkflowDefinition
  let secrets: JSON
  /// Of the instance, what expressions can see.
  private let instance: (id: UUIDValue, input: JSON, context: JSON, startedAt: Timestamp, activities: [Activity])
  let task: TaskDefinition?
  /// The activity from which on the values that loops and handlers name are looked for.
  let locals: Int?
  let rawInput: JSON?
  let input: JSON?
  var rawOutput: JSON?
  var output: JSON?
  /// The error that a `catch` looks at, by the name of its variable.
  var error: (name: String, value: JSON)?
  let startedAt: Timestamp
  /// Whether `$task` has the members of its definition too, as the standard's examples of extensions have it.
  var isExtension = false

  init(
    definition: WorkflowDefinition, secrets: JSON, state: InstanceState, task: TaskDefinition?, locals: Int?,
    rawInput: JSON?, input: JSON?, startedAt: Timestamp
  ) {
    self.definition = definition
    self.secrets = secrets
    instance = (state.id, state.input, state.context, state.startedAt, state.activities)
    self.task = task
    self.locals = locals
    self.rawInput = rawInput
    self.input = input
    self.startedAt = startedAt
  }

  /// - Parameter name: without `$`. Nil reads as `null`.
  func value(_ name: String) -> JSON? {
    switch name {
    case "context": instance.context
    case "input": input
    case "output": output
    case "workflow": workflow
    case "workflow.input": instance.input
    case "workflow.id": .string(instance.id.text)
    case "task": describedTask
    case "runtime": Self.runtime
    case "secrets": visibleSecrets
    default: local(name)
    }
  }

  static let runtime: JSON = ["name": "mediator", "version": .string(Engine.version), "metadata": [:]]

  private var workflow: JSON {
    [
      "id": .string(instance.id.text),
      "definition": definition.json,
      "input": instance.input,
      "startedAt": instance.startedAt.descriptor,
    ]
  }

  private var visibleSecrets: JSON {
    var visible = JSONObject()
    for name in definition.secrets { visible[name] = secrets[name] }
    return .object(visible)
  }

  // MARK: $task

  private var describedTask: JSON? {
    if let around = extendedTask { return around }
    return task.map { describe($0, rawInput, rawOutput, startedAt, withMembers: isExtension) }
  }

  /// The task that an extension's task stands around; for its expressions, that one is `$task`.
  private var extendedTask: JSON? {
    var current = locals
    while let id = current, let index = instance.activities.place(of: id) {
      let activity = instance.activities[index]
      if case .extended(let progress) = activity.phase {
        if progress.stage == .task { return nil }
        guard let task = definition.task(at: activity.reference) else { return nil }
        return describe(task, activity.input, progress.output, activity.startedAt, withMembers: true)
      }
      current = activity.parent
    }
    return nil
  }

  private func describe(
    _ task: TaskDefinition, _ input: JSON?, _ output: JSON?, _ startedAt: Timestamp, withMembers: Bool
  ) -> JSON {
    let task = task.extended ?? task
    var object: JSONObject = withMembers ? task.json.object ?? [:] : [:]
    object["name"] = .string(task.name)
    object["reference"] = .string(task.reference)
    object["definition"] = task.json
    object["input"] = input ?? .null
    object["output"] = output ?? .null
    object["startedAt"] = startedAt.descriptor
    return .object(object)
  }

  // MARK: Locals

  private func local(_ name: String) -> JSON? {
    if let error, error.name == name || name == "error" { return error.value }
    var current = locals
    while let id = current, let index = instance.activities.place(of: id) {
      let activity = instance.activities[index]
      if let value = local(name, of: activity) { return value }
      current = activity.parent
    }
    return nil
  }

  private func local(_ name: String, of activity: Activity) -> JSON? {
    switch (activity.phase, definition.task(at: activity.reference)?.kind) {
    case (.loop(let progress), .for(let loop)?) where progress.index < progress.items.count:
      if name == loop.each { return progress.items[progress.index] }
      // A bare `nil` would be the JSON null.
      return name == loop.at ? JSON(progress.index) : Optional.none
    case (.trying(let progress), .try(let attempt)?):
      guard case .catching(let problem) = progress.stage, name == attempt.catch.variable else { return nil }
      return problem.json
    case (.listening(let progress), .listen(let listen)?):
      guard progress.isIterating, let iterator = listen.iterator else { return nil }
      if name == iterator.item { return progress.queue.first }
      return name == iterator.at ? JSON(progress.iterations) : Optional.none
    default: return nil
    }
  }
}

extension TaskDefinition {
  /// The task inside, where extensions are around it.
  var extended: TaskDefinition? {
    if case .extended(let extended) = kind { extended.body.first } else { nil }
  }
}

extension Execution {
  /// For a task that is about to run in `scope`.
  func taskScope(
    _ task: TaskDefinition, in scope: Int, rawInput: JSON, input: JSON? = nil, startedAt: Timestamp
  ) -> VariableScope {
    VariableScope(
      definition: definition, secrets: options.secrets, state: state, task: task, locals: scope, rawInput: rawInput,
      input: input, startedAt: startedAt)
  }

  /// For the data stages after a task that ran in `scope`.
  func taskScope(_ task: TaskDefinition, in scope: Int, of open: Activity) -> VariableScope {
    VariableScope(
      definition: definition, secrets: options.secrets, state: state, task: task, locals: scope,
      rawInput: open.rawInput ?? open.input, input: open.input, startedAt: open.startedAt)
  }

  /// For what a task's own definition says of the tasks inside of it: conditions of loops, of handlers, of iterators.
  func taskScope(_ task: TaskDefinition, inside open: Activity) -> VariableScope {
    VariableScope(
      definition: definition, secrets: options.secrets, state: state, task: task, locals: open.id,
      rawInput: open.rawInput ?? open.input, input: open.input, startedAt: open.startedAt)
  }

  /// For the question whether an extension applies to a task.
  func extensionScope(_ task: TaskDefinition, in scope: Int, input: JSON, startedAt: Timestamp) -> VariableScope {
    let variables = taskScope(task, in: scope, rawInput: input, input: input, startedAt: startedAt)
    variables.isExtension = true
    return variables
  }

  /// For the workflow's own data stages.
  func workflowScope() -> VariableScope {
    VariableScope(
      definition: definition, secrets: options.secrets, state: state, task: nil, locals: nil, rawInput: nil,
      input: state.input, startedAt: state.startedAt)
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
