import Values

// "Core", sections 8.2.3, 10 and 11.

extension Evaluator {
  mutating func apply(
    _ demand: Demand, at location: String, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    switch demand {
    case .reference(let target): evaluate(target, value, &marks, &findings)
    case .dynamicReference(let target, let anchor):
      evaluate(dynamicTarget(target, anchor), value, &marks, &findings)
    case .all(let nodes): all(nodes, value, &marks, &findings)
    case .any(let nodes): any(nodes, location, value, &marks, &findings)
    case .one(let nodes): one(nodes, location, value, &marks, &findings)
    case .none(let node): none(node, location, value, &findings)
    case .conditional(let test, let then, let otherwise):
      conditional(test, then, otherwise, value, &marks, &findings)
    case .dependentSchemas(let schemas): dependentSchemas(schemas, value, &marks, &findings)
    case .members, .names, .unevaluatedMembers: applyToMembers(demand, location, value, &marks, &findings)
    case .items, .contains, .unevaluatedItems: applyToItems(demand, location, value, &marks, &findings)
    default: assert(demand, location, value, &findings)
    }
  }

  /// The outermost resource that has the anchor decides ("Core", section 8.2.3.2).
  private func dynamicTarget(_ target: Int, _ anchor: Name?) -> Int {
    guard let anchor else { return target }
    for resource in dynamicScope {
      if let node = program.resources[resource].dynamicAnchors[anchor] { return node }
    }
    return target
  }

  // MARK: - To the same value

  private mutating func all(
    _ nodes: [Int], _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var isValid = true
    for node in nodes {
      if !evaluate(node, value, &marks, &findings) { isValid = false }
      if stopped != nil || (!isValid && findings.isFull) { return false }
    }
    return isValid
  }

  private mutating func any(
    _ nodes: [Int], _ location: String, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var isValid = false
    var reasons: [Finding] = []
    for node in nodes {
      var branch = Findings(limit: findings.isFull ? 0 : 1)
      if evaluate(node, value, &marks, &branch) { isValid = true }
      if stopped != nil { return false }
      // Others may have looked at more of the parts.
      if isValid && marks == nil { return true }
      reasons += branch.list
    }
    if !isValid { findings.add { misfit(location, "at least one", reasons) } }
    return isValid
  }

  private mutating func one(
    _ nodes: [Int], _ location: String, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var fitting: [Int] = []
    var reasons: [Finding] = []
    for (place, node) in nodes.enumerated() {
      var branch = Findings(limit: findings.isFull ? 0 : 1)
      if evaluate(node, value, &marks, &branch) { fitting.append(place) }
      if stopped != nil { return false }
      if fitting.count > 1 { break }
      reasons += branch.list
    }
    if fitting.isEmpty { findings.add { misfit(location, "exactly one", reasons) } }
    if fitting.count > 1 {
      let both = fitting.map(String.init).listed(with: "and")
      findings.add { finding(location, "must fit exactly one of the schemas, but fits those at \(both)") }
    }
    return fitting.count == 1
  }

  /// With what every alternative finds wrong, for the first few.
  private func misfit(_ location: String, _ wanted: String, _ reasons: [Finding]) -> Finding {
    let here = pointer
    var texts = reasons.prefix(3).map { ($0.instance == here ? "it" : Finding.subject($0.instance)) + " " + $0.text }
    if reasons.count > texts.count { texts.append("and \(reasons.count - texts.count) more") }
    return finding(location, "must fit \(wanted) of the schemas, but " + texts.joined(separator: "; "))
  }

  private mutating func none(_ node: Int, _ location: String, _ value: JSON, _ findings: inout Findings) -> Bool {
    var marks: [Bool]?
    guard fits(node, value, &marks) else { return stopped == nil }
    findings.add { finding(location, "must not fit the schema") }
    return false
  }

  private mutating func conditional(
    _ test: Int, _ then: Int?, _ otherwise: Int?, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    let branch = fits(test, value, &marks) ? then : otherwise
    if stopped != nil { return false }
    return branch.map { evaluate($0, value, &marks, &findings) } ?? true
  }

  private mutating func dependentSchemas(
    _ schemas: [(name: String, node: Int)], _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    guard let members = value.object else { return true }
    return all(schemas.filter { members[$0.name] != nil }.map(\.node), value, &marks, &findings)
  }
}
