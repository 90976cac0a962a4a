import Values
import Workflow

/// The tasks of one scope in two versions.
struct ScopePair {
  let old: TaskScope
  let new: TaskScope
  /// Whether one follows another: not among branches.
  var isOrdered = true
}

/// Which task of a version is which of another: the one with the same name in the scope that is the same, or the one
/// that an operator names. Nothing is guessed.
struct TaskPairing {
  enum Counterpart {
    case task(TaskDefinition)
    case none
    /// The scope has several tasks of that name.
    case several
  }

  let old: WorkflowDefinition
  let new: WorkflowDefinition
  private let renames: [String: String]
  /// The new reference of every task that has a counterpart, by the old one.
  private(set) var references: [String: String] = [:]

  init(_ old: WorkflowDefinition, _ new: WorkflowDefinition, renames: [String: String]) {
    self.old = old
    self.new = new
    self.renames = renames
    pair(ScopePair(old: old.tasks, new: new.tasks))
    // Also those that are not called from the same place any more: what they did may have to be undone.
    for (name, _) in old.json["use"]?["functions"]?.object ?? [:] {
      let reference = "/use/functions/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
      if let before = old.task(at: reference), let after = new.task(at: reference) { pair(before, after) }
    }
  }

  /// References that mean another task, or none, for the journal.
  var moved: [String: String] {
    var moved: [String: String] = [:]
    for task in old.everyTask where task.extended == nil {
      let other = references[task.reference]
      if let other, other != task.reference { moved[task.reference] = other }
      if other == nil, new.task(at: task.reference) != nil { moved[task.reference] = "" }
    }
    return moved
  }

  /// The mappings of the operator that name a task which one of the versions has not.
  var unknownRenames: [String] {
    func has(_ definition: WorkflowDefinition, _ text: String) -> Bool {
      definition.everyTask.contains { $0.isNamed(text) }
    }
    let twice = Dictionary(grouping: renames.values) { $0 }.filter { $0.value.count > 1 }.keys
    return renames.sorted { $0.key < $1.key }
      .filter { !has(old, $0.key) || !has(new, $0.value) || twice.contains($0.value) }
      .map { "\($0.key)=\($0.value)" }
  }

  func counterpart(of task: TaskDefinition, in scope: ScopePair) -> Counterpart {
    let wanted = wanted(task)
    if wanted == nil, scope.old.count(where: { $0.name == task.name }) > 1 { return .several }
    let found = scope.new.filter { $0.isNamed(wanted ?? task.name) }
    guard let other = found.first else { return .none }
    guard found.count == 1 else { return .several }
    // What the operator gives to another task is not this one's.
    let isTaken = wanted == nil && scope.old.contains { self.wanted($0).map(other.isNamed) ?? false }
    return isTaken ? .none : .task(other)
  }

  /// The task of the new version that is the same but for its name.
  func renamed(_ task: TaskDefinition, in scope: ScopePair) -> TaskDefinition? {
    let others = scope.new.filter { other in
      other.json == task.json && !scope.old.contains { $0.name == other.name }
    }
    return others.count == 1 ? others.first : nil
  }

  private func wanted(_ task: TaskDefinition) -> String? { renames[task.inner.reference] ?? renames[task.name] }

  // MARK: All of them

  private mutating func pair(_ scope: ScopePair) {
    for task in scope.old {
      if case .task(let other) = counterpart(of: task, in: scope) { pair(task, other) }
    }
  }

  private mutating func pair(_ task: TaskDefinition, _ other: TaskDefinition) {
    guard (task.extended == nil) == (other.extended == nil) else { return pair(task.inner, other.inner) }
    // A function that is called from several places is one task.
    guard references.updateValue(other.reference, forKey: task.reference) == nil else { return }
    if case .extended(let old) = task.kind, case .extended(let new) = other.kind {
      pair(task.inner, other.inner)
      for layer in old.extensions {
        guard let same = new.extensions.first(where: { $0.name == layer.name }) else { continue }
        for case (let before?, let after?) in [(layer.before, same.before), (layer.after, same.after)] {
          pair(ScopePair(old: before, new: after))
        }
      }
    }
    for scope in Self.inside(task, other) { pair(scope) }
    if let before = task.compensation?.function, let after = other.compensation?.function, before.name == after.name {
      pair(ScopePair(old: before.body, new: after.body))
    }
  }

  private static func inside(_ task: TaskDefinition, _ other: TaskDefinition) -> [ScopePair] {
    switch (task.kind, other.kind) {
    case (.do(let old), .do(let new)): [ScopePair(old: old, new: new)]
    case (.for(let old), .for(let new)): [ScopePair(old: old.tasks, new: new.tasks)]
    case (.fork(let old), .fork(let new)): [ScopePair(old: old.branches, new: new.branches, isOrdered: false)]
    case (.function(let old), .function(let new)):
      old.name == new.name ? [ScopePair(old: old.body, new: new.body)] : []
    case (.try(let old), .try(let new)):
      [ScopePair(old: old.tasks, new: new.tasks)] + ScopePair.both(old.catch.tasks, new.catch.tasks)
    case (.listen(let old), .listen(let new)): ScopePair.both(old.iterator?.tasks, new.iterator?.tasks)
    default: []
    }
  }
}

extension ScopePair {
  /// The pair, where both have the scope.
  static func both(_ old: TaskScope?, _ new: TaskScope?) -> [ScopePair] {
    guard let old, let new else { return [] }
    return [ScopePair(old: old, new: new)]
  }
}

extension TaskDefinition {
  fileprivate func isNamed(_ text: String) -> Bool { name == text || inner.reference == text }
}

extension WorkflowDefinition {
  /// Every task that something leads to, once, with what stands around it as its extensions.
  var everyTask: [TaskDefinition] {
    var tasks: [TaskDefinition] = []
    var seen: Set<String> = []
    var pending = Array(self.tasks)
    while let task = pending.popLast() {
      guard seen.insert(task.reference).inserted else { continue }
      tasks.append(task)
      for scope in task.scopes { pending.append(contentsOf: scope) }
    }
    return tasks
  }
}
