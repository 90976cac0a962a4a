import Values
import Workflow

/// Scopes: what runs in them, and what follows when they come to their end.
extension Execution {
  mutating func leave(_ scope: Int, _ output: JSON) -> Move? {
    guard let index = state.activityIndex(scope) else { return nil }
    let activity = state.activities[index]
    switch activity.phase {
    case .sequence: return activity.parent == nil ? .end(output: output) : .complete(activity: scope, output: output)
    case .trying: return .complete(activity: scope, output: output)
    case .loop(let loop): return pass(activity, loop, loop.index + 1, output)
    case .branch(let place): return branchEnded(activity, place, output)
    case .listening(let progress): return iterated(activity, progress, output)
    case .extended(let progress): return leaveExtended(activity, progress, output)
    case .compensating: return compensated(activity)
    case .requested, .retrying, .queued, .waiting, .fork, .child: return nil
    }
  }

  /// `exit` ends the scope of its task; before an extended task, it leaves that task out.
  mutating func exit(_ scope: Int, _ output: JSON) -> Move? {
    guard let index = state.activityIndex(scope) else { return nil }
    if case .extended(let progress) = state.activities[index].phase, case .before = progress.stage {
      return .complete(activity: scope, output: output)
    }
    return leave(scope, output)
  }

  /// The task after `position` in order, if its scope has an order: branches have none.
  func following(_ position: Int, in scope: Int, _ output: JSON) -> Move? {
    guard let index = state.activityIndex(scope) else { return nil }
    if case .branch = state.activities[index].phase { return .leave(scope: scope, output: output) }
    return .enter(scope: scope, position: position + 1, input: output)
  }

  // MARK: Loops

  mutating func startLoop(_ loop: ForLoop, _ begun: Begun) throws(ExpressionError) -> Move? {
    let value = try loop.in.evaluate(begun.input, variables: { variable($0, begun) })
    guard case .array(let items) = value else {
      let detail = "'for.in' must give an array, not \(value.kindName)"
      return failedToStart(begun, Problems.expression(detail, at: begun.task.reference))
    }
    let progress = LoopProgress(items: items, index: 0)
    let id = try openTask(begun, phase: .loop(progress))
    guard let index = state.activityIndex(id) else { return nil }
    return pass(state.activities[index], progress, 0, begun.input)
  }

  /// Begins the pass at `index`, or completes the loop.
  private mutating func pass(_ activity: Activity, _ loop: LoopProgress, _ index: Int, _ data: JSON) -> Move? {
    guard index < loop.items.count, let place = state.activityIndex(activity.id),
      let task = definition.task(at: activity.reference), case .for(let definition) = task.kind
    else { return .complete(activity: activity.id, output: data) }
    var loop = loop
    loop.index = index
    state.activities[place].phase = .loop(loop)
    if let condition = definition.while {
      do throws(ExpressionError) {
        let variables = taskScope(task, inside: state.activities[place])
        guard try condition.isTrue(data, variables: variables.value) else {
          return .complete(activity: activity.id, output: data)
        }
      } catch {
        return .fault(activity: activity.id, Problems.expression(error.message, at: activity.reference))
      }
    }
    return .enter(scope: activity.id, position: 0, input: data)
  }

  // MARK: Branches

  mutating func startFork(_ fork: Fork, _ begun: Begun) throws(ExpressionError) -> Move? {
    let id = try openTask(begun, phase: .fork(outputs: Array(repeating: nil, count: fork.branches.count)))
    guard !fork.branches.isEmpty else {
      return .complete(activity: id, output: fork.compete ? begun.input : .array([]))
    }
    for place in fork.branches.indices {
      let branch = open(parent: id, reference: begun.task.reference, input: begun.input, phase: .branch(place))
      queue.append(.enter(scope: branch, position: place, input: begun.input))
    }
    return nil
  }

  private mutating func branchEnded(_ branch: Activity, _ place: Int, _ output: JSON) -> Move? {
    guard let parent = branch.parent, let index = state.activityIndex(parent),
      case .fork(var outputs) = state.activities[index].phase,
      case .fork(let fork)? = definition.task(at: branch.reference)?.kind
    else { return nil }
    if fork.compete { return .complete(activity: parent, output: output) }
    remove(branch.id)
    if outputs.indices.contains(place) { outputs[place] = output }
    state.activities[index].phase = .fork(outputs: outputs)
    guard outputs.allSatisfy({ $0 != nil }) else { return nil }
    return .complete(activity: parent, output: .array(outputs.compactMap(\.self)))
  }

