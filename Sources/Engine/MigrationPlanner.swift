import Values
import Workflow

/// Looks for everything that a state keeps by reference in another version, and refuses what is not safe. Pure.
struct MigrationPlanner {
  let old: WorkflowDefinition
  let new: WorkflowDefinition
  let secrets: JSON
  let pairing: TaskPairing
  private(set) var tasks: [MigrationPlan.Task] = []
  private(set) var notes: [String] = []
  private(set) var refusals: [MigrationPlan.Refusal] = []

  init(from old: WorkflowDefinition, to target: Engine, renames: [String: String]) {
    self.old = old
    new = target.definition
    secrets = target.options.secrets
    pairing = TaskPairing(old, new, renames: renames)
  }

  /// Open activities in the new version, and the scopes that they run.
  struct Carried {
    var activities: [Activity] = []
    var scopes: [Int: ScopePair] = [:]
  }

  mutating func plan(_ state: InstanceState) -> MigrationPlan {
    var state = state
    checkWorkflow()
    if refusals.isEmpty { checkInstance(state) }
    if refusals.isEmpty {
      let carried = carry(state.activities, failed: nil)
      state.activities = carried.activities
      state.unfinished = carry(state.unfinished, carried)
      state.compensations = carry(state.compensations)
      state.checkpoint = state.checkpoint.map { carry($0) }
      if old.json["timeout"] != new.json["timeout"], state.deadline != nil {
        notes.append("the workflow keeps the deadline that it has")
      }
    }
    let (from, to) = ("\(old.document.version)", "\(new.document.version)")
    return MigrationPlan(
      from: from, to: to, tasks: tasks, notes: notes, refusals: refusals, state: state,
      record: MigrationRecord(from: from, to: to, moved: pairing.moved))
  }

  private mutating func carry(_ checkpoint: Checkpoint) -> Checkpoint {
    let carried = carry(checkpoint.activities, failed: checkpoint.failed)
    return Checkpoint(
      at: checkpoint.at, activities: carried.activities, moves: carry(checkpoint.moves, carried),
      failed: checkpoint.failed, compensations: carry(checkpoint.compensations), ending: checkpoint.ending,
      error: checkpoint.error)
  }

  // MARK: The whole

  private mutating func checkWorkflow() {
    let (before, after) = (old.document, new.document)
    guard before.namespace == after.namespace, before.name == after.name else {
      return refuse(
        .otherWorkflow, nil,
        "\(after.namespace)/\(after.name) is another workflow than \(before.namespace)/\(before.name)",
        "an instance can only go on in a version of its own")
    }
    guard before.version != after.version else {
      return refuse(
        .sameVersion, nil, "the instance runs version \(after.version) already", "nothing is left to do")
    }
    for mapping in pairing.unknownRenames {
      refuse(
        .unknownMapping, nil, "'\(mapping)' does not map one task of \(before.version) to one of \(after.version)",
        "name both by their references, each once")
    }
  }

  private mutating func checkInstance(_ state: InstanceState) {
    guard !state.status.isTerminal || state.checkpoint != nil else {
      return refuse(
        .ended, nil, "the instance has ended as \(state.status.rawValue), and nothing of it is to be done any more",
        "replay it: with --latest a new one runs the latest version")
    }
    if old.orderKey?.source != new.orderKey?.source {
      refuse(
        .orderKeyChanged, nil, "the order key is another one in \(new.document.version)",
        "instances of both versions would not wait for one another: let this one end")
    }
    checkSecrets()
    let isPending = state.status == .pending || state.suspension?.isPending == true
    if isPending, let violation = new.input?.schema?.violations(of: state.input).first {
      refuse(
        .inputRefused, nil, "its input is not what \(new.document.version) takes: \(violation)",
        "let it run in \(old.document.version), or cancel it")
    }
  }

  private mutating func checkSecrets() {
    for name in new.secrets where secrets[name] == nil {
      refuse(.secretsChanged, nil, "there is no secret '\(name)'", "give it to every mediator first")
    }
    // What stands for a secret may rest in its data, and is only replaced for those whose definition names it.
    for name in old.secrets where !new.secrets.contains(name) {
      refuse(
        .secretsChanged, nil,
        "\(new.document.version) does not use the secret '\(name)' any more, and data of the "
          + "instance may hold it",
        "name it under use.secrets until the instances of \(old.document.version) have ended"
      )
    }
  }

  // MARK: Activities

