import Values
import Workflow

/// What a task does to the world outside of its instance.
public struct TaskEffect: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    /// A processing event on the channel.
    case call(channel: String)
    case emit
    /// Another workflow, as `<namespace>/<name>`.
    case run(workflow: String)
  }

  /// The task reference.
  public let task: String
  public let kind: Kind

  public init(task: String, kind: Kind) {
    self.task = task
    self.kind = kind
  }
}

extension WorkflowDefinition {
  /// What may happen again when an instance is run again from a task: of every task that the flow can reach from there,
  /// jumps back included, in the order of the file within each scope. Empty for a task that there is not.
  public func effects(from reference: String) -> [TaskEffect] {
    guard let path = try? path(toRerun: reference) else { return [] }
    var collector = EffectCollector()
    var scopes = [tasks]
    for task in path.dropLast() { if case .do(let inside) = task.kind { scopes.append(inside) } }
    // The innermost first: what comes after it is what follows in the scopes around.
    for (depth, (scope, task)) in zip(scopes, path).enumerated().reversed() {
      let first = depth == path.count - 1 ? [task.index] : Self.next(after: task, in: scope)
      collector.collect(scope, from: first)
    }
    return collector.effects
  }

  /// The places that the flow may go to in the scope after a task, if the task says nothing else.
  fileprivate static func next(after task: TaskDefinition, in scope: TaskScope) -> [Int] {
    var places: [Int] = []
    func add(_ directive: FlowDirective) {
      switch directive {
      case .continue: places.append(task.index + 1)
      case .task(let name): if let place = scope.index(ofTaskNamed: name) { places.append(place) }
      case .exit, .end: break
      }
    }
    add(task.then ?? .continue)
    // A task whose `if` is false is passed by, whatever its `then` says.
    if task.condition != nil { places.append(task.index + 1) }
    if case .switch(let cases) = task.inner.kind { for item in cases { add(item.then) } }
    return places
  }
}

private struct EffectCollector {
  private(set) var effects: [TaskEffect] = []
  private var seen: Set<String> = []

  mutating func collect(_ scope: TaskScope, from first: [Int]) {
    var reached: Set<Int> = []
    var pending = first
    while let place = pending.popLast() {
      guard scope.indices.contains(place), reached.insert(place).inserted else { continue }
      pending += WorkflowDefinition.next(after: scope[place], in: scope)
    }
    for place in reached.sorted() { collect(scope[place]) }
  }

  private mutating func collect(_ task: TaskDefinition) {
    // A function that is called from several places is one task.
    guard seen.insert(task.reference).inserted else { return }
    switch task.kind {
    case .call(let call): effects.append(TaskEffect(task: task.reference, kind: .call(channel: call.channel)))
    case .emit: effects.append(TaskEffect(task: task.reference, kind: .emit))
    case .run(let run):
      effects.append(TaskEffect(task: task.reference, kind: .run(workflow: "\(run.namespace)/\(run.name)")))
    default: break
    }
    for scope in task.scopes { for inside in scope { collect(inside) } }
  }
}
