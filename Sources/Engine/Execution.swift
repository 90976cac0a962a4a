import Safeguards
import Values
import Workflow

/// One step under way: takes an instance from one resting state to the next.
///
/// A step is a chain of moves, run by a loop and not by recursion, so that neither nesting nor backward jumps can
/// exhaust the stack, and so that their number can be bounded.
struct Execution {
  /// The reference of the workflow itself.
  static let rootReference = "/"

  let definition: WorkflowDefinition
  let options: EngineOptions
  let admission: CallAdmission
  var state: InstanceState
  let now: Timestamp
  var entries: [JournalEntry] = []
  /// The size of the outputs among the entries.
  var recordedBytes = 0
  /// Moves that wait for the one under way: branches that begin, mostly.
  var queue: [Move] = []
  /// The execution that a task takes up again when an operator retries it.
  var resumed: ResumedCall?

  init(_ engine: Engine, state: InstanceState, now: Timestamp) {
    definition = engine.definition
    options = engine.options
    admission = engine.admission
    self.state = state
    self.now = now
    // A task ends, the next one starts and calls: most steps tell no more.
    entries.reserveCapacity(4)
  }

  // MARK: Inputs

  mutating func begin() {
    record(.workflowStarted)
    enterWorkflow()
  }

  mutating func enterWorkflow() {
    // An empty text in the place of a secret would go out as if it were one.
    if let name = definition.secrets.first(where: { options.secrets[$0] == nil }) {
      let problem = Problems.configuration("there is no secret '\(name)'", at: Self.rootReference)
      return run(from: .fault(activity: nil, problem))
    }
    do throws(ExpressionError) {
      if let timeout = definition.timeout {
        state.deadline = now + (try timeout.evaluate(state.input, variables: { workflowScope().value($0) }))
      }
      if let problem = definition.input?.schema.flatMap({ violation(of: $0, state.input, "input", Self.rootReference) })
      {
        return run(from: .fault(activity: nil, problem))
      }
      let input =
        try definition.input?.from?.evaluate(state.input, variables: { workflowScope().value($0) }) ?? state.input
      let root = open(parent: nil, reference: Self.rootReference, input: input, phase: .sequence(position: 0))
      run(from: .enter(scope: root, position: 0, input: input))
    } catch {
      run(from: .fault(activity: nil, Problems.expression(error.message, at: Self.rootReference)))
    }
  }

  /// - Parameter isDefinite: whether a failure is the processor's own word: it will say the same of this execution again.
  mutating func reply(_ outcome: ReplyOutcome, to requestID: String, isDefinite: Bool = true) -> Disposition {
    guard let (activity, attempt) = parse(requestID) else { return .ignored(.forged) }
    guard let index = Safeguard.holds(.replyOfActivity) ? state.activityIndex(activity) : anyCall else {
      return .ignored(activity < state.nextActivity ? .stale : .forged)
    }
    guard case .requested(var call) = state.activities[index].phase,
      !call.isAnswered,
      call.attempt == attempt || !Safeguard.holds(.replyOfAttempt)
    else {
      return .ignored(.stale)
    }
    switch outcome {
    case .progress(let progress):
      call.progress = progress
      state.activities[index].phase = .requested(call)
    case .completed(let output):
      if isSuspended { markAnswered(index) }
      run(from: .complete(activity: activity, output: output))
    case .failed(let problem, let retryable, let wish):
      failed(index, call, problem, retryable: retryable, wish: wish, isDefinite: isDefinite)
    }
    return .applied
  }

  /// What a reply is taken for where nothing guards it.
  private var anyCall: Int? {
    state.activities.firstIndex { if case .requested = $0.phase { true } else { false } }
  }

  /// Tells what has become of the instance that an activity started.
  ///
  /// - Parameter isLater: what follows from it is left to the next step.
  mutating func child(_ id: UUIDValue, _ outcome: ChildOutcome, isLater: Bool) -> Disposition {
    guard let index = state.activities.firstIndex(where: { $0.phase == .child(id) }) else { return .ignored(.stale) }
    let activity = state.activities[index]
    let isAwaited = awaitsEnd(activity)
    if isAwaited, outcome == .started { return .applied }
    // It waits no longer; there is nothing left to cancel.
    state.activities[index].phase = .sequence(position: 0)
    let next: Move
    switch outcome {
    case .faulted(var problem):
      problem.instance = activity.reference
      next = .fault(activity: activity.id, problem)
    case .completed(let output) where isAwaited: next = .complete(activity: activity.id, output: output)
    case .cancelled where isAwaited:
      next = .fault(activity: activity.id, Problems.runtime("the workflow was cancelled", at: activity.reference))
    case .started, .completed, .cancelled: next = .complete(activity: activity.id, output: activity.input)
    }
    // What a suspended instance was to do waits anyway.
    guard isLater, !isSuspended else {
      run(from: next)
      return .applied
    }
    state.unfinished.append(next)
    settleStatus()
    return .applied
  }

  /// Whether the activity waits for the end of the other instance, and takes it along when it is given up.
  func awaitsEnd(_ activity: Activity) -> Bool {
    guard case .run(let run)? = definition.task(at: activity.reference)?.kind else { return true }
    return run.await
  }

  // MARK: The loop

