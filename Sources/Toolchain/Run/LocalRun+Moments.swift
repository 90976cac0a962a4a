import Engine
import Values
import Workflow

/// What happens at a moment, and what follows from it.
extension LocalRun {
  mutating func handle(_ item: Item) {
    switch item {
    case .reply(let place, let id, let answer):
      let outcome = secrets.resealed(answer)
      step(place) { engine, state, now in engine.reply(outcome, to: id, state: &state, now: now) }
    case .undeliverable(let place, let id, let reason):
      step(place) { engine, state, now in engine.undeliverable(id, reason: reason, state: &state, now: now) }
    case .start(let child, let parent): startChild(child, of: parent)
    case .child(let id, let outcome, let parent):
      step(parent) { engine, state, now in engine.child(id, outcome, state: &state, now: now) }
    case .cancelChild(let id):
      guard let place = places[id] else { return }
      step(place) { engine, state, now in
        let reason = "the workflow that started it went on without it"
        return engine.cancel(reason, compensating: true, state: &state, now: now)
      }
    case .event(let event, let origin): arrive(event, from: origin)
    case .offer(let place): offerKept(to: place)
    case .cancel(let cancellation):
      guard instances[0].isOpen else { return }
      record(.stopped(reason: cancellation.reason), of: 0)
      step(0) { engine, state, now in
        engine.cancel(
          cancellation.reason, compensating: cancellation.compensating, state: &state, now: now)
      }
    }
  }

  // MARK: Instances

  mutating func begin(_ engine: Engine, _ id: UUIDValue, _ input: JSON, parent: Int?, isAwaited: Bool) {
    let (state, step) = engine.start(id: id, input: input, now: now)
    let place = instances.count
    places[id] = place
    instances.append(Instance(engine: engine, state: state, parent: parent, isAwaited: isAwaited))
    follow(step.entries, of: place)
  }

  /// - Returns: whether it changed anything.
  @discardableResult
  mutating func step(_ place: Int, _ body: (Engine, inout InstanceState, Timestamp) -> Engine.Step) -> Bool {
    let step = body(instances[place].engine, &instances[place].state, now)
    follow(step.entries, of: place)
    return step.disposition == .applied
  }

  private mutating func follow(_ entries: [JournalEntry], of place: Int) {
    for entry in entries {
      record(.journal(entry), of: place)
      instances[place].tasks.apply(entry, at: now, instances[place].definition)
      switch entry {
      case .requested(let request): send(request, of: place)
      case .emitted(let emission): schedule(.event(emission.event, from: place), at: now)
      case .childStarted(let child): schedule(.start(child, parent: place), at: now)
      case .childCancelled(let id): schedule(.cancelChild(id), at: now)
      case .workflowCompleted, .workflowFaulted, .workflowCancelled: ended(place)
      default: continue
      }
    }
    guard kept.contains(where: { !$0.isTaken }) else { return }
    let waits = instances[place].engine.waits(of: instances[place].state)
    if waits != instances[place].waits, !waits.isEmpty { schedule(.offer(place), at: now) }
    instances[place].waits = waits
  }

  private mutating func ended(_ place: Int) {
    let instance = instances[place]
    instances[place].endedAt = now
    guard let parent = instance.parent else { return }
    let outcome: ChildOutcome =
      switch instance.state.status {
      case .completed: .completed(instance.state.output ?? .null)
      case .cancelled: .cancelled
      default: .faulted(instance.state.error ?? Problems.runtime("the workflow failed", at: "/"))
      }
    schedule(.child(instance.state.id, outcome, parent: parent), at: now)
  }

  private mutating func startChild(_ child: ChildStart, of parent: Int) {
    let workflow = "\(child.namespace)/\(child.name)"
    if let definition = catalog.definition(workflow, version: child.version) {
      let engine = Engine(definition: definition, options: options)
      begin(engine, child.id, child.input, parent: parent, isAwaited: child.isAwaited)
      return started(child, by: parent)
    }
    let values: [String: JSON] = [
      "reference": .string(child.reference), "attempt": 1, "task": name(child.reference, parent),
    ]
    do throws(ExpressionError) {
      guard let step = try mocks.workflows[workflow]?.next(child.input, { values[$0] }) else {
        record(.unknownWorkflow("\(workflow) \(child.version)"), of: parent)
        let detail = "the workflow \(workflow) \(child.version) is not deployed"
        let problem = Problems.configuration(detail, at: child.reference)
        return schedule(.child(child.id, .faulted(problem), parent: parent), at: now)
      }
      started(child, by: parent)
      let outcome: ChildOutcome
      switch try step.content.outcome(for: child.input, { values[$0] }) {
      case .completed(let output): outcome = .completed(output)
      case .failed(let problem, _, _): outcome = .faulted(problem)
      case .progress, nil: return
      }
      schedule(.child(child.id, outcome, parent: parent), at: now + step.after)
    } catch {
      let problem = Problems.expression("mocks: \(error)", at: child.reference)
      schedule(.child(child.id, .faulted(problem), parent: parent), at: now)
    }
  }

