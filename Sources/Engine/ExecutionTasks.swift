import Values
import Workflow

/// What happens to a task: entered, run, completed, faulted.
extension Execution {
  // MARK: Entering

  mutating func enter(_ scope: Int, _ position: Int, _ input: JSON) -> Move? {
    guard let task = task(scope, position) else { return .complete(activity: scope, output: input) }
    if let index = state.activityIndex(scope) { state.activities[index].phase = .sequence(position: position) }
    do throws(ExpressionError) {
      let raw = taskScope(task, input: nil, output: nil, startedAt: now)
      if let condition = task.condition, try !condition.isTrue(input, variables: raw.value) {
        record(.taskSkipped(reference: task.reference))
        return .enter(scope: scope, position: position + 1, input: input)
      }
      let transformed = try task.input?.from?.evaluate(input, variables: raw.value) ?? input
      if task.input?.from != nil, let detail = unstorable(transformed, "input") {
        return failedToStart(task, in: scope, Problems.validation(detail, at: task.reference))
      }
      return try start(task, in: scope, transformed)
    } catch {
      return failedToStart(task, in: scope, Problems.expression(error.message, at: task.reference))
    }
  }

  private mutating func start(
    _ task: TaskDefinition, in scope: Int, _ input: JSON
  ) throws(ExpressionError) -> Move? {
    let variables = taskScope(task, input: input, output: nil, startedAt: now)
    switch task.kind {
    case .set(let template):
      let output = try template.evaluate(input, variables: variables.value)
      let activity = openTask(task, in: scope, input)
      return .complete(activity: activity, output: output)
    case .switch(let cases):
      let directive = try choose(cases, input, variables) ?? task.then
      return try finish(task, openTask(task, in: scope, input), input, directive)
    case .do:
      return .enter(scope: openTask(task, in: scope, input), position: 0, input: input)
    case .call(let call):
      return try startCall(call, task, in: scope, input, variables)
    default: return nil
    }
  }

  private mutating func openTask(_ task: TaskDefinition, in scope: Int, _ input: JSON) -> Int {
    let id = open(parent: scope, reference: task.reference, input: input, phase: .sequence(position: 0))
    record(.taskStarted(activity: id, reference: task.reference))
    return id
  }

  /// The directive of the first case that matches, else that of the default case, wherever it stands.
  private func choose(
    _ cases: [SwitchCase], _ input: JSON, _ variables: VariableScope
  ) throws(ExpressionError) -> FlowDirective? {
    var fallback: FlowDirective?
    for item in cases {
      guard let when = item.when else {
        fallback = fallback ?? item.then
        continue
      }
      if try when.isTrue(input, variables: variables.value) { return item.then }
    }
    return fallback
  }

  // MARK: Calls

  private mutating func startCall(
    _ call: Call, _ task: TaskDefinition, in scope: Int, _ input: JSON, _ variables: VariableScope
  ) throws(ExpressionError) -> Move? {
    let data = try call.with?.evaluate(input, variables: variables.value) ?? .object(JSONObject())
    if let detail = refusal(of: data) {
      return failedToStart(task, in: scope, Problems.validation(detail, at: task.reference))
    }
    let timeout = try task.timeout?.evaluate(input, variables: variables.value) ?? options.callTimeout
    let pending = PendingCall(
      channel: call.channel, attempt: 1, deadline: now + timeout, data: data, progress: nil)
    let activity = openTask(task, in: scope, input)
    if let index = state.activityIndex(activity) { send(index, pending) }
    return nil
  }

  /// Why a processing event cannot have this data.
  private func refusal(of data: JSON) -> String? {
    guard let bytes = data.approximateBytes(within: options.maxRequestDepth) else {
      return "the processing event's data would nest deeper than \(options.maxRequestDepth) levels"
    }
    guard bytes > options.maxRequestBytes else { return nil }
    return "the processing event's data would be about \(bytes) bytes; the limit is \(options.maxRequestBytes)"
  }

  /// Journals the request of `call`'s attempt, and waits for its reply.
  private mutating func send(_ index: Int, _ call: PendingCall) {
    let activity = state.activities[index]
    record(
      .requested(
        Request(
          activity: activity.id, channel: call.channel,
          id: PendingCall.requestID(instance: state.id, activity: activity.id, attempt: call.attempt),
          idempotencyKey: PendingCall.idempotencyKey(instance: state.id, activity: activity.id),
          reference: activity.reference, attempt: call.attempt, deadline: call.deadline, data: call.data)))
    state.activities[index].phase = .requested(call)
  }

  mutating func sendNextAttempt(_ index: Int, _ call: PendingCall) {
    var call = call
    call.attempt += 1
    call.progress = nil
    send(index, call)
  }

  /// A failed attempt is repeated when the processor says that this may help and time allows; else the task faults.
  mutating func failed(
    _ index: Int, _ call: PendingCall, _ problem: ProblemDetails, retryable: Bool, wish: Duration?
  ) {
    let activity = state.activities[index]
    var problem = problem
    problem.instance = activity.reference
    if retryable, let delay = options.retry.delay(afterAttempt: call.attempt, wish: wish),
      now + delay < call.deadline
    {
      let retryAt = now + delay
      record(
        .attemptFailed(
          activity: activity.id, reference: activity.reference, attempt: call.attempt, problem: problem,
          retryAt: retryAt))
      state.activities[index].phase = .retrying(call, retryAt: retryAt)
      return
    }
    run(from: .fault(activity: activity.id, problem))
  }

