import Values

// "Validation", section 6. A keyword for another type than the value's is content with it.

extension Evaluator {
  mutating func assert(_ demand: Demand, _ location: String, _ value: JSON, _ findings: inout Findings) -> Bool {
    guard let text = complaint(demand, location, value) else { return stopped == nil }
    findings.add { finding(location, text) }
    return false
  }

  private mutating func complaint(_ demand: Demand, _ location: String, _ value: JSON) -> String? {
    switch demand {
    case .types(let types): return typeComplaint(types, value)
    case .values(let values, let text):
      guard spend(Measure(value).size, location) else { return nil }
      return values.contains(ExactValue(value)) ? nil : text
    case .unique: return uniqueComplaint(location, value)
    case .multiple(let divisor, let text): return multipleComplaint(divisor, text, location, value)
    case .bound(let bound, let limit, let text): return boundComplaint(bound, limit, text, value)
    case .count(let counted, let isMaximum, let limit): return countComplaint(counted, isMaximum, limit, value)
    case .pattern(let expression):
      guard let text = value.string, !matches(expression, text, location), stopped == nil else { return nil }
      return "must match the regular expression \(Excerpt.of(expression.source))"
    case .required(let names): return requiredComplaint(names, value)
    case .dependentRequired(let dependents):
      guard let members = value.object else { return nil }
      for (name, required) in dependents where members[name] != nil {
        if let text = requiredComplaint(required, value) { return text + " because it has '\(Excerpt.of(name))'" }
      }
      return nil
    default: return nil
    }
  }

  // MARK: - Any type

  private func typeComplaint(_ types: Types, _ value: JSON) -> String? {
    let actual = Types(of: value)
    guard types.isDisjoint(with: actual) else { return nil }
    if types == .integer && actual == .number { return "must be an integer, not a number with a fraction" }
    // A whole number is both, and one word is enough.
    return "must be \(types.phrase), not \(actual.contains(.integer) ? Types.number.phrase : actual.phrase)"
  }

  private mutating func uniqueComplaint(_ location: String, _ value: JSON) -> String? {
    guard let values = value.array, spend(Measure(value).size, location) else { return nil }
    var places: [ExactValue: Int] = [:]
    for (place, value) in values.enumerated() {
      if let earlier = places.updateValue(place, forKey: ExactValue(value)) {
        return "must not have the same item twice, at \(earlier) and \(place)"
      }
    }
    return nil
  }

  // MARK: - Numbers

  private mutating func multipleComplaint(
    _ divisor: ExactNumber, _ text: String, _ location: String, _ value: JSON
  ) -> String? {
    guard let number = value.number.map(ExactNumber.init),
      spend(number.effort(dividingBy: divisor) / 64, location), !number.isMultiple(of: divisor)
    else { return nil }
    return "must be a multiple of \(text)"
  }

  private func boundComplaint(_ bound: Bound, _ limit: ExactNumber, _ text: String, _ value: JSON) -> String? {
    guard let number = value.number.map(ExactNumber.init) else { return nil }
    switch bound {
    case .maximum: return number <= limit ? nil : "must be at most \(text)"
    case .exclusiveMaximum: return number < limit ? nil : "must be less than \(text)"
    case .minimum: return number >= limit ? nil : "must be at least \(text)"
    case .exclusiveMinimum: return number > limit ? nil : "must be more than \(text)"
    }
  }

  // MARK: - Sizes and names

  private func countComplaint(_ counted: Counted, _ isMaximum: Bool, _ limit: Int, _ value: JSON) -> String? {
    let count: Int
    let noun: String
    switch (counted, value) {
    // Code points ("Validation", section 6.3.1).
    case (.characters, .string(let text)): (count, noun) = (text.unicodeScalars.count, "character")
    case (.items, .array(let values)): (count, noun) = (values.count, "item")
    case (.members, .object(let members)): (count, noun) = (members.count, "member")
    default: return nil
    }
    if isMaximum ? count <= limit : count >= limit { return nil }
    return "must have \(isMaximum ? "at most" : "at least") \(plural(limit, noun)), not \(count)"
  }

  private func requiredComplaint(_ names: [String], _ value: JSON) -> String? {
    guard let members = value.object else { return nil }
    let missing = names.filter { members[$0] == nil }.map { "'\(Excerpt.of($0))'" }
    guard !missing.isEmpty else { return nil }
    let listed = missing.count > 5 ? missing.prefix(5) + ["\(missing.count - 5) more"] : missing[...]
    return "must have \(missing.count == 1 ? "the member" : "the members") " + Array(listed).listed(with: "and")
  }
}
