import Engine
import Mediator
import Values
import Workflow

/// What an operator may ask for.
enum Verb: String, CaseIterable, Sendable {
  case suspend, resume, cancel, retry, rerun, skip, override, replay, migrate

  func suits(_ status: InstanceStatus) -> Bool {
    switch self {
    case .suspend, .cancel: !status.isTerminal
    case .resume: status == .suspended
    case .retry, .skip, .override, .migrate: status == .faulted || !status.isTerminal
    case .rerun, .replay: true
    }
  }
}

/// What operators have asked for so far.
struct Operators {
  private(set) var submitted: [OperatorCommand] = []

  mutating func command(_ verb: String, _ arguments: JSON, on instance: UUIDValue, at now: Timestamp) -> OperatorCommand
  {
    let number = submitted.count + 1
    let command = OperatorCommand(
      request: UUIDValue(digestOf: "request.\(number)"), instance: instance, verb: verb, arguments: arguments,
      author: "ann", reason: Self.reason(number), requestedAt: now)
    submitted.append(command)
    return command
  }

  /// Every command has a reason of its own, so that the journal tells them apart.
  private static func reason(_ number: Int) -> String { "reason \(number)" }
}

/// Operators at work: they hand commands in, whoever owns the shard at the moment.
extension Simulation {
  mutating func operate() {
    guard !verbs.isEmpty else { return }
    if let again = operators.submitted.randomElement(using: &random), random.chance(0.25) {
      // Nobody has told him what became of it.
      faults.count(.repeatedCommand)
      return database.submit(again, slipsThrough: random.chance(0.5))
    }
    guard let verb = verbs.randomElement(using: &random) else { return }
    // Mostly one that the verb is for.
    let isCareless = random.chance(0.2)
    var instances = database.read { tables in
      tables.instances.values.filter { isCareless || verb.suits($0.state.status) }
        .sorted { ($0.id.high, $0.id.low) < ($1.id.high, $1.id.low) }
    }
    if verb == .migrate {
      instances.removeAll { deployments.otherVersions(than: $0.definition, isForesighted: isCareless).isEmpty }
      // What has faulted would be most of them.
      let open = instances.filter { !$0.state.status.isTerminal }
      if !open.isEmpty, !isCareless { instances = open }
    }
    guard let instance = instances.randomElement(using: &random), let (name, arguments) = ask(verb, of: instance)
    else { return }
    faults.count(.operatorVerb)
    submit(name, arguments, on: instance.id)
  }

  /// What was suspended may go on.
  ///
  /// - Returns: whether there was something.
  mutating func resumeAll() -> Bool {
    let suspended = database.read { tables in
      tables.instances.values.filter { $0.state.status == .suspended }.map(\.id)
    }
    for id in suspended.sorted(by: { ($0.high, $0.low) < ($1.high, $1.low) }) {
      submit(Operation.resume.verb, Operation.resume.json, on: id)
    }
    return !suspended.isEmpty
  }

  private mutating func submit(_ verb: String, _ arguments: JSON, on instance: UUIDValue) {
    let command = operators.command(verb, arguments, on: instance, at: clock.now())
    faults.note("operator \(verb) \(instance.text)", Int64(operators.submitted.count))
    database.submit(command)
  }

  /// The verb with its arguments, or nil where the command line would not have let it through.
  private mutating func ask(_ verb: Verb, of instance: StoredInstance) -> (String, JSON)? {
    switch verb {
    case .suspend: return named(.suspend)
    case .resume: return named(.resume)
    case .cancel: return named(.cancel(compensating: random.chance(0.5)))
    case .retry: return named(.retry)
    case .rerun: return rerun(instance)
    case .skip:
      let task = task(of: instance)
      return named(.skip(task: task, output: ["n": 1, "ok": true, "s": "a", "list": [1]]))
    case .override:
      return named(.override(random.chance(0.5) ? .context : .input(task: task(of: instance)), ["n": 2]))
    case .replay: return (OperatorCommand.replayVerb, ["latest": .bool(random.chance(0.5))])
    case .migrate: return migrate(instance)
    }
  }

  private func named(_ operation: Operation) -> (String, JSON) { (operation.verb, operation.json) }

  /// One of the open tasks; none where the instance has ended: the failed one is meant.
  private mutating func task(of instance: StoredInstance) -> String? {
    guard !instance.state.status.isTerminal || random.chance(0.1) else { return nil }
    return instance.state.activities.map(\.reference).randomElement(using: &random)
  }

  private mutating func rerun(_ instance: StoredInstance) -> (String, JSON)? {
    let journal = database.read { tables in
      (tables.journal[instance.shard] ?? []).filter { $0.instance == instance.id }.flatMap(\.entries)
    }
    let begun = journal.compactMap { if case .taskStarted(_, let reference) = $0 { reference } else { nil } }
    guard let engine = deployments.engine(instance.definition), let task = begun.randomElement(using: &random),
      case .start(let start) = engine.rerunStart(from: task, instance: instance.state, journal: journal)
    else { return nil }
    return named(.rerun(start))
  }

  /// To another version of its workflow, higher or lower, that may not be deployed yet. Now and then a task is mapped to
  /// the one in its place, whatever that is.
  private mutating func migrate(_ instance: StoredInstance) -> (String, JSON)? {
    let others = deployments.otherVersions(than: instance.definition, isForesighted: random.chance(0.1))
    guard let own = deployments.engine(instance.definition)?.definition,
      let other = others.randomElement(using: &random)
    else { return nil }
    var renames: [String: String] = [:]
    let place = random.below(max(1, min(own.tasks.count, other.tasks.count)))
    if random.chance(0.15) { renames[own.tasks[place].ownReference] = other.tasks[place].ownReference }
    let migration = MigrationRequest(version: "\(other.document.version)", renames: renames)
    return (MigrationRequest.verb, migration.json)
  }
}

extension TaskDefinition {
  /// As people name it, whatever extensions stand around it.
  fileprivate var ownReference: String { String(reference.prefix { $0 != "#" }) }
}
