import Values

// "Core", sections 10.3 and 11: schemas for members and items.

extension Evaluator {
  // MARK: - Objects

  mutating func applyToMembers(
    _ demand: Demand, _ location: String, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    guard let members = value.object else { return true }
    switch demand {
    case .members(let rules): return self.members(members, rules, location, &marks, &findings)
    case .names(let node): return names(members, node, &findings)
    case .unevaluatedMembers(let node): return unevaluatedMembers(members, node, &marks, &findings)
    default: return true
    }
  }

  private mutating func members(
    _ members: JSONObject, _ rules: MemberRules, _ location: String, _ marks: inout [Bool]?,
    _ findings: inout Findings
  ) -> Bool {
    var isValid = true
    for (place, (name, value)) in members.enumerated() {
      let nodes = schemas(for: name, rules, location)
      for node in nodes where !descend(.name(name), node, value, &findings) { isValid = false }
      if stopped != nil || (!isValid && findings.isFull) { return false }
      if !nodes.isEmpty { marks?[place] = true }
    }
    return isValid
  }

  private mutating func schemas(for name: String, _ rules: MemberRules, _ location: String) -> [Int] {
    var nodes: [Int] = []
    if let node = rules.named[Name(name)] { nodes.append(node) }
    for (expression, node) in rules.patterns where matches(expression, name, location) { nodes.append(node) }
    if nodes.isEmpty, let node = rules.others { nodes.append(node) }
    return nodes
  }

  private mutating func names(_ members: JSONObject, _ node: Int, _ findings: inout Findings) -> Bool {
    var isValid = true
    for (name, _) in members {
      var own = Findings(limit: findings.isFull ? 0 : 1)
      var marks: [Bool]?
      if evaluate(node, .string(name), &marks, &own) { continue }
      isValid = false
      if stopped != nil { return false }
      if let reason = own.list.first {
        findings.add {
          Finding(
            reason.instance, reason.location, "must not have the member '\(Excerpt.of(name))': its name \(reason.text)")
        }
      }
      if findings.isFull { return false }
    }
    return isValid
  }

  private mutating func unevaluatedMembers(
    _ members: JSONObject, _ node: Int, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var isValid = true
    for (place, (name, value)) in members.enumerated() where marks?[place] == false {
      if !descend(.name(name), node, value, &findings) { isValid = false }
      if stopped != nil || (!isValid && findings.isFull) { return false }
      marks?[place] = true
    }
    return isValid
  }

  // MARK: - Arrays

  mutating func applyToItems(
    _ demand: Demand, _ location: String, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    guard let values = value.array else { return true }
    switch demand {
    case .items(let prefix, let rest): return items(values, prefix, rest, &marks, &findings)
    case .contains(let node, let minimum, let maximum):
      return contains(values, node, minimum, maximum, location, &marks, &findings)
    case .unevaluatedItems(let node): return unevaluatedItems(values, node, &marks, &findings)
    default: return true
    }
  }

  private mutating func items(
    _ values: [JSON], _ prefix: [Int], _ rest: Int?, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var isValid = true
    for (place, value) in values.enumerated() {
      guard let node = place < prefix.count ? prefix[place] : rest else { break }
      if !descend(.place(place), node, value, &findings) { isValid = false }
      if stopped != nil || (!isValid && findings.isFull) { return false }
      marks?[place] = true
    }
    return isValid
  }

  private mutating func contains(
    _ values: [JSON], _ node: Int, _ minimum: Int?, _ maximum: Int?, _ location: String, _ marks: inout [Bool]?,
    _ findings: inout Findings
  ) -> Bool {
    var count = 0
    let least = minimum ?? 1
    for (place, value) in values.enumerated() {
      var none = Findings(limit: 0)
      if descend(.place(place), node, value, &none) {
        count += 1
        marks?[place] = true
      }
      if stopped != nil { return false }
      if count >= least && maximum == nil && marks == nil { return true }
    }
    let schema = location.dropLast("contains".count)
    if count < least {
      let keyword = minimum == nil ? "contains" : "minContains"
      findings.add {
        finding(schema + keyword, "must have at least \(plural(least, "item")) of a certain kind, not \(count)")
      }
    }
    if let maximum, count > maximum {
      findings.add {
        finding(schema + "maxContains", "must have at most \(plural(maximum, "item")) of a certain kind, not \(count)")
      }
    }
    return count >= least && count <= maximum ?? .max
  }

  private mutating func unevaluatedItems(
    _ values: [JSON], _ node: Int, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var isValid = true
    for (place, value) in values.enumerated() where marks?[place] == false {
      if !descend(.place(place), node, value, &findings) { isValid = false }
      if stopped != nil || (!isValid && findings.isFull) { return false }
      marks?[place] = true
    }
    return isValid
  }
}

func plural(_ count: Int, _ noun: String) -> String { "\(count) \(noun)" + (count == 1 ? "" : "s") }
