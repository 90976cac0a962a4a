import Values
import Workflow

/// What operators do to an instance.
extension Execution {
  mutating func operate(_ operation: Operation, _ reason: String) throws(Refusal) {
    switch operation {
    case .suspend: try suspend(reason)
    case .resume: try resume(reason)
    case .cancel(let compensating): try cancelOnce(reason, compensating: compensating)
    case .retry: try retry(reason)
    case .rerun(let start): try rerun(start, reason)
    case .skip(let task, let output): try skip(task, output, reason)
    case .override(let target, let data): try override(target, data, reason)
    }
  }

  // MARK: Suspend and resume

  var isSuspended: Bool { state.status == .suspended }

  /// Stops the instance's own time. What arrives meanwhile is taken and moves nothing on: replies and ends of other
  /// workflows rest as moves that ``resume(_:)`` makes, events are consumed by what listens. Nothing is due. A
  /// processing event that is out is not called back: its deadline as its processor knows it stays, and its reply is
  /// taken for as long as the instance is suspended.
  private mutating func suspend(_ reason: String) throws(Refusal) {
    if let suspension = state.suspension {
      throw Refusal("the instance is suspended already, since \(suspension.since.rfc3339); resume it or cancel it")
    }
    try mustBeOpen("suspended")
    state.suspension = Suspension(since: now, reason: reason, isPending: state.status == .pending)
    state.status = .suspended
    record(.workflowSuspended(reason: reason))
  }

  /// Goes on where the instance stood: everything that is due comes later by the time that it was suspended.
  private mutating func resume(_ reason: String) throws(Refusal) {
    guard let suspension = state.suspension, isSuspended else {
      throw Refusal("the instance is not suspended but \(state.status.rawValue); there is nothing to resume")
    }
    endSuspension()
    record(.workflowResumed(reason: reason))
    guard !suspension.isPending else {
      state.status = .pending
      return
    }
    let pause = max(now - suspension.since, .zero)
    state.deadline = state.deadline.map { $0 + pause }
    for index in state.activities.indices { state.activities[index].postpone(by: pause) }
    queue = state.unfinished
    state.unfinished = []
    drain()
  }

  mutating func endSuspension() {
    guard isSuspended else { return }
    state.suspension = nil
    state.status = .running
  }

  /// What a suspended instance was to do waits until it is resumed.
  mutating func hold() {
    state.unfinished += queue
    queue = []
    checkSize()
  }

  /// A second reply to the same attempt must not find it open.
  mutating func markAnswered(_ index: Int) { change(index) { $0.isAnswered = true } }

  mutating func change(_ index: Int, _ body: (inout PendingCall) -> Void) {
    guard case .requested(var call) = state.activities[index].phase else { return }
    body(&call)
    state.activities[index].phase = .requested(call)
  }

  // MARK: Cancel

  private mutating func cancelOnce(_ reason: String, compensating: Bool) throws(Refusal) {
    try mustBeOpen("cancelled")
    if compensating, state.ending != nil {
      throw Refusal("the instance is being compensated already; cancel it without compensation to stop that")
    }
    cancel(reason, compensating: compensating)
  }

  // MARK: Override

  private mutating func override(_ target: OverrideTarget, _ data: JSON, _ reason: String) throws(Refusal) {
    try mustBeStorable(data, "data")
    switch target {
    case .context:
      if state.status.isTerminal { _ = try failedCheckpoint("no task would see another context") }
      try mustHaveBegun()
      record(.operated(.override(.context, data), reason: reason))
      state.context = data
    case .input(let task) where state.status == .faulted: try overrideFailed(task, data, reason)
    case .input(let task): try overridePausing(task, data, reason)
    }
    let bytes = state.dataBytes + (state.checkpoint?.approximateBytes ?? 0)
    guard bytes <= options.maxStateBytes else {
      throw Refusal("the instance's data would be about \(bytes) bytes with it; the limit is \(options.maxStateBytes)")
    }
  }

  private mutating func overrideFailed(_ task: String?, _ data: JSON, _ reason: String) throws(Refusal) {
    var checkpoint = try failedCheckpoint("no input is needed any more")
    guard let failed = checkpoint.failedActivity, failed.isTask,
      let index = checkpoint.activities.place(of: failed.id)
    else { throw Refusal("no single task has failed, so there is no input to replace; retry the instance as it is") }
    try mustName(failed, task)
    record(.operated(.override(.input(task: failed.reference), data), reason: reason))
    checkpoint.activities[index] = failed.with(input: data)
    state.checkpoint = checkpoint
  }

