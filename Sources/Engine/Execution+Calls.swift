import Safeguards
import Values
import Workflow

/// Processing events, and what comes of their replies.
extension Execution {
  mutating func startCall(_ call: Call, _ begun: Begun) throws(ExpressionError) -> Move? {
    let data = try call.with?.evaluate(begun.input, variables: { variable($0, begun) }) ?? .object(JSONObject())
    let task = begun.task
    let bytes = data.approximateBytes(within: options.maxRequestDepth)
    if let detail = refusal(bytes, "processing event's data") {
      return failedToStart(begun, Problems.validation(detail, at: task.reference))
    }
    let timeout = try task.timeout?.evaluate(begun.input, variables: { variable($0, begun) }) ?? options.callTimeout
    let pending = PendingCall(
      channel: call.channel, attempt: resumed.map { $0.call.attempt + 1 } ?? 1, deadline: now + timeout, data: data,
      progress: nil, bytes: bytes)
    let activity = try openTask(begun, hasDeadline: false)
    if let index = state.activityIndex(activity) { send(index, pending) }
    return nil
  }

  mutating func startFunction(_ function: FunctionCall, _ begun: Begun) throws(ExpressionError) -> Move? {
    let data = try function.with?.evaluate(begun.input, variables: { variable($0, begun) }) ?? .object(JSONObject())
    if let detail = unstorable(data, "input of the function") {
      return failedToStart(begun, Problems.validation(detail, at: begun.task.reference))
    }
    return .enter(scope: try openTask(begun), position: 0, input: data)
  }

  /// Why this cannot be published: the broker, or whoever reads it, would refuse it.
  func refusal(of data: JSON, _ what: String) -> String? {
    refusal(data.approximateBytes(within: options.maxRequestDepth), what)
  }

  /// - Parameter bytes: nil where it nests too deep.
  private func refusal(_ bytes: Int?, _ what: String) -> String? {
    guard let bytes else {
      return "the \(what) would nest deeper than \(options.maxRequestDepth) levels"
    }
    guard bytes > options.maxRequestBytes else { return nil }
    return "the \(what) would be about \(bytes) bytes; the limit is \(options.maxRequestBytes)"
  }

  /// Journals the request of `call`'s attempt and waits for its reply; or, where its channel is full, for room there.
  mutating func send(_ index: Int, _ call: PendingCall) {
    guard admission.admits(call.channel) else { return enqueue(index, call) }
    dispatch(index, call)
  }

  private mutating func enqueue(_ index: Int, _ call: PendingCall) {
    var call = call
    call.attempt -= 1
    let activity = state.activities[index]
    record(.callQueued(activity: activity.id, reference: activity.reference, channel: call.channel))
    state.activities[index].phase = .queued(call)
  }

  /// There is room on the channel of a queued call.
  mutating func release(_ activity: Int) -> Disposition {
    guard !isSuspended, let index = state.activityIndex(activity),
      case .queued(var call) = state.activities[index].phase
    else { return .ignored(.stale) }
    call.attempt += 1
    dispatch(index, call)
    return .applied
  }

  private mutating func dispatch(_ index: Int, _ call: PendingCall) {
    let activity = state.activities[index].id
    let key = PendingCall.idempotencyKey(instance: state.id, activity: activity)
    record(
      .requested(
        Request(
          activity: activity, channel: call.channel, id: PendingCall.requestID(key: key, attempt: call.attempt),
          idempotencyKey: key, reference: state.activities[index].reference, attempt: call.attempt,
          deadline: call.deadline, data: call.data)))
    state.activities[index].phase = .requested(call)
  }

  mutating func sendNextAttempt(_ index: Int, _ call: PendingCall) {
    var call = call
    call.attempt += Safeguard.holds(.attemptNumbered) ? 1 : 0
    call.progress = nil
    send(index, call)
    state.status = .running
  }

  /// A failed attempt is repeated when the processor says that this may help and time allows, unless a `try` around it
  /// says what to do about failures; else the task faults.
  mutating func failed(
    _ index: Int, _ call: PendingCall, _ problem: ProblemDetails, retryable: Bool, wish: Duration?,
    isDefinite: Bool
  ) {
    let activity = state.activities[index]
    var problem = problem
    problem.instance = activity.reference
    if retryable, !isTried(activity), let delay = options.retry.delay(afterAttempt: call.attempt, wish: wish),
      now + delay < call.deadline
    {
      let retryAt = now + delay
      record(
        .attemptFailed(
          activity: activity.id, reference: activity.reference, attempt: call.attempt, problem: problem,
          retryAt: retryAt))
      state.activities[index].phase = .retrying(call, retryAt: retryAt)
      drain()
      return
    }
    if isSuspended { markAnswered(index) }
    if isDefinite, !retryable { change(index) { $0.isPutDown = true } }
    run(from: .fault(activity: activity.id, problem))
  }

  /// Whether a `try` around the activity may catch its errors.
  private func isTried(_ activity: Activity) -> Bool {
    var parent = activity.parent
    while let id = parent, let index = state.activityIndex(id) {
      if case .trying(let progress) = state.activities[index].phase, progress.stage == .trying { return true }
      parent = state.activities[index].parent
    }
    return false
  }
}
