import Values

/// Evaluates the part of jq that most expressions keep to (paths, comparisons, conditions, objects, arrays, texts)
/// without libjq: some hundred times faster than a conversion there and back, and exact in every number it passes on.
///
/// It gives exactly what libjq gives, or `nil` where it does not know; libjq then does the whole expression, and has
/// the words for what is wrong with it.
struct JQNative {
  private let variables: (String) -> JSON?
  private var bound: [(name: String, value: JSON)] = []
  /// In the units of ``JQBudget``.
  private var spent = 0
  /// What costs more is left to libjq, which counts in earnest.
  private static let maxUnits = 10_000

  init(variables: @escaping (String) -> JSON?) { self.variables = variables }

  /// Whether an evaluation could succeed: otherwise it is not even tried.
  static func supports(_ node: JQ) -> Bool {
    switch node {
    case .identity, .literal, .variable: true
    case .index(let value, let key): supports(value) && supports(key)
    case .string(nil, let parts):
      parts.allSatisfy { part in
        if case .inserted(let value) = part { supports(value) } else { true }
      }
    case .array(nil): true
    case .array(let items?): supports(elements: items)
    case .object(let members): members.allSatisfy { supports($0.key) && supports($0.value) }
    case .pipe(let left, let right): supports(left) && supports(right)
    case .binary(let operation, let left, let right):
      operation != .divide && operation != .remainder && supports(left) && supports(right)
    case .attempt(let body, nil), .optional(let body), .negate(let body): supports(body)
    case .conditional(let condition, let then, let otherwise):
      supports(condition) && supports(then) && (otherwise.map { supports($0) } ?? true)
    case .bind(let source, let patterns, let body):
      if case .variable = patterns.first, patterns.count == 1 { supports(source) && supports(body) } else { false }
    case .builtin(let builtin, let arguments):
      ["not/0", "length/0", "type/0", "tostring/0", "map/1", "join/1"].contains(
        "\(builtin.name)/\(arguments.count)") && arguments.allSatisfy { supports($0) }
    default: false
    }
  }

  private static func supports(elements: JQ) -> Bool {
    if case .comma(let left, let right) = elements { return supports(elements: left) && supports(right) }
    return supports(elements)
  }

  mutating func evaluate(_ node: JQ, _ data: JSON) -> JSON? {
    switch node {
    case .identity: return data
    case .literal(let value): return value
    case .variable(let name):
      return bound.last { $0.name == name }?.value ?? variables(name) ?? .null
    case .index(let value, let key): return index(value, key, data)
    case .string(nil, let parts): return string(parts, data)
    case .array(nil): return .array([])
    case .array(let items?): return array(items, data)
    case .object(let members): return object(members, data)
    case .pipe(let left, let right):
      guard let value = evaluate(left, data) else { return nil }
      return evaluate(right, value)
    case .binary(let operation, let left, let right): return binary(operation, left, right, data)
    // Only an error would make a difference, and there are none here.
    case .attempt(let body, nil), .optional(let body): return evaluate(body, data)
    case .negate(let operand):
      guard case .number(let number)? = evaluate(operand, data), number.isExactDouble else { return nil }
      return .number(JSONNumber(-number.double))
    case .conditional(let condition, let then, let otherwise):
      guard let condition = evaluate(condition, data) else { return nil }
      if condition.isTrue { return evaluate(then, data) }
      return otherwise.map { evaluate($0, data) } ?? data
    case .bind(let source, let patterns, let body): return bind(source, patterns, body, data)
    case .builtin(let builtin, let arguments):
      guard let argument = arguments.first else { return call(builtin.name, data) }
      return builtin.name == "map" ? map(argument, data) : join(argument, data)
    default: return nil
    }
  }

  private mutating func index(_ value: JQ, _ key: JQ, _ data: JSON) -> JSON? {
    guard let key = evaluate(key, data), let value = evaluate(value, data) else { return nil }
    switch (value, key) {
    case (.object(let object), .string(let name)): return object[name] ?? .null
    case (.null, .string), (.null, .number): return .null
    case (.array(let items), .number(let number)):
      // A fraction or something huge is left to jq's own rules.
      guard var position = number.int, abs(position) < 1 << 30 else { return nil }
      if position < 0 { position += items.count }
      return items.indices.contains(position) ? items[position] : .null
    default: return nil
    }
  }

  private mutating func string(_ parts: [JQ.Part], _ data: JSON) -> JSON? {
    var text = ""
    for part in parts {
      switch part {
      case .text(let literal): text += literal
      case .inserted(let node):
        guard let value = evaluate(node, data), let inserted = Self.text(of: value) else { return nil }
        text += inserted
      }
    }
    return isCheap(1 + text.utf8.count / 16) ? .string(text) : nil
  }

  /// Whether that may be spent, too.
  mutating func isCheap(_ units: Int) -> Bool {
    spent += units
    return spent <= Self.maxUnits
  }

