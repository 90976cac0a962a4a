import Values

/// Refuses expressions that do more with a secret than pass it on.
///
/// The engine never has the value of a secret, only a placeholder that is replaced when an event is written, so that no
/// journal, state, log or error can hold one. What was computed from a placeholder would be wrong.
struct SecretCheck {
  /// The expression, for the places of mistakes.
  let source: String
  /// The names under `use.secrets`.
  let secrets: Set<String>
  /// Whether the expression's value goes on: not when it decides something, or is compared.
  let isPassedOn: Bool

  func check(_ tree: JQ) throws(JQProblem) {
    if let name = undeclaredName(in: tree) { throw undeclared(name) }
    guard isPassedOn, passes(tree) else {
      throw refusal
    }
  }

  /// Whether nothing but the value of a secret, or texts with it, can come out of here.
  private func passes(_ node: JQ) -> Bool {
    if !usesSecrets(node) || path(of: node) != nil { return true }
    switch node {
    case .string(nil, let parts):
      return parts.allSatisfy { if case .inserted(let inner) = $0 { passes(inner) } else { true } }
    case .binary(.add, let left, let right), .binary(.alternative, let left, let right), .comma(let left, let right):
      return passes(left) && passes(right)
    case .array(let inner?), .optional(let inner), .attempt(let inner, nil): return passes(inner)
    case .object(let members): return members.allSatisfy { !usesSecrets($0.key) && passes($0.value) }
    case .conditional(let condition, let then, let otherwise):
      return !usesSecrets(condition) && passes(then) && (otherwise.map(passes) ?? true)
    case .pipe(let left, let right), .bind(let left, _, let right): return !usesSecrets(left) && passes(right)
    case .define(let function, let body): return !usesSecrets(function.body) && passes(body)
    default: return false
    }
  }

  private func usesSecrets(_ node: JQ) -> Bool {
    node.contains { if case .variable("secrets") = $0 { true } else { false } }
  }

  /// The names after `$secrets`, at least one; nil when this is anything else.
  private func path(of node: JQ) -> [String]? {
    switch node {
    case .optional(let inner): return path(of: inner)
    case .index(let container, .literal(.string(let name))):
      if case .variable("secrets") = container { return [name] }
      return path(of: container).map { $0 + [name] }
    default: return nil
    }
  }

  private func undeclaredName(in tree: JQ) -> String? {
    var found: String?
    _ = tree.contains { node in
      guard let path = path(of: node), path.count == 1, !secrets.contains(path[0]) else { return false }
      found = path[0]
      return true
    }
    return found
  }

  // MARK: Messages

  private func undeclared(_ name: String) -> JQProblem {
    let known = secrets.sorted()
    let listed = known.isEmpty ? "add it: use: {secrets: [\(name)]}" : "known here: " + known.joined(separator: ", ")
    return JQProblem(
      code: .unresolved, offset: Self.offset(of: "$secrets.\(name)", in: source) ?? place,
      message: "there is no secret '\(name)' under use.secrets",
      hint: Suggestion.hint(for: name, among: known) ?? listed)
  }

  private var refusal: JQProblem {
    let hint =
      isPassedOn
      ? #"write $secrets.name or "Bearer \($secrets.name)"; the processor that gets it can compute with it"#
      : "nothing can be decided by a secret: its value is put in when an event is sent"
    return JQProblem(
      code: .unsupported, offset: place,
      message: "a secret can only be passed on: whole, in a text or with '+', or as a value of an object or array",
      hint: hint)
  }

  private var place: Int { Self.offset(of: "$secrets", in: source) ?? 0 }

  /// Where a text first stands, in UTF-8 bytes.
  static func offset(of text: String, in source: String) -> Int? {
    source.firstRange(of: text).map { source.utf8.distance(from: source.startIndex, to: $0.lowerBound) }
  }
}
