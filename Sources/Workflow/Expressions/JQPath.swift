import Values

/// Names and places one inside the other, `.a.b[0]` or `$workflow.input[0]`: what most expressions are, and all that
/// is done for them.
struct JQPath {
  private enum Root {
    case data
    case variable(String)
  }

  private enum Step {
    case name(String)
    case place(Int)
  }

  private let root: Root
  private let steps: [Step]
  /// `workflow.input` for `$workflow.input[0]`: all of `$workflow` is much to build for the one member that most want.
  private let member: String?

  /// `nil` where the program is more than a path.
  init?(_ tree: JQ) {
    var steps: [Step] = []
    var rest = tree
    while true {
      switch rest {
      case .optional(let step): rest = step
      case .index(let container, .literal(.string(let name))):
        steps.append(.name(name))
        rest = container
      case .index(let container, .literal(.number(let number))):
        // Counted from the end, or a fraction: jq has rules for those.
        guard let place = number.int, (0..<1 << 30).contains(place) else { return nil }
        steps.append(.place(place))
        rest = container
      case .identity:
        root = .data
        self.steps = steps.reversed()
        member = nil
        return
      case .variable(let name):
        root = .variable(name)
        self.steps = steps.reversed()
        if name == "workflow", case .name(let first)? = steps.last { member = "\(name).\(first)" } else { member = nil }
        return
      default: return nil
      }
    }
  }

  /// `nil` where jq would have an error.
  func evaluate(_ data: JSON, variables: (String) -> JSON?) -> JSON? {
    switch root {
    case .data: return follow(steps[...], data)
    case .variable(let name):
      if let member, let value = variables(member) { return follow(steps[1...], value) }
      return follow(steps[...], variables(name) ?? .null)
    }
  }

  private func follow(_ steps: ArraySlice<Step>, _ start: JSON) -> JSON? {
    var value = start
    for step in steps {
      switch (value, step) {
      case (.object(let object), .name(let name)): value = object[name] ?? .null
      case (.array(let items), .place(let place)): value = place < items.count ? items[place] : .null
      case (.null, _): return .null
      default: return nil
      }
    }
    return value
  }
}
