import Engine
import Generator
import Testing
import Values
import Workflow

/// Drives the engine through a world, as the mediator does: one input at a time, with everything that can go wrong
/// between two of them.
struct EngineDriver {
  var engine: Engine
  let world: World
  private(set) var state: InstanceState
  private(set) var seen = Observation()
  private(set) var tally = Tally()
  /// What must hold at any time and did not.
  private(set) var complaints: [String] = []

  /// The pauses that the engine chose.
  private(set) var jitters: [NaiveInterpreter.Jitter: Duration] = [:]

  /// The time of the world; the engine's clock is ahead of it by what the instance was suspended.
  private var now = World.start { didSet { clock = now + offset } }
  private var offset: Duration = .zero { didSet { clock = now + offset } }
  private var clock = World.start
  private let isSuspending: Bool
  /// Whether data tells the time: then no time may pass while the instance is suspended.
  private let tellsTime: Bool
  private var suspensions: Dice
  /// The executions that are under way, by id.
  private var open: [Int: String] = [:]
  private var nextActivity = 0
  private var dice: Dice
  private var agenda: [(time: Timestamp, input: Input)] = []
  private var sent: [String] = []
  private var answered: [String] = []

  private enum Input {
    case reply(String, ReplyOutcome)
    case undeliverable(String)
    case event(JSON)
    case child(UUIDValue, ChildOutcome)
    case intervention(World.Intervention)
    /// Comes too late or twice: has to be ignored.
    case noise(String)
  }

  /// - Parameter isSuspending: whether the instance is suspended and resumed at random, with the world standing still.
  init(definition: WorkflowDefinition, scenario: Scenario, isSuspending: Bool = false) {
    self.isSuspending = isSuspending
    tellsTime = ["startedAt", "emit", "time"].contains { scenario.text.contains($0) }
    suspensions = Dice(seed: scenario.seed ^ 0x5059E)
    engine = Engine(definition: definition, options: scenario.options)
    world = scenario.world
    dice = Dice(seed: scenario.seed ^ 0xD15EA5E)
    if scenario.isPendingFirst {
      (state, _) = engine.pending(id: World.instance, input: scenario.input, now: World.start)
      mustIgnore("an event before the start") { $0.event(["type": "red"], state: &$1, now: $2) }
      take(engine.wake(&state, now: World.start).entries)
    } else {
      let step: Engine.Step
      (state, step) = engine.start(id: World.instance, input: scenario.input, now: World.start)
      take(step.entries)
    }
    agenda += world.events.map { ($0.time, .event($0.event)) }
    if let (time, intervention) = world.intervention { agenda.append((time, .intervention(intervention))) }
  }

  /// - Returns: what happened, once nothing more does.
  mutating func run() throws -> Observation {
    var lastChange = now
    while !state.status.isTerminal {
      try crash()
      annoy()
      if isSuspending {
        suspendAndResume()
        // It went on with what a step had no time for.
        guard !state.status.isTerminal else {
          lastChange = now
          break
        }
      }
      let next = agenda.indices.min { agenda[$0].time < agenda[$1].time }
      let due = state.wakeAt.map { $0 - offset }
      if let due, next.map({ due <= agenda[$0].time }) ?? true {
        if due > now { sleepless(until: due) }
        now = max(now, world.attended(due))
        let step = engine.wake(&state, now: clock)
        if step.disposition != .applied { complaints.append("woken at \(due.microseconds): \(step.disposition)") }
        take(step.entries)
      } else if let next {
        let (time, input) = agenda.remove(at: next)
        now = max(now, world.attended(time))
        if isSuspending { applySuspended(input) } else { apply(input) }
      } else {
        break
      }
      lastChange = now
      tally.inputs += 1
      // The other interpreter finds it too long as well, and much earlier.
      if nextActivity > 4_000 { break }
    }
    annoy()
    if state.status.isTerminal {
      for reference in open.values { complaints.append("\(reference) was left open") }
    }
    seen.status = state.status.isTerminal ? state.status.rawValue : "open"
    seen.output = state.output
    seen.context = state.context
    seen.error = state.error
    seen.endedAt = state.status.isTerminal ? lastChange : World.start
    return seen.normalized()
  }