  /// The text of a value where every jq writes the same.
  static func text(of value: JSON) -> String? {
    switch value {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .string(let text): text
    // Whole numbers of up to 15 digits, as they are always written.
    case .number(let number):
      number.text.utf8.count <= 15 && number.text.utf8.allSatisfy(JQLexer.isDigit) ? number.text : nil
    default: nil
    }
  }

  private mutating func array(_ items: JQ, _ data: JSON) -> JSON? {
    var values: [JSON] = []
    var rest = items
    while case .comma(let left, let right) = rest {
      guard let value = evaluate(right, data) else { return nil }
      values.append(value)
      rest = left
    }
    guard let first = evaluate(rest, data) else { return nil }
    values.append(first)
    return .array(values.reversed())
  }

  private mutating func object(_ members: [JQ.Member], _ data: JSON) -> JSON? {
    var object = JSONObject()
    for member in members {
      guard case .string(let key)? = evaluate(member.key, data), let value = evaluate(member.value, data) else {
        return nil
      }
      object[key] = value
    }
    return .object(object)
  }

  private mutating func bind(_ source: JQ, _ patterns: [JQ.Pattern], _ body: JQ, _ data: JSON) -> JSON? {
    guard case .variable(let name)? = patterns.first, let value = evaluate(source, data) else { return nil }
    bound.append((name, value))
    defer { bound.removeLast() }
    return evaluate(body, data)
  }

  private func call(_ name: String, _ data: JSON) -> JSON? {
    switch (name, data) {
    case ("not", _): .bool(!data.isTrue)
    case ("length", .null): 0
    case ("length", .string(let text)): .number(JSONNumber(text.unicodeScalars.count))
    case ("length", .array(let items)): .number(JSONNumber(items.count))
    case ("length", .object(let object)): .number(JSONNumber(object.count))
    case ("type", _): .string(data.kindName)
    case ("tostring", _): Self.text(of: data).map { .string($0) }
    default: nil
    }
  }
}

// Operators.
extension JQNative {
  private mutating func binary(_ operation: JQ.Operator, _ left: JQ, _ right: JQ, _ data: JSON) -> JSON? {
    switch operation {
    case .and, .or:
      guard let first = evaluate(left, data) else { return nil }
      if first.isTrue != (operation == .and) { return .bool(first.isTrue) }
      return evaluate(right, data).map { .bool($0.isTrue) }
    case .alternative:
      guard let first = evaluate(left, data) else { return nil }
      return first.isTrue ? first : evaluate(right, data)
    default:
      guard let left = evaluate(left, data), let right = evaluate(right, data) else { return nil }
      return operation.isComparison ? compare(operation, left, right) : arithmetic(operation, left, right)
    }
  }

  private func compare(_ operation: JQ.Operator, _ left: JSON, _ right: JSON) -> JSON? {
    guard let order = JQOrder.compare(left, right) else { return nil }
    return switch operation {
    case .equal: .bool(order == 0)
    case .notEqual: .bool(order != 0)
    case .less: .bool(order < 0)
    case .lessOrEqual: .bool(order <= 0)
    case .greater: .bool(order > 0)
    default: .bool(order >= 0)
    }
  }

  private mutating func arithmetic(_ operation: JQ.Operator, _ left: JSON, _ right: JSON) -> JSON? {
    switch (operation, left, right) {
    case (.add, .null, _): return right
    case (.add, _, .null): return left
    case (.add, .string(let first), .string(let second)):
      return isCheap(1 + (first.utf8.count + second.utf8.count) / 16) ? .string(first + second) : nil
    case (.add, .array(let first), .array(let second)):
      return isCheap(1 + first.count + second.count) ? .array(first + second) : nil
    case (.add, .object(var first), .object(let second)):
      guard isCheap(1 + first.count + second.count) else { return nil }
      for (key, value) in second { first[key] = value }
      return .object(first)
    case (_, .number(let first), .number(let second)): return Self.arithmetic(operation, first, second)
    default: return nil
    }
  }

  /// In doubles, as jq calculates.
  private static func arithmetic(_ operation: JQ.Operator, _ left: JSONNumber, _ right: JSONNumber) -> JSON? {
    guard left.isExactDouble, right.isExactDouble else { return nil }
    let result: Double
    switch operation {
    case .add: result = left.double + right.double
    case .subtract: result = left.double - right.double
    case .multiply: result = left.double * right.double
    default: return nil
    }
    return result.isFinite ? .number(JSONNumber(result)) : nil
  }
}

extension JQ.Operator {
  var isComparison: Bool {
    switch self {
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: true
    default: false
    }
  }
}

extension JSON {
  /// jq's truth: anything but `false` and `null`.
  var isTrue: Bool {
    switch self {
    case .null, .bool(false): false
    default: true
    }
  }

  /// jq's name of the type.
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}
