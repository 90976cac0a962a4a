import Values
import Workflow

/// Errors: how they travel up, and who catches them.
extension Execution {
  /// The error travels up, scope by scope, closing what it passes, until a `try` catches it or the workflow ends.
  mutating func fault(_ activity: Int?, _ problem: ProblemDetails) -> Move? {
    // What was given up since the error was told has no error any more.
    if let activity, state.activityIndex(activity) == nil { return nil }
    let open = state.activities
    var problem = problem
    var current = activity
    while let id = current, let index = state.activityIndex(id) {
      let open = state.activities[index]
      // A task's own timeout, or a bad `catch`, is nothing that the task itself could catch.
      if id != activity, case .trying(let progress) = open.phase, progress.stage == .trying {
        switch attempt(open, progress, problem) {
        case .caught(let move): return move
        case .passed(let next): problem = next
        }
      }
      closeDescendants(of: id)
      if case .child(let child) = open.phase, awaitsEnd(open) { record(.childCancelled(child)) }
      if open.isTask { record(.taskFaulted(activity: id, reference: open.reference, problem: problem)) }
      remove(id)
      current = open.parent
    }
    return fail(problem, at: activity, open)
  }

  /// - Parameter open: what was open when the error began to travel up.
  private mutating func fail(_ problem: ProblemDetails, at failed: Int?, _ open: [Activity]) -> Move? {
    let checkpoint = checkpoint(failed, open)
    state.unfinished = []
    queue = []
    closeAll()
    if state.ending != nil { return failedToCompensate(problem, checkpoint) }
    state.error = problem
    if let move = compensate(.faulted) { return move }
    conclude(.faulted)
    state.checkpoint = checkpoint
    record(.workflowFaulted(problem: problem))
    return nil
  }

  // MARK: Try

  mutating func startTry(_ attempt: TryCatch, _ begun: Begun) throws(ExpressionError) -> Move? {
    let id = try openTask(begun, phase: .trying(TryProgress(attempt: 1, attemptDeadline: nil, stage: .trying)))
    return beginAttempt(id, 1)
  }

  private mutating func beginAttempt(_ id: Int, _ number: Int) -> Move? {
    guard let index = state.activityIndex(id) else { return nil }
    let activity = state.activities[index]
    var progress = TryProgress(attempt: number, attemptDeadline: nil, stage: .trying)
    do throws(ExpressionError) {
      if let (task, clause) = clause(of: activity), let limit = clause.retry?.attemptDuration {
        let variables = taskScope(task, inside: activity)
        progress.attemptDeadline = now + (try limit.evaluate(activity.input, variables: variables.value))
      }
    } catch {
      return .fault(activity: id, Problems.expression(error.message, at: activity.reference))
    }
    state.activities[index].phase = .trying(progress)
    return .enter(scope: id, position: 0, input: activity.input)
  }

  mutating func wakeTry(_ activity: Activity, _ progress: TryProgress) {
    switch progress.stage {
    case .pausing:
      if let move = beginAttempt(activity.id, progress.attempt + 1) { run(from: move) }
    case .trying:
      let problem = Problems.timeout("attempt \(progress.attempt) did not end in its time", at: activity.reference)
      switch attempt(activity, progress, problem) {
      case .caught(let move?): run(from: move)
      case .caught(nil): drain()
      case .passed(let problem): run(from: .fault(activity: activity.id, problem))
      }
    case .catching: return
    }
  }

  private enum Attempt {
    case caught(Move?)
    /// Not caught, or replaced by an error of the `catch` itself.
    case passed(ProblemDetails)
  }

