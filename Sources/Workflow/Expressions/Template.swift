import Values

/// Data with expressions inside, at any depth. A string is an expression only when it is wholly `${ … }`; every part
/// without one is built once, when the definition is parsed.
public indirect enum Template: Sendable {
  case constant(JSON)
  case expression(Expression)
  case array([Template])
  case object([(key: String, value: Template)])

  public var usedVariables: Set<String> {
    switch self {
    case .constant: []
    case .expression(let expression): expression.usedVariables
    case .array(let items): items.reduce(into: []) { $0.formUnion($1.usedVariables) }
    case .object(let members): members.reduce(into: []) { $0.formUnion($1.value.usedVariables) }
    }
  }

  /// - Parameters:
  ///   - data: what `.` is.
  ///   - variables: the value of a variable by its name without `$`; asked only for those in `usedVariables`.
  public func evaluate(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> JSON {
    switch self {
    case .constant(let value): return value
    case .expression(let expression): return try expression.evaluate(data, variables: variables)
    case .array(let items):
      var values: [JSON] = []
      values.reserveCapacity(items.count)
      for item in items { values.append(try item.evaluate(data, variables: variables)) }
      return .array(values)
    case .object(let members):
      var object = JSONObject()
      for (key, value) in members { object[key] = try value.evaluate(data, variables: variables) }
      return .object(object)
    }
  }
}
