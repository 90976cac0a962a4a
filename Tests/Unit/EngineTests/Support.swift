import Engine
import Testing
import Values
import Workflow

/// Parses a definition given as its `do` (and whatever else stands at the top level), or fails the test.
func definition(
  _ body: String, version: String = "1.0.0", sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws -> WorkflowDefinition {
  let text = "document: {dsl: 1.0.3, namespace: tests, name: example, version: \(version)}\n" + body
  let result = WorkflowParser.parse(text, file: "example.yaml")
  return try #require(result.definition, "\(result.diagnostics)", sourceLocation: sourceLocation)
}

let start = Timestamp(microseconds: 1_700_000_000_000_000)

/// One instance and its engine, with the time under the test's control.
struct Bench {
  var engine: Engine
  var state: InstanceState
  var entries: [JournalEntry]
  var now = start

  init(_ body: String, input: JSON = [:], options: EngineOptions = EngineOptions()) throws {
    engine = Engine(definition: try definition(body), options: options)
    let id = UUIDValue(high: 1, low: 2)
    let (state, step) = engine.start(id: id, input: input, now: start)
    self.state = state
    entries = step.entries
  }

  /// The requests so far, oldest first.
  var requests: [Request] { entries.compactMap { if case .requested(let request) = $0 { request } else { nil } } }

  @discardableResult
  mutating func reply(_ outcome: ReplyOutcome, to id: String? = nil) -> Disposition {
    let step = engine.reply(outcome, to: id ?? requests.last?.id ?? "", state: &state, now: now)
    entries += step.entries
    return step.disposition
  }

  @discardableResult
  mutating func wake(after duration: Duration) -> Disposition {
    now = now + duration
    let step = engine.wake(&state, now: now)
    entries += step.entries
    return step.disposition
  }

  @discardableResult
  mutating func child(_ id: UUIDValue, _ outcome: ChildOutcome, isLater: Bool = false) -> Disposition {
    let step = engine.child(id, outcome, isLater: isLater, state: &state, now: now)
    entries += step.entries
    return step.disposition
  }

  /// Writes the state as it rests, and reads it again: what a crash leaves.
  mutating func restart() throws {
    let text = state.resting.serialized()
    var read = try InstanceState(
      id: state.id, input: state.input, startedAt: state.startedAt, status: state.status, resting: try JSON.parse(text))
    read.updatedAt = state.updatedAt
    #expect(read == state)
    state = read
  }

  @discardableResult
  mutating func event(_ event: JSON) -> Disposition {
    let step = engine.event(event, state: &state, now: now)
    entries += step.entries
    return step.disposition
  }

  /// Goes on with what steps had no time for.
  ///
  /// - Returns: how many steps that took.
  mutating func finishUnfinished() -> Int {
    var steps = 0
    while !state.unfinished.isEmpty {
      steps += 1
      wake(after: .zero)
    }
    return steps
  }

  /// Started and completed tasks, in order, as `+/do/0/a` and `-/do/0/a`.
  var trace: [String] {
    entries.compactMap { entry in
      switch entry {
      case .taskStarted(_, let reference): "+\(reference)"
      case .taskSkipped(let reference): "~\(reference)"
      case .taskCompleted(_, let reference, _): "-\(reference)"
      case .taskFaulted(_, let reference, _): "!\(reference)"
      case .taskCancelled(_, let reference): "x\(reference)"
      default: nil
      }
    }
  }
}

extension Bench {
  /// What an operator does; every state is written and read again on the way.
  @discardableResult
  mutating func operate(
    _ operation: Operation, sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) throws -> Disposition {
    if !state.status.isTerminal || state.isReopenable { try restart() }
    let before = state
    let read = try Operation(JSON.parse(operation.json.text))
    #expect(read == operation, sourceLocation: sourceLocation)
    let step = engine.operate(read, reason: "because", state: &state, now: now)
    entries += step.entries
    for entry in step.entries { #expect(try JournalEntry(JSON.parse(entry.json.text)) == entry) }
    if step.disposition != .applied { #expect(state == before && step.entries.isEmpty, sourceLocation: sourceLocation) }
    return step.disposition
  }

  /// - Returns: the sentence with which it is refused.
  mutating func refusal(
    of operation: Operation, sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) throws -> String {
    let disposition = try operate(operation, sourceLocation: sourceLocation)
    guard case .refused(let sentence) = disposition else {
      Issue.record("\(operation) is \(disposition)", sourceLocation: sourceLocation)
      return ""
    }
    return sentence
  }

  mutating func fail(_ request: Request? = nil, retryable: Bool = false) {
    let problem = ProblemDetails(type: "https://example.com/errors/broken", status: 500)
    reply(.failed(problem, retryable: retryable, retryAfter: nil), to: request?.id)
  }

  func request(at task: String) throws -> Request {
    try #require(requests.last { $0.reference.hasSuffix("/" + task) }, "no request of \(task)")
  }
}

extension Bench {
  /// The plan for going on in another version, which is given by its `do` and whatever else it has.
  func plan(_ body: String, renames: [String: String] = [:]) throws -> MigrationPlan {
    let target = Engine(definition: try definition(body, version: "2.0.0"), options: engine.options)
    return engine.migrationPlan(to: target, renames: renames, state: state)
  }

  /// Why it cannot go on in another version.
  func refusals(_ body: String, renames: [String: String] = [:]) throws -> [MigrationPlan.Refusal.Code] {
    try plan(body, renames: renames).refusals.map(\.code)
  }

  /// Goes on in another version; the state is written and read again before and after.
  @discardableResult
  mutating func migrate(
    _ body: String, renames: [String: String] = [:], sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) throws -> Disposition {
    try restart()
    let before = state
    let migration = MigrationRequest(version: "2.0.0", renames: renames)
    #expect(try MigrationRequest(JSON.parse(migration.json.text)) == migration)
    let target = Engine(definition: try definition(body, version: "2.0.0"), options: engine.options)
    let step = engine.migrate(migration, to: target, reason: "because", state: &state, now: now)
    entries += step.entries
    for entry in step.entries { #expect(try JournalEntry(JSON.parse(entry.json.text)) == entry) }
    if step.disposition == .applied {
      engine = target
      try restart()
      #expect(state.wakeAt == before.wakeAt || !before.unfinished.isEmpty, sourceLocation: sourceLocation)
    } else {
      #expect(state == before && step.entries.isEmpty, sourceLocation: sourceLocation)
    }
    return step.disposition
  }
}
