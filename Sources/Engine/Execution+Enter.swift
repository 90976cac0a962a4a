import Values
import Workflow

/// A task begins.
extension Execution {
  mutating func enter(_ scope: Int, _ position: Int, _ input: JSON) -> Move? {
    guard let index = state.activityIndex(scope) else { return nil }
    guard let task = task(scope, position) else { return .leave(scope: scope, output: input) }
    if case .sequence = state.activities[index].phase { state.activities[index].phase = .sequence(position: position) }
    // The journal and errors speak of the task, not of what extensions put around it.
    let reference = (task.extended ?? task).reference
    do throws(ExpressionError) {
      // Made where an expression asks for it: most tasks have none here.
      func raw() -> VariableScope { taskScope(task, in: scope, rawInput: input, startedAt: now) }
      if let condition = task.condition, try !condition.isTrue(input, variables: raw().value) {
        record(.taskSkipped(reference: reference))
        return following(position, in: scope, input)
      }
      if let problem = task.input?.schema.flatMap({ violation(of: $0, input, "input", task.reference) }) {
        return failedToStart(task, in: scope, input, problem)
      }
      guard let from = task.input?.from else { return try start(task, in: scope, input, nil) }
      let transformed = try from.evaluate(input, variables: raw().value)
      if let detail = unstorable(transformed, "input") {
        return failedToStart(task, in: scope, input, Problems.validation(detail, at: task.reference))
      }
      // A bare `nil` would be the JSON null.
      return try start(task, in: scope, transformed, transformed == input ? Optional.none : input)
    } catch {
      return failedToStart(task, in: scope, input, Problems.expression(error.message, at: reference))
    }
  }

  /// - Parameter rawInput: what the task got before `input.from`, where that was another.
  private mutating func start(
    _ task: TaskDefinition, in scope: Int, _ input: JSON, _ rawInput: JSON?
  ) throws(ExpressionError) -> Move? {
    let begun = Begun(task: task, scope: scope, input: input, rawInput: rawInput)
    switch task.kind {
    case .set(let template):
      let output = try template.evaluate(input, variables: { variable($0, begun) })
      return .complete(activity: try openTask(begun), output: output)
    case .switch(let cases):
      let directive = try choose(cases, begun) ?? task.then
      return ended(task, try openTask(begun), input, directive)
    case .do:
      return .enter(scope: try openTask(begun), position: 0, input: input)
    case .call(let call): return try startCall(call, begun)
    case .function(let function): return try startFunction(function, begun)
    case .for(let loop): return try startLoop(loop, begun)
    case .fork(let fork): return try startFork(fork, begun)
    case .try(let attempt): return try startTry(attempt, begun)
    case .raise(let error): return try raise(error, begun)
    case .wait(let duration): return try startWait(duration, begun)
    case .emit(let emission): return try emit(emission, begun)
    case .listen(let listen): return try startListening(listen, begun)
    case .run(let run): return try startChild(run, begun)
    case .extended(let extended): return try startExtended(extended, begun)
    }
  }

  /// A task whose data stages before its own work are done.
  struct Begun {
    let task: TaskDefinition
    let scope: Int
    let input: JSON
    let rawInput: JSON?
  }

  /// The value of a variable where a task's own work begins. The scope is made for each question: most tasks ask none,
  /// and while a scope is there, a change of the activities has to copy them all.
  func variable(_ name: String, _ begun: Begun) -> JSON? {
    taskScope(
      begun.task, in: begun.scope, rawInput: begun.rawInput ?? begun.input, input: begun.input, startedAt: now
    ).value(name)
  }

  mutating func openTask(
    _ begun: Begun, phase: Activity.Phase = .sequence(position: 0), hasDeadline: Bool = true
  ) throws(ExpressionError) -> Int {
    let task = begun.task
    var deadline: Timestamp?
    if hasDeadline, let timeout = task.timeout {
      deadline = now + (try timeout.evaluate(begun.input, variables: { variable($0, begun) }))
    }
    let id = open(
      parent: begun.scope, reference: task.reference, input: begun.input, rawInput: begun.rawInput,
      deadline: deadline, phase: phase)
    if case .extended = phase { return id }
    recordStarted(id, task.reference)
    return id
  }

  /// A task that failed before it ran still gets its two lines in the journal, so that the reader sees which it was.
  mutating func failedToStart(
    _ task: TaskDefinition, in scope: Int, _ rawInput: JSON, _ problem: ProblemDetails
  ) -> Move {
    let reference = (task.extended ?? task).reference
    // An execution that was taken up again has been asked for before, and is still the same.
    let phase = resumed.map { Activity.Phase.requested($0.call) } ?? .sequence(position: 0)
    let id = open(parent: scope, reference: reference, input: rawInput, phase: phase)
    recordStarted(id, reference)
    return .fault(activity: id, problem)
  }

  mutating func failedToStart(_ begun: Begun, _ problem: ProblemDetails) -> Move {
    failedToStart(begun.task, in: begun.scope, begun.rawInput ?? begun.input, problem)
  }

  private mutating func recordStarted(_ id: Int, _ reference: String) {
    record(
      resumed == nil
        ? .taskStarted(activity: id, reference: reference) : .taskReopened(activity: id, reference: reference))
  }

  /// The directive of the first case that matches, else that of the default case, wherever it stands.
  private func choose(
    _ cases: [SwitchCase], _ begun: Begun
  ) throws(ExpressionError) -> FlowDirective? {
    var fallback: FlowDirective?
    for item in cases {
      guard let when = item.when else {
        fallback = fallback ?? item.then
        continue
      }
      if try when.isTrue(begun.input, variables: { variable($0, begun) }) { return item.then }
    }
    return fallback
  }

  private mutating func raise(_ error: RaisedError, _ begun: Begun) throws(ExpressionError) -> Move? {
    func text(_ template: Template?) throws(ExpressionError) -> String? {
      guard let result = try template?.evaluate(begun.input, variables: { variable($0, begun) }), !result.isNull
      else { return nil }
      return result.string ?? result.text
    }
    let problem = ProblemDetails(
      type: try text(error.type) ?? "about:blank", status: error.status, title: try text(error.title),
      detail: try text(error.detail), instance: begun.task.reference)
    return .fault(activity: try openTask(begun), problem)
  }

  private mutating func startWait(_ duration: DurationValue, _ begun: Begun) throws(ExpressionError) -> Move? {
    let duration = try duration.evaluate(begun.input, variables: { variable($0, begun) })
    let activity = try openTask(begun, phase: .waiting(until: now + duration))
    return duration > .zero ? nil : .complete(activity: activity, output: begun.input)
  }

  private mutating func startChild(_ run: WorkflowRun, _ begun: Begun) throws(ExpressionError) -> Move? {
    let input = try run.input?.evaluate(begun.input, variables: { variable($0, begun) }) ?? begun.input
    let id = UUIDValue(digestOf: "\(state.id.text).\(state.nextActivity)")
    let activity = try openTask(begun, phase: .child(id))
    if let detail = unstorable(input, "input of the other workflow") {
      // There is nothing to cancel.
      if let index = state.activityIndex(activity) { state.activities[index].phase = .sequence(position: 0) }
      return .fault(activity: activity, Problems.validation(detail, at: begun.task.reference))
    }
    record(
      .childStarted(
        ChildStart(
          activity: activity, reference: begun.task.reference, id: id, namespace: run.namespace, name: run.name,
          version: run.version, input: input, isAwaited: run.await)))
    // Whether there is such a workflow, only the mediator knows: see ``ChildOutcome``.
    return nil
  }
}
