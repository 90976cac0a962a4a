import Values
import Workflow

/// What a new version of a definition changes, told by meaning: comments, the form of the text and the order of members
/// are no changes.
public struct WorkflowDiff: Sendable {
  public struct TaskChange: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
      case added, removed, moved, renamed, changed
    }

    /// A task can be moved, renamed and changed at once.
    public let kinds: [Kind]
    public let name: String
    /// The kind of the task, of a call with what it calls.
    public let summary: String
    /// The name that it had, where it has another now.
    public let oldName: String?
    /// Nil: it was not there.
    public let oldReference: String?
    /// Nil: it is gone.
    public let newReference: String?
    /// Pointers are relative to the task; tasks inside of it are told for themselves.
    public let members: [MemberChange]
  }

  /// Outside of all tasks.
  public let members: [MemberChange]
  /// In the order of the new version; what is gone comes last.
  public let tasks: [TaskChange]
  public let verdict: DiffVerdict

  public var isEmpty: Bool { members.isEmpty && tasks.isEmpty }

  public init(_ old: WorkflowDefinition, _ new: WorkflowDefinition) {
    let matching = TaskMatching(TaskTree(old.json), TaskTree(new.json))
    members = MemberChange.between(matching.old.own, matching.new.own)
    tasks =
      matching.new.tasks.indices.compactMap { Self.change(to: $0, matching) }
      + matching.old.tasks.indices.filter { matching.newTasks[$0] == nil }.map { Self.removal(matching.old.tasks[$0]) }
    verdict = DiffVerdict(old, new, isEmpty: members.isEmpty && tasks.isEmpty)
  }

  private static func change(to task: Int, _ matching: TaskMatching) -> TaskChange? {
    let new = matching.new.tasks[task]
    guard let match = matching.oldTasks[task] else {
      return TaskChange(
        kinds: [.added], name: new.name, summary: summary(new), oldName: nil, oldReference: nil,
        newReference: new.reference, members: [])
    }
    let old = matching.old.tasks[match]
    let members = MemberChange.between(old.own, new.own)
    var kinds: [TaskChange.Kind] = []
    if matching.isMoved(match) { kinds.append(.moved) }
    if old.name != new.name { kinds.append(.renamed) }
    if !members.isEmpty { kinds.append(.changed) }
    guard !kinds.isEmpty else { return nil }
    return TaskChange(
      kinds: kinds, name: new.name, summary: summary(new), oldName: old.name == new.name ? nil : old.name,
      oldReference: old.reference, newReference: new.reference, members: members)
  }

  private static func removal(_ task: TaskTree.Task) -> TaskChange {
    TaskChange(
      kinds: [.removed], name: task.name, summary: summary(task), oldName: nil, oldReference: task.reference,
      newReference: nil, members: [])
  }

  private static func summary(_ task: TaskTree.Task) -> String {
    guard task.kind == "call", let called = task.json["call"]?.string else { return task.kind }
    return "call \(called)"
  }

  // MARK: JSON

  public var json: JSON {
    [
      "isEmpty": .bool(isEmpty), "members": .array(members.map(\.json)), "tasks": .array(tasks.map(\.json)),
      "verdict": verdict.json,
    ]
  }
}

extension MemberChange {
  var json: JSON {
    var object: JSONObject = ["pointer": .string(pointer)]
    if let old { object["old"] = old }
    if let new { object["new"] = new }
    return .object(object)
  }
}

extension WorkflowDiff.TaskChange {
  var json: JSON {
    func text(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
    return [
      "changes": .array(kinds.map { .string($0.rawValue) }), "name": .string(name), "oldName": text(oldName),
      "summary": .string(summary), "oldReference": text(oldReference), "newReference": text(newReference),
      "members": .array(members.map(\.json)),
    ]
  }
}
