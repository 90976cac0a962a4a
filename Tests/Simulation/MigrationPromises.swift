import Engine
import Mediator
import Values
import Workflow

/// What must hold of instances that go on in another version, said without the planner's help: by names, kinds and
/// channels.
extension SimulatedDatabase {
  /// An instance is another version's exactly when its journal says so; whatever is open in it is a task of its version.
  func checkMigrations(_ batch: ShardBatch, _ tables: inout Tables) {
    for instance in batch.updated {
      guard let known = tables.instances[instance.id] else { continue }
      let rows = batch.journal.filter { $0.instance == instance.id }
      tables.violations += brokenChain(known, instance, rows)
      let audit = batch.audit.filter { $0.command.instance == instance.id }
      let migrations = rows.flatMap(\.entries).count { $0.migration != nil }
      if migrations != audit.count(where: \.isAppliedMigration) {
        tables.violations.append("\(instance.id.text) is migrated \(migrations) times, and the audit says otherwise")
      }
      // Nothing else happened that the journal would not tell: events that rest until it is resumed or has heard all.
      let isQuiet = known.state.status != .suspended && !known.state.isListening
      guard isQuiet, audit.allSatisfy({ $0.command.verb == MigrationRequest.verb }) else { continue }
      let (before, after) = (known.state.withoutProgress, instance.state.withoutProgress)
      if !audit.isEmpty, rows.isEmpty, before != after {
        tables.violations.append("\(instance.id.text) is another after a migration that was refused")
      }
      if migrations == 1, rows.count == 1, let row = audit.first(where: \.isAppliedMigration) {
        let isMapped = row.command.arguments["map"] != nil
        tables.violations += lostOnTheWay(before, after, isMapped).map {
          "\(instance.id.text) is migrated, and \($0)"
        }
      }
    }
    for instance in batch.started + batch.updated { tables.violations += strangers(instance) }
  }

  private func brokenChain(_ known: StoredInstance, _ instance: StoredInstance, _ rows: [JournalRow]) -> [String] {
    var version = deployments.version(known.definition)
    for row in rows {
      guard let record = row.entries.compactMap(\.migration).first else { continue }
      if record.from != version { return ["\(instance.id.text) is migrated from \(record.from), and ran \(version)"] }
      version = record.to
      if row.entries.count > 1 { return ["the migration of \(instance.id.text) does more than that"] }
    }
    let isSame = deployments.workflow(known.definition) == deployments.workflow(instance.definition)
    if isSame, version == deployments.version(instance.definition) { return [] }
    return ["\(instance.id.text) is of the definition \(instance.definition), its journal says \(version)"]
  }

  /// A migration by itself starts, ends and forgets nothing, and asks for nothing anew.
  private func lostOnTheWay(_ before: InstanceState, _ after: InstanceState, _ isMapped: Bool) -> [String] {
    var problems: [String] = []
    func same<Value: Equatable>(_ what: String, _ value: (InstanceState) -> Value) {
      if value(before) != value(after) { problems.append("its \(what) is another: \(value(before)), \(value(after))") }
    }
    same("status") { $0.status }
    if before.status.isTerminal, before.status != .faulted { problems.append("it had ended as \(before.status)") }
    same("input") { $0.input }
    same("context") { $0.context }
    same("deadline") { $0.deadline }
    same("next activity") { $0.nextActivity }
    same("error") { $0.error?.status }
    same("ending") { $0.ending }
    same("number of steps to do") { $0.unfinished.count }
    same("number of compensations") { $0.compensations.count }
    same("open activities") { $0.activities.map(\.id) }
    same("kept activities") { $0.checkpoint?.activities.map(\.id) }
    same("failed activity") { $0.checkpoint?.failed }
    if before.unfinished.isEmpty { same("next moment") { $0.wakeAt } }
    for (old, new) in zip(before.activities, after.activities) {
      let isKept =
        old.parent == new.parent && old.startedAt == new.startedAt && old.deadline == new.deadline
        && old.input == new.input && old.rawInput == new.rawInput && old.phase.work == new.phase.work
        && old.phase.keyword == new.phase.keyword
      if !isKept || !isMapped && old.names != new.names { problems.append("\(old.reference) is \(new.reference)") }
    }
    return problems
  }

  /// What is open and has no task of that kind in the instance's version.
  private func strangers(_ instance: StoredInstance) -> [String] {
    guard let definition = deployments.engine(instance.definition)?.definition else {
      return ["\(instance.id.text) has the definition \(instance.definition), which does not exist"]
    }
    let kept = instance.state.checkpoint
    return (instance.state.activities + (kept?.activities ?? [])).filter { $0.isTask }.compactMap { activity in
      // The failed one begins anew, whatever it is.
      let task = definition.task(at: activity.reference)
      if let task, activity.id == kept?.failed || activity.phase.suits(task.kind) { return nil }
      return "\(instance.id.text) has \(activity.reference) open as \(activity.phase.keyword), which "
        + "\(definition.document.version) has not"
    }
  }
}

