import Values
import Workflow

/// A call that an operator retries as the same execution: its effect may have happened, and must not happen twice.
struct ResumedCall {
  let reference: String
  let activity: Int
  let call: PendingCall
}

/// A faulted instance goes on: what was open when its error passed is open again.
extension Execution {
  /// What is open when an error begins to travel up from an activity, for who wants to go on from there.
  ///
  /// - Returns: nil when it would not fit into a state.
  func checkpoint(_ failed: Int?, _ open: [Activity]) -> Checkpoint? {
    var failed = failed
    while let id = failed, let index = open.place(of: id), !open[index].isTask, let parent = open[index].parent {
      failed = parent
    }
    var inside: Set<Int> = []
    var activities: [Activity] = []
    for activity in open {
      // The failed task begins anew, and all that is in it.
      if let parent = activity.parent, parent == failed || inside.contains(parent) {
        inside.insert(activity.id)
      } else {
        activities.append(activity)
      }
    }
    let isUndoing = state.ending != nil
    let checkpoint = Checkpoint(
      at: now, activities: activities, moves: state.unfinished + queue, failed: failed,
      compensations: isUndoing ? state.compensations : [], ending: state.ending, error: isUndoing ? state.error : nil)
    return checkpoint.approximateBytes + state.contextBytes > options.maxStateBytes ? nil : checkpoint
  }

  // MARK: Retry

  /// Runs the failed task again with its raw input, and what was open beside it goes on:
  ///
  /// - A failed call whose effect may have happened (it timed out, it could not be delivered, or its result was of no
  ///   use) is asked for as the next attempt of the same execution, under the same idempotency key. Once a processor has
  ///   said that it failed for good, it would say so again: the task becomes a new execution.
  /// - Open calls go out as their next attempt. Waits and pauses keep their moment. What listened listens again.
  ///   Workflows that were run were cancelled, and are started anew.
  /// - Timeouts count the time that the instance was ended as no time; calls and the workflow have their full one again.
  ///
  /// Of an instance that failed to compensate, the failed compensation goes on, and those that were left follow.
  mutating func retry(_ reason: String) throws(Refusal) {
    try mustHaveBegun()
    try mustNotBeSuspended()
    guard state.status.isTerminal else { return try retryPausing(reason) }
    let checkpoint = try failedCheckpoint("no task of it has failed")
    record(.operated(.retry, reason: reason))
    guard !checkpoint.isBeforeStart else {
      reset()
      return enterWorkflow()
    }
    guard let failed = checkpoint.failedActivity else {
      try reopen(checkpoint)
      return drain()
    }
    guard let scope = failed.parent else { return try retryScope(failed, checkpoint) }
    try reopen(checkpoint)
    remove(failed.id)
    guard let position = position(of: failed.reference, in: scope) else {
      throw Refusal("the definition has no task at \(failed.reference); rerun the instance from another task")
    }
    resumed = failed.resumable
    let next = perform(.enter(scope: scope, position: position, input: failed.rawInput ?? failed.input))
    resumed = nil
    if let next { queue.insert(next, at: 0) }
    drain()
  }

  /// The scope of a compensation runs again; that of the workflow is everything.
  private mutating func retryScope(_ failed: Activity, _ checkpoint: Checkpoint) throws(Refusal) {
    guard checkpoint.ending != nil else {
      throw Refusal("it was no single task that failed; rerun the instance from a task")
    }
    try reopen(checkpoint)
    run(from: .enter(scope: failed.id, position: 0, input: failed.input))
  }

  private mutating func retryPausing(_ reason: String) throws(Refusal) {
    let pausing = state.activities.filter(\.isPausing).map(\.id)
    guard !pausing.isEmpty else {
      throw Refusal(
        "the instance is \(state.status.rawValue), and no task of it pauses before its next attempt; wait, or skip the "
          + "task that is open, or rerun the instance from a task")
    }
    record(.operated(.retry, reason: reason))
    for id in pausing {
      guard let index = state.activityIndex(id) else { continue }
      switch state.activities[index].phase {
      case .retrying(let call, _), .queued(let call): sendNextAttempt(index, call)
      case .trying(let progress): wakeTry(state.activities[index], progress)
      default: continue
      }
    }
  }

  // MARK: Skip

  mutating func skip(_ task: String?, _ output: JSON, _ reason: String) throws(Refusal) {
    try mustHaveBegun()
    try mustBeStorable(output, "output")
    guard !state.status.isTerminal else { return try skipFailed(task, output, reason) }
    let open = state.activities.filter(\.isTask)
    guard let task else {
      let names = open.map(\.reference).joined(separator: ", ")
      throw Refusal("the instance is \(state.status.rawValue); name the open task to skip, of: \(names)")
    }
    let named = open.filter { $0.reference == task }
    guard let activity = named.first, let index = state.activityIndex(activity.id) else {
      throw Refusal("no task \(task) is open; these are: \(open.map(\.reference).joined(separator: ", "))")
    }
    guard named.count == 1 else { throw Refusal("\(task) is open \(named.count) times at once; skip a task around it") }
    record(.operated(.skip(task: task, output: output), reason: reason))
    switch activity.phase {
    case .child(let child):
      record(.childCancelled(child))
      state.activities[index].phase = .sequence(position: 0)
    case .requested(var call), .retrying(var call, _), .queued(var call):
      guard !call.isAnswered else { throw Refusal("\(task) has its result already; resume the instance") }
      call.isAnswered = true
      state.activities[index].phase = .requested(call)
    case .listening(var progress):
      progress.isClosed = true
      state.activities[index].phase = .listening(progress)
    default: break
    }
    run(from: .complete(activity: activity.id, output: output))
  }

