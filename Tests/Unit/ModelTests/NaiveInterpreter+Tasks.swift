import Engine
import Values
import Workflow

/// What every task has, and the kinds that need no others inside them.
extension NaiveInterpreter {
  typealias Done = (JSON, FlowDirective) -> Void

  /// One execution of a task: what the compiler would have as its locals.
  struct Run {
    let frame: Frame
    let node: Node
    /// Of the task itself; its variables are those around it.
    let environment: Environment
    let done: Done

    var task: TaskDefinition { frame.task }
  }

  func task(_ task: TaskDefinition, _ raw: JSON, _ environment: Environment, done: @escaping Done) {
    guard countStep(), environment.node.isOpen else { return }
    let frame = Frame(task, raw, at: now)
    if case .extended(let extended) = task.kind {
      return self.extended(extended, frame, environment, done: done)
    }
    do {
      if let condition = task.condition, try !condition.isTrue(raw, variables: lookup(frame, environment)) {
        seen.note("~", task.reference, at: now)
        return done(raw, .continue)
      }
    } catch {
      seen.note("+", task.reference, at: now)
      seen.note("!", task.reference, at: now)
      return environment.fail(Problems.expression("", at: task.reference))
    }
    seen.note("+", task.reference, at: now)
    environment.node.forgetClosed()
    let node = Node(reference: task.reference, parent: environment.node)
    let run = Run(frame: frame, node: node, environment: environment, done: done)
    perform(run) {
      if let schema = task.input?.schema, !schema.violations(of: raw).isEmpty {
        return fault(run, Problems.validation("", at: task.reference))
      }
      frame.input = try task.input?.from?.evaluate(raw, variables: lookup(frame, environment)) ?? raw
      var limit = try task.timeout.map { try duration($0, frame.input, lookup(frame, environment)) }
      if case .call = task.kind { limit = limit ?? options.callTimeout }
      if let limit {
        at(now + limit, node) { [unowned self] in fault(run, Problems.timeout("", at: task.reference)) }
      }
      try execute(run)
    }
  }

  /// Does something that may find an expression without a value.
  func perform(_ run: Run, _ body: () throws -> Void) {
    do { try body() } catch { fault(run, Problems.expression("", at: run.task.reference)) }
  }

  func evaluate(_ expression: Expression, _ run: Run, on data: JSON? = nil) throws -> JSON {
    try expression.evaluate(data ?? run.frame.input, variables: lookup(run.frame, run.environment))
  }

  func evaluate(_ template: Template, _ run: Run) throws -> JSON {
    try template.evaluate(run.frame.input, variables: lookup(run.frame, run.environment))
  }

  /// The task has an error, of its own or of something inside.
  func fault(_ run: Run, _ problem: ProblemDetails) {
    guard run.node.isOpen else { return }
    run.node.openDescendants.forEach(giveUp)
    run.node.close()
    if let child = run.node.child { seen.note("k", child, at: now) }
    seen.note("!", run.task.reference, at: now)
    run.environment.fail(problem)
  }

  /// The task has its raw output.
  func complete(_ run: Run, _ output: JSON, then directive: FlowDirective? = nil) {
    guard run.node.isOpen else { return }
    let task = run.task
    perform(run) {
      run.frame.rawOutput = output
      let output = try task.output?.as?.evaluate(output, variables: lookup(run.frame, run.environment)) ?? output
      if let schema = task.output?.schema, !schema.violations(of: output).isEmpty {
        return fault(run, Problems.validation("", at: task.reference))
      }
      run.frame.output = output
      let variables = lookup(run.frame, run.environment)
      if let export = task.export {
        let exported = try export.as?.evaluate(output, variables: variables) ?? context
        if let schema = export.schema, !schema.violations(of: exported).isEmpty {
          return fault(run, Problems.validation("", at: task.reference))
        }
        context = exported
      }
      if let compensation = task.compensation, !isEnding {
        undo.append((task, try compensation.function.with?.evaluate(output, variables: variables) ?? [:]))
      }
      run.node.close()
      seen.note("-", task.reference, at: now)
      run.done(output, directive ?? task.then ?? .continue)
    }
  }

  private func execute(_ run: Run) throws {
    switch run.task.kind {
    case .do(let tasks):
      scope(tasks, run.frame.input, inside(run)) { [unowned self] output, _ in complete(run, output) }
    case .set(let template): complete(run, try evaluate(template, run))
    case .switch(let cases): try choose(run, cases)
    case .wait(let time):
      let pause = try duration(time, run.frame.input, lookup(run.frame, run.environment))
      let end: () -> Void = { [unowned self] in complete(run, run.frame.input) }
      if pause > .zero { at(now + pause, run.node, end) } else { end() }
    case .raise(let error): try raise(run, error)
    case .call(let call): try request(run, call)
    case .emit(let emission): try emit(run, emission)
    case .run(let other): try start(run, other)
    case .function(let function):
      let input = try function.with.map { try evaluate($0, run) } ?? [:]
      scope(function.body, input, inside(run)) { [unowned self] output, _ in complete(run, output) }
    case .for(let loop): try iterate(run, loop)
    case .fork(let fork): self.fork(run, fork)
    case .try(let attempt): try self.attempt(run, attempt)
    case .listen(let listen): try self.listen(run, listen)
    case .extended: break
    }
  }

