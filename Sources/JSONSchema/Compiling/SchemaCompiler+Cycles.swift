import Values

extension SchemaCompiler {
  /// Refuses schemas that lead back to themselves without going down into the value ("Core", section 9.4.1). What only a
  /// `$dynamicRef` leads to is known when a value is there, and bounded then.
  func checkCycles() throws(JSONSchemaError) {
    let successors = program.nodes.map(Self.appliedToTheSame)
    var predecessors = [[Int]](repeating: [], count: successors.count)
    for (node, targets) in successors.enumerated() { for target in targets { predecessors[target].append(node) } }
    // Takes away what leads to nothing, again and again; what is left leads to a cycle.
    var remaining = successors.map(\.count)
    var ended = remaining.indices.filter { remaining[$0] == 0 }
    while let node = ended.popLast() {
      for predecessor in predecessors[node] {
        remaining[predecessor] -= 1
        if remaining[predecessor] == 0 { ended.append(predecessor) }
      }
    }
    guard var node = remaining.firstIndex(where: { $0 > 0 }) else { return }
    var seen: Set<Int> = []
    while seen.insert(node).inserted { node = successors[node].first { remaining[$0] > 0 } ?? node }
    throw JSONSchemaError(
      code: .endless,
      message: "the schema applies itself to the same value again and again; put the reference below a keyword such as "
        + "'properties' or 'items'", pointer: sources[node].pointer)
  }

  private static func appliedToTheSame(_ node: Node) -> [Int] {
    guard case .rules(let rules) = node.content else { return [] }
    return rules.flatMap { rule -> [Int] in
      switch rule.demand {
      case .reference(let target), .none(let target): [target]
      case .all(let targets), .any(let targets), .one(let targets): targets
      case .conditional(let test, let then, let otherwise): [test, then, otherwise].compactMap(\.self)
      case .dependentSchemas(let targets): targets.map(\.node)
      default: []
      }
    }
  }
}
