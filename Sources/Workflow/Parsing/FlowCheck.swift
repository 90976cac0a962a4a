import Values
import YAML

/// Where the flow of one scope can go: targets that are not there, and tasks that nothing leads to.
struct FlowCheck {
  let file: SourceFile
  let entries: [YAMLEntry]
  /// Whether the tasks run at the same time: then none can lead to another.
  var isConcurrent = false

  func check() {
    checkNames()
    if isConcurrent {
      for entry in entries { for target in targets(of: entry) { refuseSibling(target.name, target.position) } }
      return
    }
    for entry in entries { for target in targets(of: entry) { checkTarget(target.name, target.position) } }
    // Where a target is unknown, what it leads to is unknown too.
    if entries.flatMap(targets).allSatisfy({ isKnown($0.name) }) { reportUnreachable() }
  }

  private func isKnown(_ name: String) -> Bool {
    if case .task = FlowDirective(name) { entries.contains { $0.key == name } } else { true }
  }

  private func checkNames() {
    var seen: Set<String> = []
    for entry in entries {
      if !seen.insert(entry.key).inserted {
        file.warning(
          .conflict, entry.keyPosition, "another task of this scope is named '\(entry.key)' too",
          hint: "only the first one can be the target of a 'then'")
      }
      if case .task = FlowDirective(entry.key) { continue }
      file.warning(
        .conflict, entry.keyPosition, "no 'then' can lead to a task named '\(entry.key)', which is a directive")
    }
  }

  private typealias Target = (name: String, position: YAMLPosition)

  private func targets(of entry: YAMLEntry) -> [Target] {
    var targets: [Target] = []
    func add(_ node: YAMLNode?) {
      if case .string(let name)? = node?.scalar, let position = node?.position { targets.append((name, position)) }
    }
    add(entry.value["then"])
    for item in entry.value["switch"]?.sequence ?? [] { add(item.mapping?.first?.value["then"]) }
    return targets
  }

  private func refuseSibling(_ name: String, _ position: YAMLPosition) {
    guard case .task = FlowDirective(name) else { return }
    file.error(
      .conflict, position, "'then' cannot lead from one branch to another: branches run at the same time",
      hint: "a branch of several steps is a task with a 'do'")
  }

  private func checkTarget(_ name: String, _ position: YAMLPosition) {
    guard case .task = FlowDirective(name) else { return }
    let matches = entries.count { $0.key == name }
    if matches == 0 {
      file.error(
        .unresolved, position, "there is no task '\(name)' in this scope",
        hint: Suggestion.hint(for: name, among: entries.map(\.key) + ["continue", "exit", "end"])
          ?? "'then' is continue, exit, end, or the name of a task beside this one")
    } else if matches > 1 {
      file.error(.conflict, position, "'\(name)' is the name of \(matches) tasks: which one is meant?")
    }
  }

  private func reportUnreachable() {
    var reached: Set<Int> = []
    var pending = entries.isEmpty ? [] : [0]
    while let index = pending.popLast() {
      guard reached.insert(index).inserted else { continue }
      pending += successors(of: index)
    }
    for (index, entry) in entries.enumerated() where !reached.contains(index) {
      file.warning(.unreachable, entry.keyPosition, "nothing leads to the task '\(entry.key)'")
    }
  }

  private func successors(of index: Int) -> [Int] {
    let task = entries[index].value
    var directives = (task["switch"]?.sequence ?? []).compactMap { $0.mapping?.first?.value["then"]?.scalar?.string }
    let hasDefault = (task["switch"]?.sequence ?? []).contains { $0.mapping?.first?.value["when"] == nil }
    if task["switch"] == nil || !hasDefault { directives.append(task["then"]?.scalar?.string ?? "continue") }
    // A task that its 'if' skips is as if it were not there: its own 'then' does not count.
    if task["if"] != nil { directives.append("continue") }
    return directives.compactMap { directive in
      switch FlowDirective(directive) {
      case .continue: index + 1 < entries.count ? index + 1 : nil
      case .exit, .end: nil
      case .task(let name): entries.firstIndex { $0.key == name }
      }
    }
  }
}
