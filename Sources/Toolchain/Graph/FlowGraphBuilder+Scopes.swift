import Workflow

/// The tasks that have tasks, or several ways out.
extension FlowGraphBuilder {
  mutating func choice(
    _ cases: [SwitchCase], _ task: TaskDefinition, in group: Int, from loose: [Loose]
  ) -> [Exit] {
    var rows = cases.map { caption.row($0) }
    let hasDefault = cases.contains { $0.when == nil }
    // Without a default case the flow goes on as after any other task.
    if !hasDefault { rows.append("otherwise") }
    let id = node(task, .switch, rows: rows, in: group, from: loose)
    let targets = cases.map(\.then) + (hasDefault ? [] : [task.then ?? .continue])
    return targets.enumerated().map { (Loose(node: id, row: $0.offset), $0.element) }
  }

  mutating func repeated(
    _ tasks: TaskScope, _ shape: FlowGraph.Node.Shape, _ noun: String, _ task: TaskDefinition, in group: Int,
    from loose: [Loose]
  ) -> [Exit] {
    let inside = self.group(.loop, caption.name(task.name), in: group)
    let head = node(task, shape, in: inside, from: loose)
    let passes = scope(tasks, in: inside, from: [Loose(node: head, label: "each \(noun)")]).all
    connect(passes, to: head, .loop)
    return exits([Loose(node: head, label: "done")], task)
  }

  mutating func branches(_ fork: Fork, _ task: TaskDefinition, in group: Int, from loose: [Loose]) -> [Exit] {
    let inside = self.group(.fork, caption.name(task.name), in: group)
    let begin = node(task, .fork, in: inside, from: loose)
    let row = self.group(.row, "", in: inside)
    var ends: [Loose] = []
    for branch in fork.branches {
      let column = self.group(.column, "", in: row)
      for exit in self.task(branch, in: column, from: [Loose(node: begin)]) {
        // A branch is one task: whatever follows it in the file is another branch.
        if case .end = exit.to { self.ends.append(exit.end) } else { ends.append(exit.end) }
      }
    }
    let title = fork.compete ? "the first has ended" : "all have ended"
    let end = node(.join, title, [], in: inside, from: fork.branches.isEmpty ? [Loose(node: begin)] : ends)
    return exits([Loose(node: end)], task)
  }

  mutating func handled(_ attempt: TryCatch, _ task: TaskDefinition, in group: Int, from loose: [Loose]) -> [Exit] {
    let outside = self.group(.try, heading(task), in: group)
    let row = self.group(.row, "", in: outside)
    let inside = self.group(.attempt, "", in: row)
    let entry = graph.nodes.count
    attemptDepth += 1
    let ends = scope(attempt.tasks, in: inside, from: loose).all
    attemptDepth -= 1
    let last = graph.nodes.count - 1

    let column = self.group(.column, "", in: row)
    let lines = caption.handler(attempt.catch)
    let handler = node(.handler, lines[0], Array(lines.dropFirst()), in: column, from: [])
    graph.edges.append(.init(from: last, to: handler, kind: .error, label: "error", fromGroup: inside))
    if attempt.catch.retry != nil {
      graph.edges.append(.init(from: handler, to: entry, kind: .retry, label: "retry"))
    }
    guard let tasks = attempt.catch.tasks else { return exits(ends + [Loose(node: handler)], task) }
    return exits(ends + scope(tasks, in: column, from: [Loose(node: handler)]).all, task)
  }

  /// Drawn where it is called first: functions that call functions would otherwise be drawn without end.
  mutating func called(
    _ function: FunctionCall, _ task: TaskDefinition, in group: Int, from loose: [Loose]
  ) -> [Exit] {
    guard drawnFunctions.insert(function.body.reference).inserted else {
      return simple(.task, task, in: group, from: loose)
    }
    let inside = self.group(.function, heading(task), in: group)
    return exits(scope(function.body, in: inside, from: loose).all, task)
  }

  mutating func surrounded(
    _ extended: ExtendedTask, _ task: TaskDefinition, in group: Int, from loose: [Loose]
  ) -> [Exit] {
    let inside = self.group(.extension, "\(caption.name(task.name)) · extended", in: group)
    var loose = loose
    var left: [Loose] = []
    for item in extended.extensions {
      guard let tasks = item.before else { continue }
      let ends = surroundings(tasks, "before", item, in: inside, from: loose)
      loose = ends.reached
      // Leaving what comes before leaves the task out.
      left += ends.left
    }
    loose = scope(extended.body, in: inside, from: loose).all
    // Extensions lie around the task like layers.
    for item in extended.extensions.reversed() {
      guard let tasks = item.after else { continue }
      loose = surroundings(tasks, "after", item, in: inside, from: loose).all
    }
    return exits(loose + left, task)
  }

  private mutating func surroundings(
    _ tasks: TaskScope, _ place: String, _ item: Extension, in group: Int, from loose: [Loose]
  ) -> ScopeEnds {
    let title = "\(place) · extension \(caption.name(item.name))"
    guard let when = item.when else {
      return scope(tasks, in: self.group(.scope, title, in: group), from: loose)
    }
    let question = node(.condition, "if", [caption.expression(when)], in: group, from: loose)
    let inside = self.group(.scope, title, in: group)
    var ends = scope(tasks, in: inside, from: [Loose(node: question, label: "yes")])
    ends.reached.append(Loose(node: question, label: "no"))
    return ends
  }
}