  private mutating func apply(_ input: Input) {
    switch input {
    case .reply(let id, let outcome):
      if dice.chance(20) {
        let progress = PendingCall.Progress(percent: 50, message: dice.chance(50) ? "half" : nil)
        _ = engine.reply(.progress(progress), to: id, state: &state, now: clock)
      }
      take(engine.reply(outcome, to: id, state: &state, now: clock).entries)
      answered.append(id)
      if dice.chance(15) { agenda.append((now + .microseconds(dice.roll(5_000_000)), .noise(id))) }
    case .undeliverable(let id):
      take(engine.undeliverable(id, reason: "too large", state: &state, now: clock).entries)
      answered.append(id)
    case .event(let event): offer(event)
    case .child(let id, let outcome):
      let isLater = dice.chance(20)
      take(engine.child(id, outcome, isLater: isLater, state: &state, now: clock).entries)
      mustIgnore("a child that ended twice") { $0.child(id, .cancelled, state: &$1, now: $2) }
    case .intervention(.abandon): take(engine.abandon("enough", state: &state, now: clock).entries)
    case .intervention(let intervention):
      let compensating = if case .cancelCompensating = intervention { true } else { false }
      take(engine.cancel("enough", compensating: compensating, state: &state, now: clock).entries)
    case .noise(let id):
      tally.noises += 1
      mustIgnore("a late duplicate") { $0.reply(.completed("late"), to: id, state: &$1, now: $2) }
    }
  }

  // MARK: Suspended

  private mutating func suspendAndResume() {
    guard !state.status.isTerminal, suspensions.chance(15) else { return }
    suspend()
    passTime()
    mustIgnore("a wake of a suspended instance") { $0.wake(&$1, now: $2) }
    resume()
  }

  /// What arrives while the instance is suspended is as if it had come just before it is resumed.
  private mutating func applySuspended(_ input: Input) {
    if case .intervention = input { return apply(input) }
    guard suspensions.chance(40) else { return apply(input) }
    suspend()
    passTime()
    apply(input)
    passTime()
    resume()
  }

  private mutating func suspend() {
    tally.suspensions += 1
    let step = engine.operate(.suspend, reason: "a test", state: &state, now: clock)
    if step.entries != [.workflowSuspended(reason: "a test")] { complaints.append("suspended: \(step)") }
    if state.wakeAt != nil { complaints.append("suspended, and to be woken at \(String(describing: state.wakeAt))") }
  }

  private mutating func resume() {
    do {
      if suspensions.chance(50) { try reload() }
    } catch {
      complaints.append("a suspended state cannot be read: \(error)")
    }
    let step = engine.operate(.resume, reason: "a test", state: &state, now: clock)
    if step.disposition != .applied { complaints.append("resumed: \(step.disposition)") }
    take(step.entries)
  }

  private mutating func passTime() {
    if !tellsTime { offset += .microseconds(suspensions.roll(40_000_000)) }
  }

  /// What takes an event must be found for it by the index of the store.
  private mutating func offer(_ event: JSON) {
    let keys = Set(engine.waits(of: state).map(\.key))
    let step = engine.event(event, state: &state, now: clock)
    take(step.entries)
    guard step.disposition == .applied else { return }
    tally.consumed += 1
    if engine.definition.awaited.flatMap({ $0.keys(of: event) }).allSatisfy({ !keys.contains($0) }) {
      complaints.append("no index finds what took \(event.text): \(keys.sorted())")
    }
  }

  // MARK: What goes wrong

  /// The process ends and another one goes on with what was stored.
  private mutating func crash() throws {
    let isRunning =
      !state.unfinished.isEmpty
      || state.activities.contains { ["requested", "retrying", "queued", "child"].contains(Self.name($0.phase)) }
    if state.status != .suspended, state.status != (isRunning ? .running : .waiting) {
      complaints.append("\(state.status) at \(state.resting.text)")
    }
    guard dice.chance(60) else { return }
    for activity in state.activities { tally.phases[Self.name(activity.phase), default: 0] += 1 }
    tally.crashes += 1
    if !state.unfinished.isEmpty { tally.crashesInside += 1 }
    try reload()
  }

