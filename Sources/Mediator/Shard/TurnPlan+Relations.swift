import Engine
import Kafka
import Safeguards
import Values
import Wire
import Workflow

/// What one instance means to others: those it starts, those that wait for it, those that start after it.
extension TurnPlan {
  mutating func follow(_ id: UUIDValue, _ entry: JournalEntry) {
    switch entry {
    case .childStarted(let child): start(child, of: id)
    case .childCancelled(let child): cancel(child, of: id)
    default: return
    }
  }

  private mutating func start(_ child: ChildStart, of id: UUIDValue) {
    guard let parent = instances[id] else { return }
    let workflow = "\(child.namespace)/\(child.name)"
    guard let entry = catalog.entry(workflow, version: child.version) else {
      unknownWorkflows.insert(workflow)
      let detail = "the workflow \(workflow) \(child.version) is not deployed"
      return tell(id, of: child.id, .faulted(Problems.configuration(detail, at: child.reference)))
    }
    // A workflow that runs itself would otherwise fill this turn, and every one that tries it again.
    guard parent.depth < Self.maxDepth else {
      let detail = "workflows have started one another \(Self.maxDepth) deep: do they run themselves?"
      return tell(id, of: child.id, .faulted(Problems.runtime(detail, at: child.reference)))
    }
    begin(
      entry, id: child.id, input: child.input, key: parent.key, eventID: "\(id.text).\(child.activity)",
      eventSource: catalog[parent.definition]?.source ?? "/", parent: id, depth: parent.depth + 1)
    // How one that is awaited ends, its parent is told when it does.
    if !child.isAwaited { tell(id, of: child.id, .started) }
  }

  /// How deep workflows may start one another.
  static let maxDepth = 50
  /// How often instances may be told of others within one plan; what follows from more is left to the next turn.
  static let maxAnswers = 1_000

  private mutating func cancel(_ child: UUIDValue, of parent: UUIDValue) {
    guard let instance = find(child), !instance.state.status.isTerminal, Safeguard.holds(.childCancelled) else {
      return
    }
    step(child) { engine, state, now in
      engine.cancel(
        "the workflow that started it went on without it", compensating: true, state: &state, now: now)
    }
  }

  /// Tells an instance how another one that it started has ended. Both live on one shard.
  mutating func tell(_ parent: UUIDValue, of child: StoredInstance) {
    guard let waiting = find(parent), !waiting.state.status.isTerminal, Safeguard.holds(.childEndTold) else { return }
    let outcome: ChildOutcome
    switch child.state.status {
    case .completed: outcome = .completed(child.state.output ?? .null)
    case .cancelled: outcome = .cancelled
    default:
      outcome = .faulted(
        child.state.error ?? Problems.runtime("the workflow failed", at: "/"))
    }
    tell(parent, of: child.id, outcome)
  }

  private mutating func tell(_ parent: UUIDValue, of child: UUIDValue, _ outcome: ChildOutcome) {
    answers += 1
    // A loop over instances that end at once would otherwise be a turn without end.
    let isLater = answers > Self.maxAnswers
    step(parent) { engine, state, now in
      engine.child(child, outcome, isLater: isLater, state: &state, now: now)
    }
  }

  // MARK: Schedules

  /// Where the events of a schedule's own starts come from.
  static func scheduleSource(_ workflow: String) -> String { "/schedules/\(workflow)" }

  /// Starts the instance of a workflow whose time has come.
  mutating func fire(_ row: ScheduleRow, at due: Timestamp) {
    batch.newestDefinition = catalog.newest
    guard let (entry, schedule) = timed(row.workflow) else { return unschedule(row.workflow) }
    let source = Self.scheduleSource(row.workflow)
    let id = InstanceID.make(workflow: row.workflow, source: source, id: due.rfc3339)
    // An instance that ends at once says itself when the next one starts.
    let next = Safeguard.holds(.scheduleMovesOn) ? schedule.next(after: due, now: now) : due
    schedules[row.workflow] = ScheduleRow(workflow: row.workflow, definition: entry.number, nextAt: next)
    if let known = instances[id] {
      // Its end will not come again.
      if known.state.status.isTerminal { scheduleAfter(known) }
      return
    }
    begin(entry, id: id, input: [:], key: nil, eventID: due.rfc3339, eventSource: source)
  }

  /// Does not start the instance that is due, because that cannot be stored: the next time is another chance.
  mutating func skip(_ row: ScheduleRow, at due: Timestamp) {
    guard let (entry, schedule) = timed(row.workflow) else { return unschedule(row.workflow) }
    let next = schedule.next(after: due, now: now) ?? schedule.after.map { now + $0 }
    schedules[row.workflow] = ScheduleRow(workflow: row.workflow, definition: entry.number, nextAt: next)
  }

  /// Unless another version has become the latest since this was found out: then the next look finds that out.
  mutating func plan(_ row: ScheduleRow) {
    batch.newestDefinition = catalog.newest
    if catalog.latest(of: row.workflow)?.number == row.definition { schedules[row.workflow] = row }
  }

  mutating func unschedule(_ workflow: String) {
    batch.newestDefinition = catalog.newest
    if timed(workflow) == nil { batch.unscheduled.append(workflow) }
  }

  mutating func scheduleAfter(_ instance: StoredInstance) {
    guard let entry = catalog[instance.definition], instance.eventSource == Self.scheduleSource(entry.workflow) else {
      return
    }
    guard let (latest, schedule) = timed(entry.workflow) else {
      // Nothing comes after it. A version that is restored later begins anew.
      if entry.definition.schedule?.after != nil { batch.unscheduled.append(entry.workflow) }
      return
    }
    guard let pause = schedule.after else { return }
    schedules[entry.workflow] = ScheduleRow(workflow: entry.workflow, definition: latest.number, nextAt: now + pause)
  }

  /// The version of a workflow that the time starts, if it does.
  private func timed(_ workflow: String) -> (entry: DefinitionCatalog.Entry, schedule: Schedule)? {
    guard let entry = catalog.latest(of: workflow), let schedule = entry.definition.schedule, schedule.isTimed else {
      return nil
    }
    return (entry, schedule)
  }

  private var schedules: [String: ScheduleRow] {
    get { Dictionary(batch.schedules.map { ($0.workflow, $0) }) { _, last in last } }
    set { batch.schedules = newValue.values.sorted { $0.workflow < $1.workflow } }
  }
}

extension JournalEntry {
  /// Whether it is about another instance.
  var isRelation: Bool {
    switch self {
    case .childStarted, .childCancelled: true
    default: false
    }
  }

  /// Whether an instance ends with it.
  var isEnd: Bool {
    switch self {
    case .workflowCompleted, .workflowFaulted, .workflowCancelled: true
    default: false
    }
  }
}