  // MARK: Extensions

  mutating func startExtended(_ extended: ExtendedTask, _ begun: Begun) throws(ExpressionError) -> Move? {
    var applicable: [Int] = []
    let variables = extensionScope(begun.task, in: begun.scope, input: begun.input, startedAt: now)
    for (place, item) in extended.extensions.enumerated() {
      if let when = item.when, try !when.isTrue(begun.input, variables: variables.value) { continue }
      applicable.append(place)
    }
    let progress = ExtendedProgress(applicable: applicable, stage: .before(0))
    let id = try openTask(begun, phase: .extended(progress))
    return enterExtended(id, .before(0), begun.input)
  }

  /// Begins the stage, or the first one after it that has something to run. Extensions wrap around the task like
  /// layers: those that come first before it come last after it.
  private mutating func enterExtended(_ id: Int, _ stage: ExtendedProgress.Stage, _ data: JSON) -> Move? {
    guard let index = state.activityIndex(id), case .extended(var progress) = state.activities[index].phase,
      let extended = extendedTask(state.activities[index])
    else { return nil }
    progress.stage = stage
    state.activities[index].phase = .extended(progress)
    switch stage {
    case .before(let place):
      guard place < progress.applicable.count else { return enterExtended(id, .task, data) }
      if extended.extensions[progress.applicable[place]].before == nil {
        return enterExtended(id, .before(place + 1), data)
      }
    case .task: break
    case .after(let place):
      guard place >= 0 else { return .complete(activity: id, output: data) }
      if extended.extensions[progress.applicable[place]].after == nil {
        return enterExtended(id, .after(place - 1), data)
      }
    }
    return .enter(scope: id, position: 0, input: data)
  }

  private mutating func leaveExtended(_ activity: Activity, _ progress: ExtendedProgress, _ output: JSON) -> Move? {
    switch progress.stage {
    case .before(let place): return enterExtended(activity.id, .before(place + 1), activity.input)
    case .task:
      guard let index = state.activityIndex(activity.id) else { return nil }
      var progress = progress
      progress.output = output
      state.activities[index].phase = .extended(progress)
      return enterExtended(activity.id, .after(progress.applicable.count - 1), output)
    case .after(let place): return enterExtended(activity.id, .after(place - 1), progress.output ?? .null)
    }
  }

  private func extendedTask(_ activity: Activity) -> ExtendedTask? {
    guard case .extended(let extended)? = definition.task(at: activity.reference)?.kind else { return nil }
    return extended
  }

  // MARK: The definition

  /// The tasks of the scope that an activity runs.
  func children(of scope: Int) -> TaskScope? {
    guard let index = state.activityIndex(scope) else { return nil }
    if case .compensating(let reference) = state.activities[index].phase {
      return definition.task(at: reference)?.compensation?.function.body
    }
    guard state.activities[index].parent != nil else { return definition.tasks }
    switch (definition.task(at: state.activities[index].reference)?.kind, state.activities[index].phase) {
    case (.do(let tasks)?, _): return tasks
    case (.for(let loop)?, _): return loop.tasks
    case (.fork(let fork)?, .branch): return fork.branches
    case (.function(let function)?, _): return function.body
    case (.listen(let listen)?, _): return listen.iterator?.tasks
    case (.try(let attempt)?, .trying(let progress)):
      if case .catching = progress.stage { return attempt.catch.tasks }
      return attempt.tasks
    case (.extended(let extended)?, .extended(let progress)):
      switch progress.stage {
      case .before(let place): return extended.extensions[progress.applicable[place]].before
      case .task: return extended.body
      case .after(let place): return extended.extensions[progress.applicable[place]].after
      }
    default: return nil
    }
  }

  func task(_ scope: Int, _ position: Int) -> TaskDefinition? {
    guard let tasks = children(of: scope), tasks.indices.contains(position) else { return nil }
    return tasks[position]
  }
}

extension JSON {
  /// As a message names it.
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "text"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
