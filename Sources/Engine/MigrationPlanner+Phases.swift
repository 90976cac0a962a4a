import Values
import Workflow

/// How far an open task has come, in the words of the new version.
extension MigrationPlanner {
  /// - Parameter scope: what the task stands in.
  /// - Returns: nil when it is refused.
  mutating func phase(
    _ activity: Activity, _ task: TaskDefinition, _ other: TaskDefinition, _ isFailed: Bool, in scope: ScopePair,
    _ carried: inout Carried
  ) -> Activity.Phase? {
    if isFailed { return failedPhase(activity, task, other) }
    guard task.kind.isOfKind(other.kind) else {
      refuse(
        .kindChanged, task.inner.reference, "it is open as '\(task.kind.keyword)' and is '\(other.kind.keyword)' now",
        "wait for its end, or skip it")
      return nil
    }
    if task.extended == nil, task.json["timeout"] != other.json["timeout"], activity.dueAt != nil {
      note("it keeps the deadline that it has")
    }
    switch (activity.phase, task.kind, other.kind) {
    case (.requested(let call), _, .call(let asked)), (.retrying(let call, _), _, .call(let asked)),
      (.queued(let call), _, .call(let asked)):
      return isAsked(call, task, other, asked) ? activity.phase : nil
    case (.waiting, _, _):
      if task.json["wait"] != other.json["wait"] { note("it ends when it was to end") }
      return activity.phase
    case (.sequence(let position), .do(let before), .do(let after)):
      let inside = ScopePair(old: before, new: after)
      carried.scopes[activity.id] = inside
      return .sequence(position: place(position, in: inside))
    case (_, .function(let before), .function(let after)):
      guard before.name == after.name else {
        return refused(task, .kindChanged, "it calls the function '\(after.name)' now, and '\(before.name)' is open")
      }
      carried.scopes[activity.id] = ScopePair(old: before.body, new: after.body)
    case (.loop, .for(let before), .for(let after)):
      carried.scopes[activity.id] = ScopePair(old: before.tasks, new: after.tasks)
      if before.in.source != after.in.source { note("it goes through the items that it has") }
    case (.fork(let outputs), .fork(let before), .fork(let after)):
      return fork(activity, outputs, task, before, after, &carried)
    case (.trying(let progress), .try(let before), .try(let after)):
      return attempt(activity, progress, task, before, after, &carried)
    case (.listening(let progress), .listen(let before), .listen(let after)):
      return listen(activity, progress, task, other, before, after, &carried)
    case (.child, .run(let before), .run(let after)):
      return child(activity, task, before, after)
    case (.extended(let progress), .extended(let before), .extended(let after)):
      return extended(activity, progress, task, before, after, in: scope, &carried)
    default: break
    }
    return activity.phase
  }

  mutating func refused(
    _ task: TaskDefinition, _ code: MigrationPlan.Refusal.Code, _ reason: String,
    _ hint: String = "wait for its end, or skip it"
  ) -> Activity.Phase? {
    refuse(code, task.inner.reference, reason, hint)
    return nil
  }

  // MARK: Calls

  private mutating func isAsked(
    _ call: PendingCall, _ task: TaskDefinition, _ other: TaskDefinition, _ asked: Call
  ) -> Bool {
    guard call.channel == asked.channel else {
      _ = refused(
        task, .channelChanged,
        "its processing event is out on channel '\(call.channel)', and it calls '\(asked.channel)' now")
      return false
    }
    if task.json["with"] != other.json["with"] { note("what it has asked for stays, also in further attempts") }
    return true
  }

  /// The failed task of a faulted instance begins anew, whatever it is now; but what may have happened must not happen
  /// a second time under another name.
  private mutating func failedPhase(
    _ activity: Activity, _ task: TaskDefinition, _ other: TaskDefinition
  ) -> Activity.Phase? {
    switch activity.phase {
    // Its processor has said that it failed for good: whatever it is now begins anew.
    case .requested(let call) where call.isPutDown: return activity.phase
    case .requested(let call), .retrying(let call, _), .queued(let call):
      guard case .call(let asked) = other.kind, asked.channel == call.channel else {
        return refused(
          task, .channelChanged,
          "whether its processing event on channel '\(call.channel)' had an effect is not known, and it is no call of "
            + "that channel any more", "skip it first, or cancel the instance")
      }
      return activity.phase
    default: return .sequence(position: 0)
    }
  }

  // MARK: Scopes

