import Values

/// Data with expressions inside, at any depth. A string is an expression only when it is wholly `${ … }`; every part
/// without one is built once, when the definition is parsed.
public indirect enum Template: Sendable {
  case constant(JSON)
  case expression(Expression)
  case array([Template])
  case object([(key: String, value: Template)])
  /// A URI with `{names}`, each a member of `.`; its expansion is text. Source: "URI Template".
  case uri(URITemplate)

  public var usedVariables: Set<String> {
    switch self {
    case .constant, .uri: []
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
      var values: [(key: String, value: JSON)] = []
      values.reserveCapacity(members.count)
      for (key, value) in members { values.append((key, try value.evaluate(data, variables: variables))) }
      return .object(JSONObject(uniqueMembers: values))
    case .uri(let template): return .string(try Self.expand(template, data))
    }
  }

  /// A name is one member of the data, points and all; the standard wants an error where that is no text, number or
  /// boolean. What is not there leaves nothing behind.
  private static func expand(_ template: URITemplate, _ data: JSON) throws(ExpressionError) -> String {
    for name in template.variables {
      switch data[name] {
      case .array, .object:
        throw ExpressionError(
          code: .evaluation,
          message: "'\(name)' in the URI \(template.text) is a list or a mapping, and cannot be part of it")
      case nil, .null, .bool, .number, .string: continue
      }
    }
    return template.expand { data[$0] }
  }
}