  /// Lets a `try` have the error of one of its tasks.
  private mutating func attempt(_ open: Activity, _ progress: TryProgress, _ problem: ProblemDetails) -> Attempt {
    guard let (task, clause) = clause(of: open) else { return .passed(problem) }
    if let filter = clause.errors, !filter.matches(problem) { return .passed(problem) }
    let variables = taskScope(task, inside: open)
    variables.error = (clause.variable, problem.json)
    do throws(ExpressionError) {
      if let when = clause.when, try !when.isTrue(open.input, variables: variables.value) { return .passed(problem) }
      if let except = clause.exceptWhen, try except.isTrue(open.input, variables: variables.value) {
        return .passed(problem)
      }
      if let policy = clause.retry {
        if let delay = try delay(policy, open, progress, variables) {
          return .caught(pause(open, progress, problem, delay))
        }
        // Nobody said what to do once the attempts are used up.
        guard clause.tasks != nil else { return .passed(problem) }
      }
    } catch {
      return .passed(Problems.expression(error.message, at: open.reference))
    }
    closeDescendants(of: open.id)
    guard clause.tasks != nil, let index = state.activityIndex(open.id) else {
      return .caught(.complete(activity: open.id, output: open.input))
    }
    state.activities[index].phase = .trying(
      TryProgress(attempt: progress.attempt, attemptDeadline: nil, stage: .catching(problem)))
    return .caught(.enter(scope: open.id, position: 0, input: open.input))
  }

  private func clause(of activity: Activity) -> (TaskDefinition, CatchClause)? {
    guard let task = definition.task(at: activity.reference), case .try(let attempt) = task.kind else { return nil }
    return (task, attempt.catch)
  }

  // MARK: Retry

  /// The pause before the next attempt; nil when there is to be none.
  private func delay(
    _ policy: RetryPolicy, _ open: Activity, _ progress: TryProgress, _ variables: VariableScope
  ) throws(ExpressionError) -> Duration? {
    let value = variables.value
    if let when = policy.when, try !when.isTrue(open.input, variables: value) { return nil }
    if let except = policy.exceptWhen, try except.isTrue(open.input, variables: value) { return nil }
    if let limit = policy.maxAttempts, progress.attempt >= limit { return nil }
    var delay = try policy.delay.evaluate(open.input, variables: value)
    switch policy.backoff {
    case .constant: break
    case .linear: delay = delay * min(progress.attempt, 1 << 20)
    case .exponential: delay = delay * (1 << min(progress.attempt - 1, 20))
    }
    if let jitter = policy.jitter {
      let from = try jitter.from.evaluate(open.input, variables: value)
      let to = try jitter.to.evaluate(open.input, variables: value)
      delay += from + max(to - from, .zero) * fraction(open, progress.attempt)
    }
    // Without any limit, attempts that fail at once would follow each other as fast as the machine can.
    if policy.maxAttempts == nil && policy.duration == nil { delay = max(delay, .seconds(1)) }
    if let limit = policy.duration {
      let end = open.startedAt + (try limit.evaluate(open.input, variables: value)) + open.postponedBy
      guard now + delay <= end else { return nil }
    }
    return delay
  }

  /// A number from 0 to below 1 that looks random and is the same whenever this attempt is looked at.
  private func fraction(_ open: Activity, _ attempt: Int) -> Double {
    let mixed = UUIDValue(digestOf: "\(state.id.text).\(open.id).\(attempt)").low & (1 << 52 - 1)
    return Double(mixed) / Double(1 << 52 as UInt64)
  }

  private mutating func pause(
    _ open: Activity, _ progress: TryProgress, _ problem: ProblemDetails, _ delay: Duration
  ) -> Move? {
    closeDescendants(of: open.id)
    record(
      .attemptFailed(
        activity: open.id, reference: open.reference, attempt: progress.attempt, problem: problem,
        retryAt: now + delay))
    guard delay > .zero else { return beginAttempt(open.id, progress.attempt + 1) }
    if let index = state.activityIndex(open.id) {
      state.activities[index].phase = .trying(
        TryProgress(attempt: progress.attempt, attemptDeadline: nil, stage: .pausing(until: now + delay)))
    }
    return nil
  }
}
