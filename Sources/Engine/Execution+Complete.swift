import Values
import Workflow

/// A task or the workflow comes to a good end.
extension Execution {
  mutating func complete(_ activity: Int, _ output: JSON) -> Move? {
    guard let index = state.activityIndex(activity) else { return nil }
    guard state.activities[index].parent != nil else { return .end(output: output) }
    let reference = state.activities[index].reference
    guard let task = definition.task(at: reference) else {
      let detail = "the definition has no task at \(reference)"
      return .fault(activity: activity, Problems.runtime(detail, at: reference))
    }
    var directive = task.then
    if case .extended(let progress) = state.activities[index].phase { directive = progress.directive ?? directive }
    return ended(task, activity, output, directive)
  }

  /// The task has its raw output, and its data stages may still fail.
  mutating func ended(
    _ task: TaskDefinition, _ activity: Int, _ rawOutput: JSON, _ directive: FlowDirective?
  ) -> Move? {
    do throws(ExpressionError) {
      return try finish(task, activity, rawOutput, directive)
    } catch {
      return .fault(activity: activity, Problems.expression(error.message, at: task.reference))
    }
  }

  /// The two data stages after a task (`output.as`, then `export.as` on what that gave), and where the flow goes.
  private mutating func finish(
    _ task: TaskDefinition, _ activity: Int, _ rawOutput: JSON, _ directive: FlowDirective?
  ) throws(ExpressionError) -> Move? {
    guard let index = state.activityIndex(activity), let scope = state.activities[index].parent else { return nil }
    // A race that is won, a listen that ends during an iteration: what is still open inside is given up.
    closeDescendants(of: activity)
    // Made where an expression asks for it, each time with the context of that moment.
    func variables(_ output: JSON?) -> VariableScope {
      let variables = taskScope(task, in: scope, of: state.activities[index])
      (variables.rawOutput, variables.output) = (rawOutput, output)
      return variables
    }
    let output = try task.output?.as?.evaluate(rawOutput, variables: { variables(nil).value($0) }) ?? rawOutput
    if let problem = problem(with: output, task.output?.schema, "output", task.reference) {
      return .fault(activity: activity, problem)
    }
    if let export = task.export, let problem = try exported(export, output, variables(output), task.reference) {
      return .fault(activity: activity, problem)
    }
    // What undoes something is not undone itself.
    if let compensation = task.compensation, state.ending == nil {
      let data = try compensation.function.with?.evaluate(output, variables: variables(output).value) ?? .object([:])
      if let detail = unstorable(data, "data of the compensation") {
        return .fault(activity: activity, Problems.validation(detail, at: task.reference))
      }
      state.compensations.append(PendingCompensation(reference: task.reference, data: data))
    }
    if state.activities[index].isTask {
      record(.taskCompleted(activity: activity, reference: task.reference, output: output))
    }
    state.activities.remove(at: index)
    return follow(directive ?? .continue, task, in: scope, output)
  }

  private mutating func follow(
    _ directive: FlowDirective, _ task: TaskDefinition, in scope: Int, _ output: JSON
  ) -> Move? {
    if let index = state.activityIndex(scope), case .extended(var progress) = state.activities[index].phase,
      progress.stage == .task
    {
      // What comes after the task runs first, and then the flow moves in the scope around the extensions.
      if directive != .continue { progress.directive = directive }
      state.activities[index].phase = .extended(progress)
      return .leave(scope: scope, output: output)
    }
    switch directive {
    case .continue: return following(task.index, in: scope, output)
    case .exit: return .exit(scope: scope, output: output)
    case .end: return .end(output: output)
    case .task(let name):
      guard let position = children(of: scope)?.index(ofTaskNamed: name) else {
        let detail = "'then: \(name)' names no task of the same scope"
        return .fault(activity: scope, Problems.runtime(detail, at: task.reference))
      }
      return .enter(scope: scope, position: position, input: output)
    }
  }