  private mutating func fork(
    _ activity: Activity, _ outputs: [JSON?], _ task: TaskDefinition, _ before: Fork, _ after: Fork,
    _ carried: inout Carried
  ) -> Activity.Phase? {
    guard before.compete == after.compete else {
      return refused(
        task, .scopeChanged, after.compete ? "its branches compete now" : "its branches do not compete any more")
    }
    let scope = ScopePair(old: before.branches, new: after.branches, isOrdered: false)
    var moved: [JSON?] = Array(repeating: nil, count: after.branches.count)
    for (place, branch) in before.branches.enumerated() {
      guard case .task(let other) = pairing.counterpart(of: branch, in: scope) else {
        return refused(task, .scopeChanged, "it has no branch '\(branch.name)' any more")
      }
      if outputs.indices.contains(place) { moved[other.index] = outputs[place] }
    }
    guard before.branches.count == after.branches.count else {
      return refused(task, .scopeChanged, "it has more branches now, and those would never be started")
    }
    carried.scopes[activity.id] = scope
    return .fork(outputs: moved)
  }

  private mutating func attempt(
    _ activity: Activity, _ progress: TryProgress, _ task: TaskDefinition, _ before: TryCatch, _ after: TryCatch,
    _ carried: inout Carried
  ) -> Activity.Phase? {
    switch progress.stage {
    case .trying: carried.scopes[activity.id] = ScopePair(old: before.tasks, new: after.tasks)
    case .pausing: break
    case .catching:
      guard let scope = ScopePair.both(before.catch.tasks, after.catch.tasks).first else {
        return refused(task, .scopeChanged, "the tasks of its 'catch' run, and it has none any more")
      }
      carried.scopes[activity.id] = scope
    }
    return activity.phase
  }

  // MARK: Events and other workflows

  /// What listens was put down for events to find, and what it has consumed belongs to its filters.
  private mutating func listen(
    _ activity: Activity, _ progress: ListenProgress, _ task: TaskDefinition, _ other: TaskDefinition,
    _ before: Listen, _ after: Listen, _ carried: inout Carried
  ) -> Activity.Phase? {
    guard task.json["listen"] == other.json["listen"] else {
      return refused(
        task, .listenerChanged, "what it listens to, its correlations or how events are read is another now")
    }
    guard (before.iterator == nil) == (after.iterator == nil),
      (before.iterator?.tasks == nil) == (after.iterator?.tasks == nil)
    else {
      return refused(task, .scopeChanged, "what is done with every event ('foreach') is in only one of the versions")
    }
    if let scope = ScopePair.both(before.iterator?.tasks, after.iterator?.tasks).first {
      carried.scopes[activity.id] = scope
    }
    return activity.phase
  }

  private mutating func child(
    _ activity: Activity, _ task: TaskDefinition, _ before: WorkflowRun, _ after: WorkflowRun
  ) -> Activity.Phase? {
    guard before.namespace == after.namespace, before.name == after.name, before.await == after.await else {
      return refused(
        task, .kindChanged,
        "it has started \(before.namespace)/\(before.name) and \(before.await ? "waits" : "does not wait") for its end, "
          + "and runs another workflow or waits otherwise now")
    }
    if before.version != after.version { note("the workflow that it has started goes on in its version") }
    return activity.phase
  }

  // MARK: Extensions

  private mutating func extended(
    _ activity: Activity, _ progress: ExtendedProgress, _ task: TaskDefinition, _ before: ExtendedTask,
    _ after: ExtendedTask, in scope: ScopePair, _ carried: inout Carried
  ) -> Activity.Phase? {
    var applicable: [Int] = []
    for place in progress.applicable where before.extensions.indices.contains(place) {
      let name = before.extensions[place].name
      guard let other = after.extensions.firstIndex(where: { $0.name == name }) else {
        return refused(task, .scopeChanged, "the extension '\(name)' around it is gone")
      }
      applicable.append(other)
    }
    func layer(_ place: Int) -> (old: Extension, new: Extension) {
      (before.extensions[progress.applicable[place]], after.extensions[applicable[place]])
    }
    let inside: ScopePair?
    switch progress.stage {
    case .before(let place): inside = ScopePair.both(layer(place).old.before, layer(place).new.before).first
    case .task: inside = ScopePair(old: before.body, new: after.body)
    case .after(let place): inside = ScopePair.both(layer(place).old.after, layer(place).new.after).first
    }
    guard let inside else {
      return refused(task, .scopeChanged, "what its extension runs at this moment is gone")
    }
    carried.scopes[activity.id] = inside
    var moved = ExtendedProgress(applicable: applicable, stage: progress.stage)
    moved.output = progress.output
    moved.directive = progress.directive
    if case .task(let name)? = progress.directive {
      guard let target = scope.old.index(ofTaskNamed: name),
        case .task(let other) = pairing.counterpart(of: scope.old[target], in: scope)
      else { return refused(task, .taskGone, "it goes on to '\(name)', which is gone") }
      moved.directive = .task(other.name)
    }
    return .extended(moved)
  }
}

extension TaskKind {
  /// Whether an open execution of the one can be one of the other.
  fileprivate func isOfKind(_ other: TaskKind) -> Bool {
    switch (self, other) {
    case (.function, .function), (.extended, .extended): true
    case (.function, _), (_, .function), (.extended, _), (_, .extended): false
    default: keyword == other.keyword
    }
  }
}