  /// How one that is awaited ends, its parent is told when it does.
  private mutating func started(_ child: ChildStart, by parent: Int) {
    if !child.isAwaited { schedule(.child(child.id, .started, parent: parent), at: now) }
  }

  func name(_ reference: String, _ place: Int) -> JSON {
    .string(instances[place].definition.task(at: reference)?.name ?? reference)
  }

  // MARK: Calls

  private mutating func send(_ request: Request, of place: Int) {
    let data = secrets.unsealed(request.data)
    let task = name(request.reference, place).string ?? ""
    let key = "\(place) \(request.idempotencyKey)"
    if let known = callPlaces[key] {
      calls[known].attempts += 1
    } else {
      callPlaces[key] = calls.count
      calls.append(
        SentCall(
          instance: place, channel: request.channel, task: task, reference: request.reference, data: data,
          shownData: request.data, attempts: 1, at: now))
    }
    guard let key = mockKey(request, task: task) else {
      if request.channel == "http" {
        outgoing.append(Outgoing(instance: place, request: request.replacing(data), sentAt: now))
      } else {
        let known = mocks.calls.keys.sorted().joined(separator: ", ")
        miss(request, of: place, "no mock answers it" + (known.isEmpty ? "" : " (there are mocks for: \(known))"))
      }
      return
    }
    answer(request, data, task: task, of: place, by: key)
  }

  /// The more exact name wins: the task reference, the task's name, the channel.
  private func mockKey(_ request: Request, task: String) -> String? {
    [request.reference, task, request.channel].first { mocks.calls[$0] != nil }
  }

  private mutating func answer(_ request: Request, _ data: JSON, task: String, of place: Int, by key: String) {
    let values: [String: JSON] = [
      "attempt": .number(JSONNumber(request.attempt)), "channel": .string(request.channel),
      "reference": .string(request.reference), "task": .string(task),
    ]
    do throws(ExpressionError) {
      guard let step = try mocks.calls[key]?.next(data, { values[$0] }) else {
        return miss(request, of: place, "the mocks for '\(key)' have no answer left for this call")
      }
      if case .undeliverable(let reason) = step.content {
        return schedule(.undeliverable(place, id: request.id, reason: reason), at: now + step.after)
      }
      guard let outcome = try step.content.outcome(for: data, { values[$0] }) else { return }
      schedule(.reply(place, id: request.id, outcome), at: now + step.after)
    } catch {
      miss(request, of: place, "its mock failed: \(error)")
    }
  }

  mutating func miss(_ request: Request, of place: Int, _ reason: String) {
    unanswered.append((place, request, reason))
    record(.unanswered(request, reason: reason), of: place)
  }
}

extension Request {
  fileprivate func replacing(_ data: JSON) -> Request {
    Request(
      activity: activity, channel: channel, id: id, idempotencyKey: idempotencyKey, reference: reference,
      attempt: attempt, deadline: deadline, data: data)
  }
}

extension Mocks.Answer {
  /// Nil: there is none.
  func outcome(for data: JSON, _ variables: (String) -> JSON?) throws(ExpressionError) -> ReplyOutcome? {
    switch self {
    case .reply(let template): return .completed(try template.evaluate(data, variables: variables))
    case .fail(let template):
      let json = try template.evaluate(data, variables: variables)
      var problem = ProblemDetails(json) ?? ProblemDetails(type: "about:blank", status: 500, detail: json.text)
      problem.type = MockReader.errorType(problem.type)
      problem.extensions["retryable"] = nil
      problem.extensions["retryAfter"] = nil
      return .failed(
        problem, retryable: json["retryable"]?.bool ?? false, retryAfter: json["retryAfter"].flatMap(Self.duration))
    case .silent, .undeliverable: return nil
    }
  }

  /// ISO 8601, or a number of seconds.
  private static func duration(_ json: JSON) -> Duration? {
    if let seconds = json.double, seconds >= 0, seconds < 1e9 { return .milliseconds(Int(seconds * 1_000)) }
    return json.string.flatMap { ISO8601Duration.parse($0) }
  }
}