  /// What the tasks inside of one see: its end is theirs, and their errors pass it.
  func inside(_ run: Run) -> Environment {
    var environment = run.environment
    environment.node = run.node
    environment.fail = { [unowned self] problem in fault(run, problem) }
    return environment
  }

  private func choose(_ run: Run, _ cases: [SwitchCase]) throws {
    for option in cases {
      guard let when = option.when else { continue }
      if try when.isTrue(run.frame.input, variables: lookup(run.frame, run.environment)) {
        return complete(run, run.frame.input, then: option.then)
      }
    }
    complete(run, run.frame.input, then: cases.first { $0.when == nil }?.then)
  }

  private func raise(_ run: Run, _ error: RaisedError) throws {
    func text(_ template: Template?) throws -> String? {
      switch try template.map({ try evaluate($0, run) }) {
      case nil, .null: nil
      case .string(let text)?: text
      case let value?: value.text
      }
    }
    let problem = ProblemDetails(
      type: try text(error.type) ?? "about:blank", status: error.status, title: try text(error.title),
      detail: try text(error.detail), instance: run.task.reference)
    fault(run, problem)
  }

  // MARK: What goes out

  private func request(_ run: Run, _ call: Call) throws {
    let data = try call.with.map { try evaluate($0, run) } ?? [:]
    let limit = try run.task.timeout.map { try duration($0, run.frame.input, lookup(run.frame, run.environment)) }
    send(run, call.channel, data, attempt: 1, by: now + (limit ?? options.callTimeout))
  }

  private func send(_ run: Run, _ channel: String, _ data: JSON, attempt: Int, by deadline: Timestamp) {
    let reference = run.task.reference
    seen.note("> \(channel) \(data.canonicalText) #\(attempt)", reference, at: now)
    switch world.answer(to: reference, channel: channel, data: data, attempt: attempt, at: now) {
    case .silence: break
    case .undeliverable(let delay):
      at(now + delay, run.node) { [unowned self] in fault(run, Problems.communication("", at: reference)) }
    case .reply(let delay, .completed(let output)):
      at(now + delay, run.node) { [unowned self] in complete(run, output) }
    case .reply(let delay, .failed(let problem, let isRetryable, let wish)):
      at(now + delay, run.node) { [unowned self] in
        var pause = options.retry.initialDelay
        for _ in 1..<attempt { pause = min(pause * 2, options.retry.maxDelay) }
        if let wish, wish > pause { pause = wish }
        let isOver = attempt == options.retry.maxAttempts || now + pause >= deadline
        guard isRetryable, !run.environment.isTried, !isOver else {
          var problem = problem
          problem.instance = reference
          return fault(run, problem)
        }
        seen.note("r \(attempt)", reference, at: now)
        at(now + pause, run.node) { [unowned self] in
          send(run, channel, data, attempt: attempt + 1, by: deadline)
        }
      }
    case .reply(_, .progress): break
    }
  }

  private func emit(_ run: Run, _ emission: Emission) throws {
    guard case .object(var event) = try evaluate(emission.attributes, run) else { return }
    let document = definition.document
    if event["datacontenttype"] == nil { event["datacontenttype"] = "application/json" }
    if event["specversion"] == nil { event["specversion"] = "1.0" }
    if event["source"] == nil {
      event["source"] = .string("/workflows/\(document.namespace)/\(document.name)/\(document.version)")
    }
    if event["time"] == nil { event["time"] = .string(now.rfc3339) }
    for name in ["id", "source", "type"] where name != "id" || event["id"] != nil {
      guard case .string(let text)? = event[name], !text.isEmpty else {
        return fault(run, Problems.validation("", at: run.task.reference))
      }
    }
    var shown = event
    shown["id"] = nil
    seen.note("^ \(JSON.object(shown).canonicalText)", run.task.reference, at: now)
    complete(run, .object(event))
  }

  private func start(_ run: Run, _ other: WorkflowRun) throws {
    let input = try other.input.map { try evaluate($0, run) } ?? run.frame.input
    let name = "\(other.namespace)/\(other.name)/\(other.version)"
    let reference = run.task.reference
    seen.note("* \(name) \(input.canonicalText) \(other.await)", reference, at: now)
    let isAwaited = other.await
    // What nobody waits for is not given up either.
    if isAwaited { run.node.child = reference }
    let answer =
      isAwaited
      ? world.child(at: reference, name: name, input: input, at: now)
      : world.beginning(at: reference, name: name, input: input, at: now)
    guard let (delay, outcome) = answer else { return }
    at(now + delay, run.node) { [unowned self] in
      run.node.child = nil
      switch outcome {
      case .started: complete(run, run.frame.input)
      case .completed(let output): complete(run, output)
      case .faulted(var problem):
        problem.instance = reference
        fault(run, problem)
      case .cancelled: fault(run, Problems.runtime("", at: reference))
      }
    }
  }
}