  private mutating func reload() throws {
    var read = try InstanceState(
      id: state.id, input: state.input, startedAt: state.startedAt, status: state.status,
      resting: try JSON.parse(state.resting.serialized()))
    read.updatedAt = state.updatedAt
    if read != state {
      complaints.append("a crash changed the state: \(state.resting.text) became \(read.resting.text)")
    }
    state = read
  }

  /// Duplicates, forgeries and what comes too late.
  private mutating func annoy() {
    if let id = answered.randomElement(using: &dice), dice.chance(15) {
      tally.noises += 1
      mustIgnore("a duplicate") { $0.reply(.completed("again"), to: id, state: &$1, now: $2) }
    }
    guard dice.chance(10) else { return }
    tally.noises += 1
    let forged = dice.pick([
      "", "x", "\(World.instance.text).99999.1", "\(World.instance.text).0.99", "\(World.instance.text).-1.0",
    ])
    mustIgnore("a forged reply") { $0.reply(.completed("forged"), to: forged, state: &$1, now: $2) }
    let child = UUIDValue(high: dice.next(), low: dice.next())
    mustIgnore("an unknown child") { $0.child(child, .completed("forged"), state: &$1, now: $2) }
  }

  /// Woken before anything is due.
  private mutating func sleepless(until due: Timestamp) {
    guard dice.chance(10), due.microseconds - now.microseconds > 1, state.unfinished.isEmpty else { return }
    let early = due + offset - .microseconds(1)
    mustIgnore("an early wake") { engine, state, _ in engine.wake(&state, now: early) }
  }

  private mutating func mustIgnore(
    _ what: String, _ body: (Engine, inout InstanceState, Timestamp) -> Engine.Step
  ) {
    var after = state
    let step = body(engine, &after, clock)
    after.updatedAt = state.updatedAt
    if case .ignored = step.disposition, step.entries.isEmpty, after == state { return }
    complaints.append("\(what) did something: \(step)")
  }

  // MARK: What comes out

  private mutating func take(_ entries: [JournalEntry]) {
    for entry in entries {
      if dice.chance(30) { check(entry) }
      balance(entry)
      switch entry {
      case .taskStarted(_, let reference):
        seen.note("+", reference, at: now)
        if let kind = engine.definition.task(at: reference)?.kind { tally.started[kind.name, default: 0] += 1 }
      case .taskSkipped(let reference): seen.note("~", reference, at: now)
      case .taskCompleted(_, let reference, _): seen.note("-", reference, at: now)
      case .taskFaulted(_, let reference, _): seen.note("!", reference, at: now)
      case .taskCancelled(_, let reference): seen.note("x", reference, at: now)
      case .attemptFailed(_, let reference, let attempt, _, _): seen.note("r \(attempt)", reference, at: now)
      case .compensating(let reference): seen.note("u", reference, at: now)
      case .requested(let request): send(request)
      case .emitted(let emitted):
        var event = emitted.event.object ?? [:]
        if event["id"]?.string?.isEmpty ?? true { complaints.append("an event without an id at \(emitted.reference)") }
        event["id"] = nil
        seen.note("^ \(JSON.object(event).canonicalText)", emitted.reference, at: now)
      case .childStarted(let child): start(child)
      case .childCancelled(let id): seen.note("k", children[id] ?? "unknown", at: now)
      // A cancellation that begins; its end is compared.
      case .operated(.cancel(compensating: true), _): break
      case .taskReopened, .operated, .migrated:
        complaints.append("nobody operates but to suspend and resume: \(entry)")
      case .workflowPending, .workflowStarted, .workflowCompleted, .workflowFaulted, .workflowCancelled,
        .contextExported, .workflowSuspended, .workflowResumed, .callQueued:
        break
      }
    }
    releaseQueued()
  }

