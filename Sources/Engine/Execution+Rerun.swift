import Values
import Workflow

/// A workflow runs again from one of its tasks on.
extension Execution {
  /// Gives up what is open, and starts at the task as if the flow had just come there. Every task from there on is a new
  /// execution, so what it does to the world is done again. The compensations of an open instance's tasks stay: what was
  /// done twice is undone twice.
  mutating func rerun(_ start: RerunStart, _ reason: String) throws(Refusal) {
    try mustHaveBegun()
    try mustNotBeSuspended()
    guard state.ending == nil else {
      throw Refusal("the instance is being compensated; wait for its end, then rerun it")
    }
    for data in [start.input, start.context ?? .null] + start.enclosing { try mustBeStorable(data, "data") }
    let path = try definition.path(toRerun: start.task)
    guard let task = path.last, start.enclosing.count == path.count - 1 else {
      throw Refusal("\(start.task) stands inside \(path.count - 1) tasks, and their inputs are needed as well")
    }
    let next = max(state.nextActivity, start.nextActivity)
    guard next > 0 else { throw Refusal("no task of the instance has begun; retry the instance") }
    record(.operated(.rerun(start), reason: reason))
    closeAll()
    reset()
    state.nextActivity = next
    if let context = start.context { state.context = context }
    do throws(ExpressionError) {
      try renewDeadline()
      let scope = try openScopes(around: path.dropLast(), start.enclosing)
      run(from: .enter(scope: scope, position: task.index, input: start.input))
    } catch {
      throw Refusal("the data before the task cannot be made again: \(error.message)")
    }
  }

  private mutating func openScopes(
    around tasks: ArraySlice<TaskDefinition>, _ inputs: [JSON]
  ) throws(ExpressionError) -> Int {
    var scope = open(
      parent: nil, reference: Self.rootReference, input: try workflowInput(), phase: .sequence(position: 0))
    for (task, raw) in zip(tasks, inputs) {
      let before = taskScope(task, in: scope, rawInput: raw, startedAt: now)
      let input = try task.input?.from?.evaluate(raw, variables: before.value) ?? raw
      if let index = state.activityIndex(scope) { state.activities[index].phase = .sequence(position: task.index) }
      // A bare `nil` would be the JSON null.
      scope = try openTask(
        Begun(
          task: task, scope: scope, input: input, rawInput: input == raw ? Optional.none : raw))
    }
    return scope
  }

  /// The workflow's input as its first task gets it.
  func workflowInput() throws(ExpressionError) -> JSON {
    try definition.input?.from?.evaluate(state.input, variables: workflowScope().value) ?? state.input
  }
}

extension WorkflowDefinition {
  /// The tasks around a task, the outermost first, and then the task itself (or what surrounds it as its extensions).
  func path(toRerun reference: String) throws(Refusal) -> [TaskDefinition] {
    guard let target = task(at: reference) else {
      throw Refusal("the definition has no task at \(reference); its own are: \(Self.names(tasks))")
    }
    var path: [TaskDefinition] = []
    var scope = tasks
    while true {
      if let task = scope.first(where: { ($0.extended ?? $0).reference == target.reference }) { return path + [task] }
      guard let around = scope.first(where: { reference.hasPrefix($0.inner.reference + "/") }) else {
        throw Refusal(
          "\(reference) is part of no scope that can be run from a place in it: rerun a task that leads there")
      }
      guard case .do(let inside) = around.kind else {
        let what = around.extended == nil ? "a '\(around.kind.keyword)'" : "extensions"
        throw Refusal("\(reference) stands inside \(what); rerun from \(around.inner.reference), the task around it")
      }
      path.append(around)
      scope = inside
    }
  }

  private static func names(_ scope: TaskScope) -> String {
    scope.map(\.inner.reference).joined(separator: ", ")
  }
}

extension TaskDefinition {
  /// The task itself, where it stands for one with extensions.
  var inner: TaskDefinition { extended ?? self }
}
