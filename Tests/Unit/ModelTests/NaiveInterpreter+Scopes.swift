import Engine
import Values
import Workflow

/// Tasks with tasks inside: loops, branches, handlers, extensions.
extension NaiveInterpreter {
  // MARK: for

  func iterate(_ run: Run, _ loop: ForLoop) throws {
    guard case .array(let items) = try evaluate(loop.in, run) else {
      return fault(run, Problems.expression("", at: run.task.reference))
    }
    pass(number: 0, of: items, run.frame.input, run, loop)
  }

  private func pass(number: Int, of items: [JSON], _ data: JSON, _ run: Run, _ loop: ForLoop) {
    guard number < items.count else { return complete(run, data) }
    let environment = inside(run).naming([loop.each: items[number], loop.at: .number(JSONNumber(number))])
    perform(run) {
      if let condition = loop.while, try !condition.isTrue(data, variables: lookup(run.frame, environment)) {
        return complete(run, data)
      }
      scope(loop.tasks, data, environment) { [unowned self] output, _ in
        pass(number: number + 1, of: items, output, run, loop)
      }
    }
  }

  // MARK: fork

  func fork(_ run: Run, _ fork: Fork) {
    var outputs = [JSON?](repeating: nil, count: fork.branches.count)
    func end(_ place: Int, _ branch: Node, _ output: JSON) {
      branch.close()
      outputs[place] = output
      if fork.compete {
        run.node.openDescendants.forEach(giveUp)
        return complete(run, output)
      }
      let known = outputs.compactMap(\.self)
      if known.count == outputs.count { complete(run, .array(known)) }
    }
    for (place, branch) in fork.branches.enumerated() {
      var environment = inside(run)
      let node = Node(reference: nil, parent: run.node)
      environment.node = node
      // None goes on before all have begun.
      soon(node) { [unowned self] in
        task(branch, run.frame.input, environment) { [unowned self] output, directive in
          directive == .end ? complete(output) : end(place, node, output)
        }
      }
    }
  }

  // MARK: try

  func attempt(_ run: Run, _ attempt: TryCatch) throws {
    let limit = try attempt.catch.retry?.duration.map {
      try duration($0, run.frame.input, lookup(run.frame, run.environment))
    }
    try self.attempt(run, attempt, number: 1, until: limit.map { now + $0 })
  }

  private func attempt(_ run: Run, _ attempt: TryCatch, number: Int, until end: Timestamp?) throws {
    let node = Node(reference: nil, parent: run.node)
    var environment = inside(run)
    environment.node = node
    environment.isTried = true
    let caught: (ProblemDetails) -> Void = { [unowned self] problem in
      guard node.isOpen else { return }
      node.openDescendants.forEach(giveUp)
      node.close()
      perform(run) { try handle(run, attempt, number: number, until: end, problem) }
    }
    environment.fail = caught
    if let limit = try attempt.catch.retry?.attemptDuration.map({
      try duration($0, run.frame.input, lookup(run.frame, run.environment))
    }) {
      at(now + limit, node) { caught(Problems.timeout("", at: run.task.reference)) }
    }
    scope(attempt.tasks, run.frame.input, environment) { [unowned self] output, _ in
      node.close()
      complete(run, output)
    }
  }

  private func handle(
    _ run: Run, _ attempt: TryCatch, number: Int, until end: Timestamp?, _ problem: ProblemDetails
  ) throws {
    let clause = attempt.catch
    let conditions = run.environment.naming(["error": problem.json]).naming([clause.variable: problem.json])
    func holds(_ condition: Expression?) throws -> Bool? {
      try condition?.isTrue(run.frame.input, variables: lookup(run.frame, conditions))
    }
    if let errors = clause.errors, !errors.matches(problem) { return fault(run, problem) }
    if try holds(clause.when) == false { return fault(run, problem) }
    if try holds(clause.exceptWhen) == true { return fault(run, problem) }
    if let policy = clause.retry, try holds(policy.when) != false, try holds(policy.exceptWhen) != true,
      number < policy.maxAttempts ?? .max
    {
      let pause = try self.pause(policy, after: number, run, conditions)
      if end.map({ now + pause <= $0 }) ?? true {
        seen.note("r \(number)", run.task.reference, at: now)
        let again: () -> Void = { [unowned self] in
          perform(run) { try self.attempt(run, attempt, number: number + 1, until: end) }
        }
        if pause > .zero { at(now + pause, run.node, again) } else { again() }
        return
      }
    }
    guard let tasks = clause.tasks else {
      return clause.retry == nil ? complete(run, run.frame.input) : fault(run, problem)
    }
    let environment = inside(run).naming([clause.variable: problem.json])
    scope(tasks, run.frame.input, environment) { [unowned self] output, _ in complete(run, output) }
  }