extension Simulation {
  /// From the beginning to the end, each instance did what the version that it had at that time says.
  func brokenVersions(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    var entries: [UUIDValue: [JournalEntry]] = [:]
    for rows in tables.journal.values { for row in rows { entries[row.instance, default: []] += row.entries } }
    for (id, entries) in entries {
      guard let instance = tables.instances[id], var number = tables.startedAs[id] else { continue }
      for entry in entries {
        if let record = entry.migration {
          guard let next = deployments.number(deployments.workflow(number), record.to) else {
            problems.append("\(id.text) is migrated to \(record.to), which does not exist")
            break
          }
          number = next
        }
        if let reference = entry.stranger(in: deployments.engine(number)?.definition) {
          problems.append("\(id.text) has \(reference) in its journal, which is none of \(deployments.version(number))")
        }
      }
      if number != instance.definition { problems.append("\(id.text) has not the version that its journal says") }
    }
    return problems
  }
}

extension Conversations.Ending {
  /// The other versions differ in places only: whatever runs can go on in them.
  func refusedMigrations() -> [String] {
    tables.operations.audit.values.compactMap { row in
      guard row.command.verb == MigrationRequest.verb, row.command.arguments["map"] == nil,
        case .refused(let why) = row.outcome,
        !["has ended as", "already", "has no version"].contains(where: { why.contains($0) })
      else { return nil }
      return "a migration was refused: \(why)"
    }
  }
}

extension Deployments {
  func version(_ number: Int32) -> String { engine(number).map { "\($0.definition.document.version)" } ?? "none" }

  func workflow(_ number: Int32) -> String { engine(number)?.definition.document.name ?? "none" }

  func number(_ workflow: String, _ version: String) -> Int32? {
    all.first { $0.definition.document.name == workflow && "\($0.definition.document.version)" == version }?.number
  }
}

extension AuditRow {
  fileprivate var isAppliedMigration: Bool {
    if case .applied = outcome { command.verb == MigrationRequest.verb } else { false }
  }
}

extension InstanceState {
  /// What processors tell of their progress is in no journal.
  fileprivate var withoutProgress: InstanceState {
    var copy = self
    copy.updatedAt = startedAt
    for place in copy.activities.indices {
      guard case .requested(var call) = copy.activities[place].phase else { continue }
      call.progress = nil
      copy.activities[place].phase = .requested(call)
    }
    return copy
  }

  fileprivate var isListening: Bool {
    activities.contains { if case .listening = $0.phase { true } else { false } }
  }
}

extension JournalEntry {
  var migration: MigrationRecord? { if case .migrated(let record, _) = self { record } else { nil } }

  /// The task that it speaks of, where the definition has none there, or asks for something else.
  fileprivate func stranger(in definition: WorkflowDefinition?) -> String? {
    switch self {
    case .taskStarted(_, let reference), .taskCompleted(_, let reference, _), .taskSkipped(let reference):
      return definition?.task(at: reference) == nil ? reference : nil
    case .requested(let request):
      guard case .call(let call)? = definition?.task(at: request.reference)?.kind, call.channel == request.channel
      else { return request.reference }
      return nil
    default: return nil
    }
  }
}

extension Activity {
  /// The names on the way to the task, without the places.
  fileprivate var names: [Substring] { reference.split(separator: "/").filter { Int($0) == nil } }
}

extension Activity.Phase {
  /// What it is to end by, where another version must not change that.
  fileprivate var work: AnyHashable? {
    switch self {
    case .requested(let call), .queued(let call): call
    case .retrying(let call, let retryAt): [call, retryAt] as [AnyHashable]
    case .waiting(let until): until
    case .loop(let progress): progress
    case .trying(let progress): progress
    case .child(let id): id
    case .sequence, .fork, .branch, .listening, .extended, .compensating: nil
    }
  }

  fileprivate var keyword: String {
    switch self {
    case .sequence: "do"
    case .requested, .retrying, .queued: "call"
    case .waiting: "wait"
    case .loop: "for"
    case .fork: "fork"
    case .branch: "branch"
    case .trying: "try"
    case .listening: "listen"
    case .child: "run"
    case .extended: "extension"
    case .compensating: "compensation"
    }
  }

  fileprivate func suits(_ kind: TaskKind) -> Bool {
    switch (self, kind) {
    case (.requested(let call), .call(let asked)), (.retrying(let call, _), .call(let asked)),
      (.queued(let call), .call(let asked)):
      call.channel == asked.channel
    case (.sequence, .do), (.sequence, .function), (.sequence, .extended), (.waiting, .wait), (.loop, .for),
      (.fork, .fork), (.trying, .try), (.listening, .listen), (.child, .run):
      true
    // Its child has ended, and it waits until its instance is resumed.
    case (.sequence, .run): true
    default: false
    }
  }
}
