import Workflow
import YAML

/// Mocks of what no definition has: a name that was mistyped, most likely.
extension MockReader {
  /// Warns about every name among the calls that is neither a channel nor a task.
  public func checkNames(of mocks: Mocks, in definitions: [WorkflowDefinition]) {
    var known: Set<String> = []
    for definition in definitions {
      known.formUnion(definition.channels)
      var references: Set<String> = []
      add(definition.tasks, to: &known, &references)
    }
    for (name, script) in mocks.calls.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
      let position = YAMLPosition(line: script.location.line, column: script.location.column)
      let named = known.filter { !$0.hasPrefix("/") || name.hasPrefix("/") }.sorted()
      file.warning(
        .unresolved, at: position, "there is no channel and no task '\(name)'",
        hint: CompanionFile.hint(for: name, among: named) ?? "known: " + named.prefix(20).joined(separator: ", "))
    }
  }

  private func add(_ scope: TaskScope, to known: inout Set<String>, _ references: inout Set<String>) {
    // What several places call is one task.
    for task in scope where references.insert(task.reference).inserted {
      known.formUnion([task.reference, task.name])
      for inside in task.scopes { add(inside, to: &known, &references) }
    }
  }
}

extension Mocks {
  /// The channels of calls that no mock is for; those on channel `http` are answered elsewhere.
  public func missingChannels(in definitions: [WorkflowDefinition]) -> [String] {
    var missing: Set<String> = []
    var seen: Set<String> = []
    func look(_ scope: TaskScope) {
      for task in scope where seen.insert(task.reference).inserted {
        if case .call(let call) = task.kind, call.channel != "http",
          [task.reference, task.name, call.channel].allSatisfy({ calls[$0] == nil })
        {
          missing.insert(call.channel)
        }
        for inside in task.scopes { look(inside) }
      }
    }
    for definition in definitions {
      // The same place in another definition is another task.
      seen = []
      look(definition.tasks)
    }
    return missing.sorted()
  }
}