  // MARK: Completing

  mutating func complete(_ activity: Int, _ output: JSON) -> Move? {
    guard let index = state.activityIndex(activity) else { return nil }
    let open = state.activities[index]
    guard open.parent != nil else { return .end(output: output) }
    guard let task = definition.task(at: open.reference) else {
      let detail = "the definition has no task at \(open.reference)"
      return .fault(activity: activity, Problems.runtime(detail, at: open.reference))
    }
    do throws(ExpressionError) {
      return try finish(task, activity, output, task.then)
    } catch {
      return .fault(activity: activity, Problems.expression(error.message, at: task.reference))
    }
  }

  /// The two data stages after a task (`output.as`, then `export.as` on what that gave), and where the flow goes.
  private mutating func finish(
    _ task: TaskDefinition, _ activity: Int, _ rawOutput: JSON, _ directive: FlowDirective?
  ) throws(ExpressionError) -> Move? {
    guard let index = state.activityIndex(activity), let scope = state.activities[index].parent else { return nil }
    let open = state.activities[index]
    var output = rawOutput
    if let template = task.output?.as {
      let variables = taskScope(task, input: open.input, output: rawOutput, startedAt: open.startedAt)
      output = try template.evaluate(rawOutput, variables: variables.value)
    }
    if let detail = unstorable(output, "output") {
      return .fault(activity: activity, Problems.validation(detail, at: task.reference))
    }
    if let template = task.export?.as {
      let variables = taskScope(task, input: open.input, output: output, startedAt: open.startedAt)
      let context = try template.evaluate(output, variables: variables.value)
      if let detail = unstorable(context, "context") {
        return .fault(activity: activity, Problems.validation(detail, at: task.reference))
      }
      state.context = context
    }
    record(.taskCompleted(activity: activity, reference: task.reference, output: output))
    state.activities.remove(at: index)
    switch directive ?? .continue {
    case .continue: return .enter(scope: scope, position: task.index + 1, input: output)
    case .exit: return .complete(activity: scope, output: output)
    case .end: return .end(output: output)
    case .task(let name):
      guard let position = children(of: scope)?.index(ofTaskNamed: name) else {
        let detail = "'then: \(name)' names no task of the same scope"
        return .fault(activity: scope, Problems.runtime(detail, at: task.reference))
      }
      return .enter(scope: scope, position: position, input: output)
    }
  }

  /// Why this cannot become part of the instance: it could be written, and never be read again.
  private mutating func unstorable(_ data: JSON, _ what: String) -> String? {
    guard let bytes = data.approximateBytes(within: options.maxDepth) else {
      return "the \(what) would nest deeper than \(options.maxDepth) levels"
    }
    recordedBytes += bytes
    guard recordedBytes > options.maxStepBytes else { return nil }
    return "the tasks that ran without waiting gave more than \(options.maxStepBytes) bytes in all"
  }

  mutating func end(_ output: JSON) -> Move? {
    do throws(ExpressionError) {
      let scope = workflowScope(output: output)
      let result = try definition.output?.as?.evaluate(output, variables: scope.value) ?? output
      if let detail = unstorable(result, "output") {
        return .fault(activity: nil, Problems.validation(detail, at: Self.rootReference))
      }
      state.status = .completed
      state.output = result
      state.activities = []
      record(.workflowCompleted(output: result))
      return nil
    } catch {
      return .fault(activity: nil, Problems.expression(error.message, at: Self.rootReference))
    }
  }

  // MARK: Faulting

  /// A task that failed before it ran still gets its two lines in the journal, so that the reader sees which it was.
  private mutating func failedToStart(_ task: TaskDefinition, in scope: Int, _ problem: ProblemDetails) -> Move {
    .fault(activity: openTask(task, in: scope, .null), problem)
  }

  /// The error travels up, scope by scope, closing what it passes. Nothing catches errors yet, so it ends the workflow.
  mutating func fault(_ activity: Int?, _ problem: ProblemDetails) -> Move? {
    var current = activity
    while let id = current, let index = state.activityIndex(id) {
      let open = state.activities[index]
      if open.parent != nil { record(.taskFaulted(activity: id, reference: open.reference, problem: problem)) }
      state.activities.remove(at: index)
      current = open.parent
    }
    state.status = .faulted
    state.error = problem
    state.activities = []
    record(.workflowFaulted(problem: problem))
    return nil
  }

  // MARK: The definition

  func children(of scope: Int) -> TaskScope? {
    guard let index = state.activityIndex(scope) else { return nil }
    let activity = state.activities[index]
    guard activity.parent != nil else { return definition.tasks }
    guard case .do(let tasks)? = definition.task(at: activity.reference)?.kind else { return nil }
    return tasks
  }

  func task(_ scope: Int, _ position: Int) -> TaskDefinition? {
    guard let tasks = children(of: scope), tasks.indices.contains(position) else { return nil }
    return tasks[position]
  }
}