  private mutating func skipFailed(_ task: String?, _ output: JSON, _ reason: String) throws(Refusal) {
    let checkpoint = try failedCheckpoint("no task of it has failed")
    guard let failed = checkpoint.failedActivity, let scope = failed.parent else {
      throw Refusal("no single task has failed, so there is none to skip; retry the instance, or rerun it from a task")
    }
    try mustName(failed, task)
    record(.operated(.skip(task: failed.reference, output: output), reason: reason))
    try reopen(checkpoint)
    if let position = position(of: failed.reference, in: scope), self.task(scope, position)?.extended != nil {
      throw Refusal("the 'if' of \(failed.reference) could not be evaluated; replace the context, then retry")
    }
    record(.taskReopened(activity: failed.id, reference: failed.reference))
    run(from: .complete(activity: failed.id, output: output))
  }

  // MARK: Opening again

  /// The instance is as it was when its error began to travel up; its error may still come from expressions of timeouts.
  private mutating func reopen(_ checkpoint: Checkpoint) throws(Refusal) {
    reset()
    (state.ending, state.error, state.compensations) = (checkpoint.ending, checkpoint.error, checkpoint.compensations)
    state.activities = checkpoint.activities
    queue = checkpoint.moves
    let pause = max(now - checkpoint.at, .zero)
    for index in state.activities.indices { state.activities[index].postpone(by: pause, withPauses: false) }
    do throws(ExpressionError) {
      if state.ending == nil { try renewDeadline() }
      for activity in state.activities where activity.id != checkpoint.failed { try reopen(activity) }
    } catch {
      throw Refusal("a timeout cannot be evaluated: \(error.message)")
    }
  }

  private mutating func reopen(_ activity: Activity) throws(ExpressionError) {
    guard let index = state.activityIndex(activity.id) else { return }
    if case .child = activity.phase, let scope = activity.parent {
      guard let position = position(of: activity.reference, in: scope) else { return }
      state.activities.remove(at: index)
      return queue.append(.enter(scope: scope, position: position, input: activity.rawInput ?? activity.input))
    }
    if activity.isTask { record(.taskReopened(activity: activity.id, reference: activity.reference)) }
    switch activity.phase {
    case .requested(var call) where !call.isAnswered:
      call.deadline = try callDeadline(of: activity)
      sendNextAttempt(index, call)
    case .queued(var call):
      call.deadline = try callDeadline(of: activity)
      sendNextAttempt(index, call)
    case .retrying(var call, let retryAt):
      call.deadline = try callDeadline(of: activity)
      state.activities[index].phase = .retrying(call, retryAt: retryAt)
    default: return
    }
  }

  private func callDeadline(of activity: Activity) throws(ExpressionError) -> Timestamp {
    guard let task = definition.task(at: activity.reference), let timeout = task.timeout, let scope = activity.parent
    else { return now + options.callTimeout }
    let variables = taskScope(task, in: scope, of: activity)
    return now + (try timeout.evaluate(activity.input, variables: variables.value))
  }

  /// The workflow has its full timeout again.
  mutating func renewDeadline() throws(ExpressionError) {
    state.deadline = nil
    guard let timeout = definition.timeout else { return }
    state.deadline = now + (try timeout.evaluate(state.input, variables: workflowScope().value))
  }

  /// Nothing of how the instance ended is left.
  mutating func reset() {
    state.status = .running
    (state.output, state.error, state.ending, state.checkpoint) = (nil, nil, nil, nil)
    (state.activities, state.unfinished, queue) = ([], [], [])
    state.unfinishedSteps = 0
  }

  /// The place of the task, or of the extensions around it, among those of a scope.
  func position(of reference: String, in scope: Int) -> Int? {
    children(of: scope)?.firstIndex { ($0.extended ?? $0).reference == reference }
  }

  /// Opens the execution of a call again, at the place that its id gives it.
  mutating func reopen(
    _ resumed: ResumedCall, parent: Int?, input: JSON, rawInput: JSON?, deadline: Timestamp?, phase: Activity.Phase
  ) -> Int {
    let place = state.activities.firstIndex { $0.id > resumed.activity } ?? state.activities.endIndex
    state.activities.insert(
      Activity(
        id: resumed.activity, parent: parent, reference: resumed.reference, startedAt: now, input: input,
        rawInput: rawInput, deadline: deadline, phase: phase), at: place)
    return resumed.activity
  }
}

extension Checkpoint {
  /// Whether the instance failed before any of its tasks was reached.
  var isBeforeStart: Bool { activities.isEmpty && moves.isEmpty && failed == nil && ending == nil }
}

extension Activity {
  fileprivate var resumable: ResumedCall? {
    switch phase {
    case .requested(let call), .retrying(let call, _), .queued(let call):
      call.isPutDown ? nil : ResumedCall(reference: reference, activity: id, call: call)
    default: nil
    }
  }
}
