import Values
import Workflow

/// Something under way that can be given up: a task, or what runs tasks for one.
final class Node {
  /// Of a task; nil for what only holds tasks together.
  let reference: String?
  private(set) var isOpen = true
  /// The other workflow that it waits for.
  var child: String?
  private var children: [Node] = []

  init(reference: String?, parent: Node?) {
    self.reference = reference
    parent?.children.append(self)
  }

  /// The children that are open, youngest first.
  var openDescendants: [Node] { children.reversed().filter(\.isOpen) }

  /// Over, for whatever reason, and everything in it.
  func close() {
    isOpen = false
    for child in children { child.close() }
    children = []
  }

  func forgetClosed() { children.removeAll { !$0.isOpen } }
}

/// What a task sees of the world around it.
struct Environment {
  /// What it is a part of.
  var node: Node
  /// Where its errors go.
  var fail: (ProblemDetails) -> Void
  /// The values that loops, handlers and iterators give names to.
  var variables: [String: JSON] = [:]
  /// For the tasks of an extension, the task that they stand around.
  var around: Frame?
  /// Whether an author's `try` is around it.
  var isTried = false

  init(node: Node, fail: @escaping (ProblemDetails) -> Void) {
    self.node = node
    self.fail = fail
  }

  func naming(_ values: [String: JSON]) -> Environment {
    var inner = self
    inner.variables.merge(values) { _, new in new }
    return inner
  }
}

/// One execution of a task.
final class Frame {
  let task: TaskDefinition
  let rawInput: JSON
  let startedAt: Timestamp
  var input: JSON
  var rawOutput: JSON?
  var output: JSON?

  init(_ task: TaskDefinition, _ rawInput: JSON, at time: Timestamp) {
    self.task = task
    self.rawInput = rawInput
    self.startedAt = time
    input = rawInput
  }
}
