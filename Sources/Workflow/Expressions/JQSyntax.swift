import Values

/// A jq program as a tree, with every name already resolved: what is in here is known to be allowed.
///
/// Source: the jq 1.6 manual. Spellings that only newer versions know (`if` without `else`, `.a.[0]`) are read too, for
/// the tree is printed again for libjq in a form that 1.6 understands.
indirect enum JQ: Sendable {
  case identity
  /// `..`
  case recurse
  case literal(JSON)
  /// A string with `\( )` inside; `format` is `@base64` and the like, applied to the inserted values.
  case string(format: String?, [Part])
  /// `@json` by itself.
  case format(String)
  case variable(String)
  case index(JQ, JQ)
  case slice(JQ, from: JQ?, to: JQ?)
  /// `.[]`
  case iterate(JQ)
  case array(JQ?)
  case object([Member])
  case negate(JQ)
  case pipe(JQ, JQ)
  case comma(JQ, JQ)
  case binary(Operator, JQ, JQ)
  case assign(Assignment, JQ, JQ)
  /// `try`, and `?` behind anything but an index.
  case attempt(JQ, handler: JQ?)
  /// `?` behind `[…]`, `[]` or `.name`: only that last step may fail.
  case optional(JQ)
  case conditional(JQ, then: JQ, else: JQ?)
  case reduce(JQ, Pattern, initial: JQ, update: JQ)
  case foreach(JQ, Pattern, initial: JQ, update: JQ, extract: JQ?)
  /// More than one pattern: alternatives (`?//`).
  case bind(JQ, [Pattern], JQ)
  case define(Function, JQ)
  /// A function or parameter that the program itself defines.
  case local(String, [JQ])
  case builtin(JQBuiltin, [JQ])
  case label(String, JQ)
  case `break`(String)

  enum Part: Sendable {
    case text(String)
    case inserted(JQ)
  }

  struct Member: Sendable {
    let key: JQ
    let value: JQ
  }

  struct Function: Sendable {
    let name: String
    let parameters: [Parameter]
    let body: JQ
  }

  struct Parameter: Sendable {
    let name: String
    /// `$name`: bound to each value of the argument, instead of standing for the argument itself.
    let isValue: Bool
  }

  indirect enum Pattern: Sendable {
    case variable(String)
    case array([Pattern])
    case object([(key: JQ, variable: String?, pattern: Pattern?)])
  }

  enum Operator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case and
    case or
    case alternative = "//"
  }

  enum Assignment: String, Sendable {
    case set = "="
    case update = "|="
    case add = "+="
    case subtract = "-="
    case multiply = "*="
    case divide = "/="
    case remainder = "%="
    case alternative = "//="
  }
}

extension JQ {
  /// Whether this or anything inside is so.
  func contains(_ condition: (JQ) -> Bool) -> Bool {
    condition(self) || children.contains { $0.contains(condition) }
  }

  /// What stands directly inside.
  private var children: [JQ] {
    switch self {
    case .identity, .recurse, .literal, .format, .variable, .array(nil), .break: []
    case .string(_, let parts): parts.compactMap { if case .inserted(let node) = $0 { node } else { nil } }
    case .index(let left, let right), .pipe(let left, let right), .comma(let left, let right),
      .binary(_, let left, let right), .assign(_, let left, let right):
      [left, right]
    case .slice(let container, let from, let to): [container] + [from, to].compactMap(\.self)
    case .iterate(let node), .array(let node?), .negate(let node), .optional(let node), .label(_, let node): [node]
    case .object(let members): members.flatMap { [$0.key, $0.value] }
    case .attempt(let body, let handler): [body] + [handler].compactMap(\.self)
    case .conditional(let condition, let then, let otherwise): [condition, then] + [otherwise].compactMap(\.self)
    case .reduce(let source, let pattern, let initial, let update): [source, initial, update] + pattern.keys
    case .foreach(let source, let pattern, let initial, let update, let extract):
      [source, initial, update] + [extract].compactMap(\.self) + pattern.keys
    case .bind(let source, let patterns, let body): [source, body] + patterns.flatMap(\.keys)
    case .define(let function, let body): [function.body, body]
    case .local(_, let arguments), .builtin(_, let arguments): arguments
    }
  }
}

extension JQ.Pattern {
  fileprivate var keys: [JQ] {
    switch self {
    case .variable: []
    case .array(let items): items.flatMap(\.keys)
    case .object(let members): members.flatMap { [$0.key] + ($0.pattern?.keys ?? []) }
    }
  }
}