  /// There is room at once: a channel that is full for a moment makes no difference. Now and then the next one is; but
  /// where branches run side by side, the order within one step would become another.
  private mutating func releaseQueued() {
    for call in state.openCalls where call.isQueued {
      tally.queued += 1
      take(engine.release(call.activity, state: &state, now: clock).entries)
    }
    engine.admission = CallAdmission(isFull: dice.chance(20) && !engine.definition.source.contains("fork"))
  }

  /// Every execution of a task begins once and ends once.
  private mutating func balance(_ entry: JournalEntry) {
    switch entry {
    case .taskStarted(let activity, let reference):
      if activity < nextActivity { complaints.append("the execution \(activity) of \(reference) is not new") }
      nextActivity = activity + 1
      open[activity] = reference
    case .taskCompleted(let activity, let reference, _), .taskCancelled(let activity, let reference),
      .taskFaulted(let activity?, let reference, _):
      if open.removeValue(forKey: activity) != reference { complaints.append("\(reference) ended without being open") }
    case .attemptFailed(let activity, let reference, let attempt, _, let retryAt):
      if open[activity] != reference { complaints.append("\(reference) failed without being open") }
      jitters[.init(reference: reference, attempt: attempt, failedAt: now)] =
        retryAt - (state.suspension?.since ?? clock)
    case .requested(let request):
      if open[request.activity] != request.reference {
        complaints.append("\(request.reference) asks without being open")
      }
    default: return
    }
  }

  private mutating func check(_ entry: JournalEntry) {
    do {
      let read = try JournalEntry(try JSON.parse(entry.json.serialized()))
      if read != entry { complaints.append("a journal entry changed: \(entry)") }
    } catch {
      complaints.append("a journal entry cannot be read: \(entry): \(error)")
    }
  }

  private mutating func send(_ request: Request) {
    if sent.contains(request.id) { complaints.append("the id \(request.id) was given twice") }
    sent.append(request.id)
    seen.note("> \(request.channel) \(request.data.canonicalText) #\(request.attempt)", request.reference, at: now)
    tally.requests += 1
    switch world.answer(
      to: request.reference, channel: request.channel, data: request.data, attempt: request.attempt, at: now)
    {
    case .silence: break
    case .reply(let delay, let outcome): agenda.append((now + delay, .reply(request.id, outcome)))
    case .undeliverable(let delay): agenda.append((now + delay, .undeliverable(request.id)))
    }
  }

  private var children: [UUIDValue: String] = [:]

  private mutating func start(_ child: ChildStart) {
    let name = "\(child.namespace)/\(child.name)/\(child.version)"
    seen.note("* \(name) \(child.input.canonicalText) \(child.isAwaited)", child.reference, at: now)
    if children.updateValue(child.reference, forKey: child.id) != nil {
      complaints.append("\(child.id) was started twice")
    }
    guard child.isAwaited else {
      let (delay, outcome) = world.beginning(at: child.reference, name: name, input: child.input, at: now)
      agenda.append((now + delay, .child(child.id, outcome)))
      return
    }
    var told = state
    let step = engine.child(child.id, .started, state: &told, now: clock)
    if told != state || !step.entries.isEmpty { complaints.append("that \(child.id) has begun did something") }
    guard let (delay, outcome) = world.child(at: child.reference, name: name, input: child.input, at: now)
    else { return }
    agenda.append((now + delay, .child(child.id, outcome)))
  }

  static func name(_ phase: Activity.Phase) -> String {
    switch phase {
    case .sequence: "sequence"
    case .requested: "requested"
    case .retrying: "retrying"
    case .queued: "queued"
    case .waiting: "waiting"
    case .loop: "loop"
    case .fork: "fork"
    case .branch: "branch"
    case .trying(let progress):
      switch progress.stage {
      case .trying: "trying"
      case .pausing: "pausing"
      case .catching: "catching"
      }
    case .listening: "listening"
    case .child: "child"
    case .extended(let progress):
      switch progress.stage {
      case .before: "extended before"
      case .task: "extended task"
      case .after: "extended after"
      }
    case .compensating: "compensating"
    }
  }
}