  mutating func run(from first: Move) { drain(from: first) }

  /// - Parameter first: what comes before all that waits.
  mutating func drain(from first: Move? = nil) {
    if isSuspended, Safeguard.holds(.suspensionHeld) {
      if let first { queue.insert(first, at: 0) }
      return hold()
    }
    var next = first
    var budget = options.maxTransitionsPerStep
    while let move = next ?? (queue.isEmpty ? nil : queue.removeFirst()) {
      budget -= 1
      if budget < 0 || recordedBytes > options.maxStepBytes, case .enter = move {
        return pause(before: move)
      }
      next = perform(move)
    }
    state.unfinishedSteps = 0
    checkSize()
    settleStatus()
  }

  /// The step has done enough: the rest goes into the next one, so that one instance cannot hold up its shard.
  private mutating func pause(before move: Move) {
    // What was left before comes first: one input can move several things, one after another.
    state.unfinished += [move] + queue
    queue = []
    state.unfinishedSteps += 1
    guard state.unfinishedSteps > options.maxStepsWithoutWaiting else {
      checkSize()
      return settleStatus()
    }
    let detail =
      "more than \(options.maxStepsWithoutWaiting * options.maxTransitionsPerStep) tasks ran without waiting for "
      + "anything: a loop?"
    finish(with: Problems.runtime(detail, at: reference(of: move)))
  }

  private func reference(of move: Move) -> String {
    guard case .enter(let scope, let position, _) = move else { return Self.rootReference }
    return task(scope, position)?.reference ?? Self.rootReference
  }

  /// Ends the instance with an error that nothing can catch.
  mutating func finish(with problem: ProblemDetails) {
    endSuspension()
    // What compensates runs within the bounds of every step.
    if let next = perform(.fault(activity: nil, problem)) { queue.insert(next, at: 0) }
    drain()
  }

  mutating func perform(_ move: Move) -> Move? {
    guard !state.status.isTerminal else { return nil }
    return switch move {
    case .enter(let scope, let position, let input): enter(scope, position, input)
    case .leave(let scope, let output): leave(scope, output)
    case .exit(let scope, let output): exit(scope, output)
    case .complete(let activity, let output): complete(activity, output)
    case .end(let output): end(output)
    // Left to this step, and given up before it came: nobody's fault.
    case .fault(let activity?, _) where state.activityIndex(activity) == nil: nil
    case .fault(let activity, let problem): fault(activity, problem)
    }
  }

  /// A state that outgrows its limit would be refused by the store again and again: better a fault that says so.
  mutating func checkSize() {
    // What undoes the instance is let through: it gives its data up one by one.
    guard !state.status.isTerminal, state.ending == nil else { return }
    let bytes = state.dataBytes
    guard bytes > options.maxStateBytes else { return }
    let detail = "the instance's data would be about \(bytes) bytes; the limit is \(options.maxStateBytes)"
    finish(with: Problems.validation(detail, at: Self.rootReference))
  }

  /// `waiting` when nothing but time or an event moves it on (DSL 1.0.3, "Status phases").
  private mutating func settleStatus() {
    guard !state.status.isTerminal else { return }
    let isRunning =
      !state.unfinished.isEmpty
      || state.activities.contains { activity in
        switch activity.phase {
        case .requested, .retrying, .queued, .child: true
        default: false
        }
      }
    state.status = isRunning ? .running : .waiting
  }

  mutating func record(_ entry: JournalEntry) { entries.append(entry) }

  /// Opens an activity; its id is the next one.
  mutating func open(
    parent: Int?, reference: String, input: JSON, rawInput: JSON? = nil, deadline: Timestamp? = nil,
    phase: Activity.Phase
  ) -> Int {
    if let resumed, resumed.reference == reference {
      return reopen(resumed, parent: parent, input: input, rawInput: rawInput, deadline: deadline, phase: phase)
    }
    let id = state.nextActivity
    state.nextActivity += 1
    state.activities.append(
      Activity(
        id: id, parent: parent, reference: reference, startedAt: now, input: input, rawInput: rawInput,
        deadline: deadline, phase: phase))
    return id
  }

  /// The ids are `<instance>.<activity>.<attempt>`: see ``PendingCall/requestID(key:attempt:)``.
  private func parse(_ requestID: String) -> (activity: Int, attempt: Int)? {
    // Once per reply: without making texts of the parts.
    var requestID = requestID
    let found = requestID.withUTF8 { bytes -> (activity: Int, attempt: Int)? in
      guard bytes.count > 37, UUIDValue(ascii: UnsafeBufferPointer(rebasing: bytes[..<36])) == state.id else {
        return nil
      }
      let rest = bytes.dropFirst(36)
      let point = UInt8(ascii: ".")
      guard rest.first == point, let second = rest.dropFirst().firstIndex(of: point) else { return nil }
      guard let activity = Self.number(rest[(rest.startIndex + 1)..<second]),
        let attempt = Self.number(rest[(second + 1)...])
      else { return nil }
      return (activity, attempt)
    }
    guard let found, found.attempt >= 1 else { return nil }
    return found
  }

  /// A whole number as this engine writes it: nothing but digits.
  private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    guard (1...18).contains(digits.count) else { return nil }
    var value = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value
  }
}