  private mutating func overridePausing(_ task: String?, _ data: JSON, _ reason: String) throws(Refusal) {
    try mustBeOpen("given another input")
    let pausing = state.activities.filter { $0.isPausing && (task == nil || $0.reference == task) }
    guard let activity = pausing.first, pausing.count == 1, let index = state.activityIndex(activity.id),
      let definition = definition.task(at: activity.reference), let scope = activity.parent
    else {
      let which = pausing.isEmpty ? task.map { "the task \($0) is not what" } ?? "no task" : "more than one task"
      throw Refusal(
        "\(which) pauses before its next attempt: only there can an input still be replaced"
          + (pausing.count > 1 ? "; name the task" : "; replace the context, or suspend the instance and skip the task")
      )
    }
    record(.operated(.override(.input(task: activity.reference), data), reason: reason))
    do throws(ExpressionError) {
      let raw = taskScope(definition, in: scope, rawInput: data, startedAt: activity.startedAt)
      if let problem = definition.input?.schema.flatMap({ violation(of: $0, data, "input", activity.reference) }) {
        throw Refusal.expression(problem.detail ?? "")
      }
      let input = try definition.input?.from?.evaluate(data, variables: raw.value) ?? data
      let variables = taskScope(
        definition, in: scope, rawInput: data, input: input, startedAt: activity.startedAt)
      state.activities[index] = activity.with(input: input, rawInput: input == data ? Optional.none : data)
      guard case .call(let asked) = definition.kind else { return }
      let sent = try asked.with?.evaluate(input, variables: variables.value) ?? .object(JSONObject())
      if let detail = refusal(of: sent, "processing event's data") { throw Refusal.expression(detail) }
      switch activity.phase {
      case .retrying(let call, let retryAt):
        state.activities[index].phase = .retrying(call.asking(sent), retryAt: retryAt)
      case .queued(let call): state.activities[index].phase = .queued(call.asking(sent))
      default: return
      }
    } catch {
      throw Refusal("the task cannot take this input: \(error.message)")
    }
  }

  // MARK: Refusals

  func mustBeOpen(_ what: String) throws(Refusal) {
    guard state.status.isTerminal else { return }
    throw Refusal("the instance has ended as \(state.status.rawValue) and cannot be \(what) any more")
  }

  func mustHaveBegun() throws(Refusal) {
    guard state.status == .pending || state.suspension?.isPending == true else { return }
    throw Refusal("the instance has not begun: it waits for those before it with the same order key")
  }

  func mustNotBeSuspended() throws(Refusal) {
    guard isSuspended else { return }
    throw Refusal("the instance is suspended, and nothing of it may start; resume it first")
  }

  func mustBeStorable(_ data: JSON, _ what: String) throws(Refusal) {
    guard let bytes = data.approximateBytes(within: options.maxDepth) else {
      throw Refusal("the \(what) nests deeper than \(options.maxDepth) levels")
    }
    guard bytes <= options.maxStateBytes else {
      throw Refusal("the \(what) has about \(bytes) bytes; the limit is \(options.maxStateBytes)")
    }
  }

  /// An operator who names a task means that one.
  func mustName(_ failed: Activity, _ task: String?) throws(Refusal) {
    guard let task, task != failed.reference else { return }
    throw Refusal("the task that failed is \(failed.reference), not \(task)")
  }

  /// - Parameter otherwise: why there is nothing to do for an instance that has ended well.
  func failedCheckpoint(_ otherwise: String) throws(Refusal) -> Checkpoint {
    guard state.status == .faulted else {
      throw Refusal(
        "the instance has ended as \(state.status.rawValue): \(otherwise); rerun it from a task, or replay its event")
    }
    guard let checkpoint = state.checkpoint else {
      throw Refusal(
        "there is nothing to go on from: what had completed was compensated, or the instance was given up, or its data "
          + "was too large to be kept (the limit is \(options.maxStateBytes) bytes); rerun it from a task, or replay "
          + "its event")
    }
    return checkpoint
  }
}

extension Refusal {
  /// For a place where only errors of expressions may be thrown.
  fileprivate static func expression(_ detail: String) -> ExpressionError {
    ExpressionError(code: .evaluation, message: detail, location: nil)
  }
}

extension PendingCall {
  /// The same call with other data.
  fileprivate func asking(_ data: JSON) -> PendingCall {
    PendingCall(channel: channel, attempt: attempt, deadline: deadline, data: data, progress: nil)
  }
}

extension Activity {
  /// Whether it pauses before its next attempt, or has to.
  var isPausing: Bool {
    switch phase {
    case .retrying, .queued: true
    case .trying(let progress): if case .pausing = progress.stage { true } else { false }
    default: false
    }
  }

  func with(input: JSON, rawInput: JSON? = nil) -> Activity {
    var copy = Activity(
      id: id, parent: parent, reference: reference, startedAt: startedAt, input: input, rawInput: rawInput,
      deadline: deadline, phase: phase)
    copy.postponedBy = postponedBy
    return copy
  }

  /// Everything that is due comes later.
  ///
  /// - Parameter withPauses: whether also that which is waited for, and not only what it may last.
  mutating func postpone(by pause: Duration, withPauses: Bool = true) {
    postponedBy += pause
    deadline = deadline.map { $0 + pause }
    switch phase {
    case .requested(var call):
      call.deadline = call.deadline + pause
      phase = .requested(call)
    case .queued(var call):
      call.deadline = call.deadline + pause
      phase = .queued(call)
    case .retrying(var call, let retryAt):
      call.deadline = call.deadline + pause
      phase = .retrying(call, retryAt: withPauses ? retryAt + pause : retryAt)
    case .waiting(let until): if withPauses { phase = .waiting(until: until + pause) }
    case .trying(var progress):
      progress.attemptDeadline = progress.attemptDeadline.map { $0 + pause }
      if withPauses, case .pausing(let until) = progress.stage { progress.stage = .pausing(until: until + pause) }
      phase = .trying(progress)
    case .sequence, .loop, .fork, .branch, .listening, .child, .extended, .compensating: return
    }
  }
}