  private mutating func carry(_ activities: [Activity], failed: Int?) -> Carried {
    var carried = Carried()
    for activity in activities {
      let isFailed = activity.id == failed && activity.isTask
      if let moved = carry(activity, isFailed, &carried) { carried.activities.append(moved) }
    }
    return carried
  }

  private mutating func carry(_ activity: Activity, _ isFailed: Bool, _ carried: inout Carried) -> Activity? {
    guard let parent = activity.parent else { return carryRoot(activity, &carried) }
    // Where it is refused already, what is inside has nothing to add.
    guard let scope = carried.scopes[parent] else { return nil }
    if case .branch(let place) = activity.phase { return carryBranch(activity, place, scope, &carried) }
    guard let task = scope.old.first(where: { $0.reference == activity.reference }) else {
      refuse(
        .taskGone, activity.reference, "version \(old.document.version) has no task at \(activity.reference) itself",
        "rerun the instance from a task that it has")
      return nil
    }
    let role: MigrationPlan.Task.Role = isFailed ? .failed : .open
    guard let other = find(task, in: scope, role, activity) else { return nil }
    guard let phase = phase(activity, task, other, isFailed, in: scope, &carried) else {
      if activity.isTask { tasks[tasks.count - 1].to = nil }
      return nil
    }
    return activity.moved(to: other.reference, phase)
  }

  private mutating func carryRoot(_ activity: Activity, _ carried: inout Carried) -> Activity? {
    var scope = ScopePair(old: old.tasks, new: new.tasks)
    var phase = activity.phase
    if case .compensating(let reference) = phase {
      guard let other = compensated(reference), let before = old.task(at: reference)?.compensation?.function.body,
        let after = other.compensation?.function.body
      else { return nil }
      scope = ScopePair(old: before, new: after)
      phase = .compensating(other.reference)
    } else if case .sequence(let position) = phase {
      phase = .sequence(position: place(position, in: scope))
    }
    carried.scopes[activity.id] = scope
    return activity.moved(to: activity.reference, phase)
  }

  private mutating func carryBranch(
    _ activity: Activity, _ place: Int, _ scope: ScopePair, _ carried: inout Carried
  ) -> Activity? {
    guard scope.old.indices.contains(place),
      case .task(let branch) = pairing.counterpart(of: scope.old[place], in: scope),
      let fork = activity.parent.flatMap({ carried.activities.place(of: $0) }).map({ carried.activities[$0] })
    else { return nil }
    carried.scopes[activity.id] = scope
    return activity.moved(to: fork.reference, .branch(branch.index))
  }

  /// The counterpart of a task that has to be there, with its line in the plan.
  private mutating func find(
    _ task: TaskDefinition, in scope: ScopePair, _ role: MigrationPlan.Task.Role, _ activity: Activity?
  ) -> TaskDefinition? {
    let isTold = activity?.isTask ?? true
    let reference = task.inner.reference
    if isTold { tasks.append(MigrationPlan.Task(role: role, activity: activity?.id, from: reference)) }
    switch pairing.counterpart(of: task, in: scope) {
    case .none:
      refuse(
        .taskGone, reference, "\(new.document.version) has no task '\(task.name)' in that place", hint(task, scope))
      return nil
    case .several:
      refuse(
        .taskAmbiguous, reference, "its scope has more than one task '\(task.name)'",
        "say which is meant: --map \(reference)=REFERENCE")
      return nil
    case .task(let other):
      if isTold { tasks[tasks.count - 1].to = other.inner.reference }
      guard (task.extended == nil) == (other.extended == nil) else {
        refuse(
          .scopeChanged, reference, "extensions stand around it in only one of the versions",
          "wait for its end, or skip it")
        return nil
      }
      if scope.isOrdered { checkOrder(task, other, in: scope) }
      return other
    }
  }

  private func hint(_ task: TaskDefinition, _ scope: ScopePair) -> String {
    let reference = task.inner.reference
    if let other = pairing.renamed(task, in: scope) {
      return "if it is \(other.inner.reference) now, say so: --map \(reference)=\(other.inner.reference)"
    }
    if let elsewhere = new.everyTask.first(where: { $0.name == task.name && $0.extended == nil }) {
      return "a task of that name is at \(elsewhere.reference), where other scopes are around it; wait for the end of "
        + "the open one, or skip it"
    }
    return "wait for its end, or skip it; if it has another name now, say so: --map \(reference)=NEW"
  }

