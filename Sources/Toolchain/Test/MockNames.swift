import Workflow
import YAML

/// Mocks of what no definition has: a name that was mistyped, most likely.
extension MockReader {
  /// Warns about every name among the calls that is neither a channel nor a task.
  public func checkNames(of mocks: Mocks, in definitions: [WorkflowDefinition]) {
    var known: Set<String> = []
    for definition in definitions {
      known.formUnion(definition.channels)
      add(definition.tasks, to: &known)
    }
    for (name, script) in mocks.calls.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
      let position = YAMLPosition(line: script.location.line, column: script.location.column)
      let named = known.filter { !$0.hasPrefix("/") || name.hasPrefix("/") }.sorted()
      file.warning(
        .unresolved, at: position, "there is no channel and no task '\(name)'",
        hint: CompanionFile.hint(for: name, among: named) ?? "known: " + named.prefix(20).joined(separator: ", "))
    }
  }

  private func add(_ scope: TaskScope, to known: inout Set<String>) {
    // A function that calls itself through others would go on for ever; each place is looked at once.
    for task in scope where known.insert(task.reference).inserted {
      known.insert(task.name)
      for inside in task.scopes { add(inside, to: &known) }
    }
  }
}