  private func pause(_ policy: RetryPolicy, after number: Int, _ run: Run, _ environment: Environment) throws
    -> Duration
  {
    let variables = lookup(run.frame, environment)
    let delay = try duration(policy.delay, run.frame.input, variables)
    var pause =
      switch policy.backoff {
      case .constant: delay
      case .linear: delay * number
      case .exponential: delay * (1 << min(number - 1, 20))
      }
    var longest = pause
    if let jitter = policy.jitter {
      pause += try duration(jitter.from, run.frame.input, variables)
      longest += try duration(jitter.to, run.frame.input, variables)
    }
    if policy.maxAttempts == nil, policy.duration == nil {
      pause = max(pause, .seconds(1))
      longest = max(longest, .seconds(1))
    }
    let key = Jitter(reference: run.task.reference, attempt: number, failedAt: now)
    if let chosen = jitters[key], pause <= chosen, chosen <= longest { return chosen }
    // Where the engine gave up, the longest pause must have been too long.
    return longest
  }

  // MARK: Extensions

  func extended(_ extended: ExtendedTask, _ wrapper: Frame, _ environment: Environment, done: @escaping Done) {
    guard let task = extended.body.first else { return }
    let frame = Frame(task, wrapper.rawInput, at: now)
    let raw = wrapper.rawInput
    let node = Node(reference: nil, parent: environment.node)
    var inner = environment
    inner.node = node
    inner.around = frame
    inner.fail = { [unowned self] problem in
      guard node.isOpen else { return }
      giveUp(node)
      environment.fail(problem)
    }
    let directive = wrapper.task.then ?? .continue
    do {
      var described = environment
      described.around = frame
      let variables = lookup(frame, described)
      if let condition = wrapper.task.condition, try !condition.isTrue(raw, variables: variables) {
        node.close()
        seen.note("~", task.reference, at: now)
        return done(raw, .continue)
      }
      let applied = try extended.extensions.filter { try $0.when?.isTrue(raw, variables: variables) ?? true }
      before(applied[...], extended, raw, inner) { [unowned self] output, exited, own in
        let after = exited ? [] : applied
        frame.rawOutput = output
        self.after(after.reversed()[...], output, inner) {
          node.close()
          done(output, own ?? directive)
        }
      }
    } catch {
      node.close()
      seen.note("+", task.reference, at: now)
      seen.note("!", task.reference, at: now)
      environment.fail(Problems.expression("", at: task.reference))
    }
  }

  private func before(
    _ extensions: ArraySlice<Extension>, _ extended: ExtendedTask, _ raw: JSON, _ environment: Environment,
    done: @escaping (JSON, Bool, FlowDirective?) -> Void
  ) {
    guard let first = extensions.first else {
      var own = environment
      own.around = nil
      return task(extended.body[0], raw, own) { output, directive in
        done(output, false, directive == .continue ? nil : directive)
      }
    }
    let rest = extensions.dropFirst()
    guard let tasks = first.before else { return before(rest, extended, raw, environment, done: done) }
    scope(tasks, raw, environment) { [unowned self] output, exited in
      if exited { return done(output, true, nil) }
      before(rest, extended, raw, environment, done: done)
    }
  }

  private func after(
    _ extensions: ArraySlice<Extension>, _ output: JSON, _ environment: Environment, done: @escaping () -> Void
  ) {
    guard let first = extensions.first else { return done() }
    let rest = extensions.dropFirst()
    guard let tasks = first.after else { return after(rest, output, environment, done: done) }
    scope(tasks, output, environment) { [unowned self] _, _ in after(rest, output, environment, done: done) }
  }
}
