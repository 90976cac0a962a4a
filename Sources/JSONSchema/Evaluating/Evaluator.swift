import Values

/// Holds one value against a program.
///
/// Bounded in every direction: how deep schemas apply each other, how often they do in relation to the value's size, and
/// how long regular expressions search. What exceeds a bound stops the whole evaluation, because under `not` a part that
/// counts as invalid would make something valid.
struct Evaluator {
  let program: Program
  /// Where in the value: the tokens of a JSON pointer.
  var path: [Step] = []
  /// The resources entered, outermost first ("Core", section 7.1).
  var dynamicScope: [Int] = []
  /// Why there will be no result.
  private(set) var stopped: Finding?
  private var depth = 0
  private var budget = 0
  /// Searches that may take long; there are few in what is not made to exhaust the machine.
  private var longSearches = 10

  /// Five schemas for each level that a text nests by default; less than 3 MB of stack in a debug build, 8 MB being usual.
  private static let deepest = 640
  private static let leastBudget = 1_000_000
  private static let budgetPerValue = 100
  private static let longestUnanchored = 32 << 10

  enum Step {
    case name(String)
    case place(Int)
  }

  init(_ program: Program) { self.program = program }

  mutating func run(_ value: JSON, limit: Int) -> [Violation] {
    let measure = Measure(value)
    if measure.isTooDeep {
      return [Finding("", "", "is nested deeper than \(Measure.deepest) levels and cannot be checked").violation]
    }
    budget = Self.leastBudget + measure.size * Self.budgetPerValue
    var findings = Findings(limit: limit)
    var marks: [Bool]?
    _ = evaluate(0, value, &marks, &findings)
    let all = [stopped].compactMap(\.self) + findings.list
    return all.prefix(limit).map(\.violation)
  }

  // MARK: - Schemas

  /// Whether the value fits the schema.
  ///
  /// - Parameters:
  ///   - marks: for each member or item whether a schema has looked at it, as far as schemas are fitted ("Core", section
  ///     11); `nil` where nobody asks.
  ///   - findings: gathers what is wrong.
  mutating func evaluate(_ node: Int, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings) -> Bool {
    let schema = program.nodes[node]
    guard spend(1, schema.location) else { return false }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else {
      stop(schema.location, "cannot be checked: the schemas apply each other more than \(Self.deepest) times deep")
      return false
    }
    switch schema.content {
    case .boolean(true): return true
    case .boolean(false):
      findings.add { finding(schema.location, "is not allowed") }
      return false
    case .rules(let rules):
      let isEntered = dynamicScope.last != schema.resource
      if isEntered { dynamicScope.append(schema.resource) }
      defer { if isEntered { dynamicScope.removeLast() } }
      return evaluate(rules, of: schema, value, &marks, &findings)
    }
  }

  private mutating func evaluate(
    _ rules: [Rule], of schema: Node, _ value: JSON, _ marks: inout [Bool]?, _ findings: inout Findings
  ) -> Bool {
    var own: [Bool]? = schema.tracks || marks != nil ? [Bool](repeating: false, count: value.childCount) : nil
    var isValid = true
    for rule in rules {
      // What is already refused for another reason is not refused once more for nobody having looked at its parts.
      if !isValid && (findings.isFull || rule.isUnevaluated) { break }
      let location = schema.location + "/" + rule.keyword
      if !apply(rule.demand, at: location, value, &own, &findings) { isValid = false }
      if stopped != nil { return false }
    }
    if isValid && marks != nil { merge(own, into: &marks) }
    return isValid
  }

  /// Whether the value fits, and nothing else.
  mutating func fits(_ node: Int, _ value: JSON, _ marks: inout [Bool]?) -> Bool {
    var findings = Findings(limit: 0)
    return evaluate(node, value, &marks, &findings)
  }

  /// Goes down into a member or an item, where the schemas are asked anew what they have looked at.
  mutating func descend(_ step: Step, _ node: Int, _ value: JSON, _ findings: inout Findings) -> Bool {
    path.append(step)
    defer { path.removeLast() }
    var marks: [Bool]?
    return evaluate(node, value, &marks, &findings)
  }

  func merge(_ more: [Bool]?, into marks: inout [Bool]?) {
    guard let more else { return }
    for place in more.indices where more[place] { marks?[place] = true }
  }

  // MARK: - Findings and bounds

  var pointer: String {
    path.reduce(into: "") { text, step in
      switch step {
      case .name(let name): text += "/" + JSONPointer.escape(name)
      case .place(let place): text += "/\(place)"
      }
    }
  }

  func finding(_ location: String, _ text: String) -> Finding { Finding(pointer, location, text) }

  private mutating func stop(_ location: String, _ text: String) {
    if stopped == nil { stopped = finding(location, text) }
  }

  /// False once there has been more work than the size of the value accounts for.
  mutating func spend(_ steps: Int, _ location: String) -> Bool {
    budget -= steps
    if budget < 0 { stop(location, "cannot be checked: the schemas branch so often that it would take too long") }
    return stopped == nil
  }

  /// Whether the expression matches somewhere; false as well when that cannot be found out, which stops everything.
  mutating func matches(_ expression: RegularExpression, _ text: String, _ location: String) -> Bool {
    let length = text.utf8.count
    // Without an anchor a search may look at everything from everywhere.
    if !expression.isAnchored && length > Self.longestUnanchored {
      stop(
        location,
        "cannot be checked: only an expression that begins with '^' may search texts of more than "
          + "\(Self.longestUnanchored) bytes")
      return false
    }
    let steps = length / 64 + (expression.isAnchored ? 0 : (length / 256) * (length / 256))
    guard spend(steps, location) else { return false }
    var answer = expression.search(text, retries: 1_000 + 16 * length)
    if answer == .gaveUp && longSearches > 0 {
      longSearches -= 1
      answer = expression.search(text, retries: 1_000_000)
    }
    if answer == .gaveUp {
      stop(
        location,
        "cannot be checked: the expression \(Excerpt.of(expression.source)) tries too many ways to match; make its "
          + "alternatives exclude each other")
    }
    return answer == .found
  }
}

extension JSON {
  /// How many members or items there are.
  var childCount: Int {
    switch self {
    case .array(let values): values.count
    case .object(let members): members.count
    default: 0
    }
  }
}

extension Rule {
  var isUnevaluated: Bool {
    switch demand {
    case .unevaluatedItems, .unevaluatedMembers: true
    default: false
    }
  }
}