  /// Sets `$context` to what `export.as` makes of the output.
  ///
  /// - Returns: what is wrong with it.
  mutating func exported(
    _ export: ExportTransform?, _ output: JSON, _ variables: VariableScope, _ reference: String
  ) throws(ExpressionError) -> ProblemDetails? {
    guard let export else { return nil }
    guard let template = export.as else {
      // Without `as` the context stays, and still has to be what the schema says.
      return export.schema.flatMap { violation(of: $0, state.context, "context", reference) }
    }
    let context = try template.evaluate(output, variables: variables.value)
    if let problem = problem(with: context, export.schema, "context", reference) { return problem }
    state.context = context
    record(.contextExported(state.contextBytes > options.maxJournalledContextBytes ? Optional.none : context))
    return nil
  }

  func violation(
    of schema: DataSchema, _ data: JSON, _ what: String, _ reference: String
  ) -> ProblemDetails? {
    let violations = schema.violations(of: data)
    guard !violations.isEmpty else { return nil }
    let detail = "the \(what) is not as its schema says: " + violations.joined(separator: "; ")
    return Problems.validation(detail, at: reference)
  }

  private mutating func problem(
    with data: JSON, _ schema: DataSchema?, _ what: String, _ reference: String
  ) -> ProblemDetails? {
    if let detail = unstorable(data, what) { return Problems.validation(detail, at: reference) }
    return schema.flatMap { violation(of: $0, data, what, reference) }
  }

  /// Why this cannot become part of the instance: it could be written, and never be read again.
  mutating func unstorable(_ data: JSON, _ what: String) -> String? {
    guard let bytes = data.approximateBytes(within: options.maxDepth) else {
      return "the \(what) would nest deeper than \(options.maxDepth) levels"
    }
    recordedBytes += bytes
    guard bytes > options.maxStateBytes else { return nil }
    return "the \(what) would have about \(bytes) bytes; the limit is \(options.maxStateBytes)"
  }

  // MARK: The end

  mutating func end(_ output: JSON) -> Move? {
    // The end of a compensation, not of the workflow.
    if state.ending != nil { return nextCompensation() }
    do throws(ExpressionError) {
      let result =
        try definition.output?.as?.evaluate(output, variables: { workflowScope().value($0) }) ?? output
      if let problem = problem(with: result, definition.output?.schema, "output", Self.rootReference) {
        return failedToEnd(output, problem)
      }
      closeAll()
      state.output = result
      conclude(.completed)
      record(.workflowCompleted(output: result))
    } catch {
      return failedToEnd(output, Problems.expression(error.message, at: Self.rootReference))
    }
    return nil
  }

  /// Who retries the workflow then wants its end again.
  private mutating func failedToEnd(_ output: JSON, _ problem: ProblemDetails) -> Move {
    queue.insert(.end(output: output), at: 0)
    return .fault(activity: nil, problem)
  }

  mutating func conclude(_ status: InstanceStatus) {
    state.status = status
    state.activities = []
    state.unfinished = []
    state.compensations = []
    state.ending = nil
    queue = []
  }

  // MARK: Closing

  mutating func remove(_ activity: Int) {
    if let index = state.activityIndex(activity) { state.activities.remove(at: index) }
  }

  /// Gives up everything that is open inside an activity.
  mutating func closeDescendants(of activity: Int) {
    guard let index = state.activityIndex(activity), index + 1 < state.activities.count else { return }
    var inside: Set<Int> = [activity]
    // A parent stands before its children, so one pass finds all.
    for candidate in state.activities[(index + 1)...] {
      if let parent = candidate.parent, inside.contains(parent) { inside.insert(candidate.id) }
    }
    guard inside.count > 1 else { return }
    let closed = state.activities[(index + 1)...].filter { inside.contains($0.id) }
    state.activities.removeAll { $0.id != activity && inside.contains($0.id) }
    for activity in closed.reversed() { recordCancelled(activity) }
  }

  mutating func closeAll() {
    let closed = state.activities
    state.activities = []
    for activity in closed.reversed() { recordCancelled(activity) }
  }

  private mutating func recordCancelled(_ activity: Activity) {
    if activity.isTask { record(.taskCancelled(activity: activity.id, reference: activity.reference)) }
    if case .child(let id) = activity.phase, awaitsEnd(activity) { record(.childCancelled(id)) }
  }
}