  /// What has run must not run again because it stands elsewhere now.
  private mutating func checkOrder(_ task: TaskDefinition, _ other: TaskDefinition, in scope: ScopePair) {
    var known: Set<Int> = []
    for sibling in scope.old {
      guard case .task(let match) = pairing.counterpart(of: sibling, in: scope) else { continue }
      known.insert(match.index)
      if sibling.index < task.index, match.index > other.index {
        refuse(
          .orderChanged, task.inner.reference,
          "'\(sibling.name)' stood before it and stands behind it now, and would run again",
          "keep the order of what has run")
      } else if sibling.index > task.index, match.index < other.index {
        note("'\(sibling.name)' stands before it now, and does not follow any more")
      }
    }
    for passed in scope.new.prefix(other.index) where !known.contains(passed.index) {
      note("'\(passed.name)' is new before it, and is passed by")
    }
  }

  // MARK: What is kept besides

  private mutating func carry(_ moves: [Move], _ carried: Carried) -> [Move] {
    moves.map { move in
      switch move {
      case .enter(let id, let position, let input):
        guard let scope = carried.scopes[id] else { return move }
        return .enter(scope: id, position: entry(position, in: scope), input: input)
      case .fault(let activity, var problem):
        problem.instance = problem.instance.map { pairing.references[$0] ?? $0 }
        return .fault(activity: activity, problem)
      case .leave, .exit, .complete, .end: return move
      }
    }
  }

  /// Where a scope is about to go on.
  private mutating func entry(_ position: Int, in scope: ScopePair) -> Int {
    if scope.old.indices.contains(position) {
      return find(scope.old[position], in: scope, .next, nil)?.index ?? position
    }
    // It has come to its end, unless the new version has more behind its last task.
    guard let last = scope.old.last else { return 0 }
    guard case .task(let other) = pairing.counterpart(of: last, in: scope) else {
      refuse(
        .taskGone, last.inner.reference, "it has just ended, and \(new.document.version) has no task '\(last.name)'",
        "try again in a moment")
      return position
    }
    return other.index + 1
  }

  /// The place of the task under way, which nothing but people asks for.
  func place(_ position: Int, in scope: ScopePair) -> Int {
    guard scope.old.indices.contains(position),
      case .task(let other) = pairing.counterpart(of: scope.old[position], in: scope)
    else { return min(position, scope.new.count) }
    return other.index
  }

  private mutating func carry(_ compensations: [PendingCompensation]) -> [PendingCompensation] {
    compensations.map { item in
      PendingCompensation(reference: compensated(item.reference)?.reference ?? item.reference, data: item.data)
    }
  }

  /// The task whose compensation is that of a completed one; refused unless it is the same.
  private mutating func compensated(_ reference: String) -> TaskDefinition? {
    let known = tasks.contains { $0.role == .done && $0.from == reference }
    let task = pairing.references[reference].flatMap(new.task)
    let (before, after) = (old.task(at: reference)?.compensation?.function, task?.compensation?.function)
    let isSame = before != nil && before?.name == after?.name
    if !known {
      tasks.append(.init(role: .done, activity: nil, from: reference, to: isSame ? task?.reference : nil))
    }
    if isSame { return task }
    if !known {
      let what = task == nil ? "that task" : "its compensation '\(before?.name ?? "")'"
      refuse(
        .compensationChanged, reference,
        "it is completed and may have to be undone, and \(new.document.version) has "
          + "not \(what)", "keep both until the instances of \(old.document.version) have ended")
    }
    return nil
  }

  // MARK: Telling

  mutating func refuse(
    _ code: MigrationPlan.Refusal.Code, _ task: String?, _ reason: String, _ hint: String
  ) {
    let reason = task.map { "\($0): \(reason)" } ?? reason
    let refusal = MigrationPlan.Refusal(code: code, task: task, reason: reason, hint: hint)
    if !refusals.contains(refusal) { refusals.append(refusal) }
  }

  /// Of the task that was told last.
  mutating func note(_ text: String) {
    guard let last = tasks.indices.last else { return }
    if !tasks[last].notes.contains(text) { tasks[last].notes.append(text) }
  }
}

extension Activity {
  func moved(to reference: String, _ phase: Phase) -> Activity {
    var copy = Activity(
      id: id, parent: parent, reference: reference, startedAt: startedAt, input: input, rawInput: rawInput,
      deadline: deadline, phase: phase)
    copy.postponedBy = postponedBy
    return copy
  }
}
