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
  var state: InstanceState
  let now: Timestamp
  var entries: [JournalEntry] = []
  /// The size of the outputs among the entries.
  var recordedBytes = 0

  init(definition: WorkflowDefinition, options: EngineOptions, state: InstanceState, now: Timestamp) {
    self.definition = definition
    self.options = options
    self.state = state
    self.now = now
  }

  /// What is to be done next within the step.
  enum Move {
    /// Run the task at `position` of the scope that the activity `scope` runs.
    case enter(scope: Int, position: Int, input: JSON)
    /// The activity has its raw output.
    case complete(activity: Int, output: JSON)
    /// The workflow ends here, whatever scope it is in.
    case end(output: JSON)
    /// The error travels up from this activity (nil: from outside every scope).
    case fault(activity: Int?, ProblemDetails)
  }

  // MARK: Inputs

  mutating func begin() {
    record(.workflowStarted)
    do throws(ExpressionError) {
      let scope = workflowScope()
      if let timeout = definition.timeout {
        state.deadline = now + (try timeout.evaluate(state.input, variables: scope.value))
      }
      let input = try definition.input?.from?.evaluate(state.input, variables: scope.value) ?? state.input
      let root = open(parent: nil, reference: Self.rootReference, input: input, phase: .sequence(position: 0))
      run(from: .enter(scope: root, position: 0, input: input))
    } catch {
      run(from: .fault(activity: nil, Problems.expression(error.message, at: Self.rootReference)))
    }
  }

  mutating func reply(_ outcome: ReplyOutcome, to requestID: String) -> Disposition {
    guard let (activity, attempt) = parse(requestID) else { return .ignored(.forged) }
    guard let index = state.activityIndex(activity) else {
      return .ignored(activity < state.nextActivity ? .stale : .forged)
    }
    guard case .requested(var call) = state.activities[index].phase, call.attempt == attempt else {
      return .ignored(.stale)
    }
    switch outcome {
    case .progress(let progress):
      call.progress = progress
      state.activities[index].phase = .requested(call)
    case .completed(let output):
      run(from: .complete(activity: activity, output: output))
    case .failed(let problem, let retryable, let wish):
      failed(index, call, problem, retryable: retryable, wish: wish)
    }
    return .applied
  }

  mutating func wake() -> Disposition {
    if let deadline = state.deadline, deadline <= now {
      let problem = Problems.timeout("the workflow did not end within its timeout", at: Self.rootReference)
      run(from: .fault(activity: nil, problem))
      return .applied
    }
    // Each due activity is looked up again: the one before it may have ended the instance.
    let due = state.activities.filter { $0.dueAt.map { $0 <= now } ?? false }.map(\.id)
    for id in due {
      guard let index = state.activityIndex(id) else { continue }
      wake(index)
    }
    return due.isEmpty ? .ignored(.early) : .applied
  }

  private mutating func wake(_ index: Int) {
    let activity = state.activities[index]
    switch activity.phase {
    case .sequence:
      return
    case .requested(let call), .retrying(let call, _):
      if call.deadline <= now {
        let problem = Problems.timeout(
          "no result from channel '\(call.channel)' by \(call.deadline.rfc3339)", at: activity.reference)
        run(from: .fault(activity: activity.id, problem))
      } else {
        sendNextAttempt(index, call)
      }
    }
  }

  // MARK: The loop

  mutating func run(from first: Move) {
    var next: Move? = first
    var budget = options.maxTransitionsPerStep
    while let move = next {
      budget -= 1
      if budget < 0, case .enter(let scope, let position, _) = move {
        let reference = task(scope, position)?.reference ?? Self.rootReference
        let detail = "more than \(options.maxTransitionsPerStep) tasks ran without waiting for anything: a loop?"
        next = .fault(activity: scope, Problems.runtime(detail, at: reference))
        continue
      }
      next = perform(move)
    }
    checkSize()
  }

  private mutating func perform(_ move: Move) -> Move? {
    switch move {
    case .enter(let scope, let position, let input): enter(scope, position, input)
    case .complete(let activity, let output): complete(activity, output)
    case .end(let output): end(output)
    case .fault(let activity, let problem): fault(activity, problem)
    }
  }

  /// A state that outgrows its limit would be refused by the store again and again: better a fault that says so.
  private mutating func checkSize() {
    guard !state.status.isTerminal else { return }
    let bytes = state.context.approximateBytes + state.activities.reduce(0) { $0 + $1.input.approximateBytes }
    guard bytes > options.maxStateBytes else { return }
    let detail = "the instance's data would be about \(bytes) bytes; the limit is \(options.maxStateBytes)"
    var next: Move? = .fault(activity: nil, Problems.validation(detail, at: Self.rootReference))
    while let move = next { next = perform(move) }
  }

  mutating func record(_ entry: JournalEntry) { entries.append(entry) }

  /// Opens an activity; its id is the next one.
  mutating func open(parent: Int?, reference: String, input: JSON, phase: Activity.Phase) -> Int {
    let id = state.nextActivity
    state.nextActivity += 1
    state.activities.append(
      Activity(id: id, parent: parent, reference: reference, startedAt: now, input: input, phase: phase))
    return id
  }

  /// The ids are `<instance>.<activity>.<attempt>`: see ``PendingCall/requestID(instance:activity:attempt:)``.
  private func parse(_ requestID: String) -> (activity: Int, attempt: Int)? {
    let parts = requestID.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == state.id.text, let activity = Int(parts[1]), let attempt = Int(parts[2]),
      activity >= 0, attempt >= 1
    else { return nil }
    return (activity, attempt)
  }
}
