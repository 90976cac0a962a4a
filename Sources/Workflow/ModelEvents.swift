import Values

/// Which events are meant: every attribute named under `with` has to agree. Source: "Event Filter".
///
/// A literal agrees when it equals the attribute. An expression is evaluated on the attribute's value (on the data for
/// `data`, as the standard's examples do) and agrees when it gives `true`, or gives a value other than a boolean that
/// equals the attribute.
public struct EventFilter: Sendable {
  public struct Attribute: Sendable {
    public let name: String
    public let test: Test
  }

  public enum Test: Sendable {
    case equals(JSON)
    case expression(Expression)
  }

  /// In the order of the file, literals first: they are cheaper to test.
  public let attributes: [Attribute]

  /// The `type` when it is a literal: what a list of filters can be indexed by.
  public let type: String?

  init(attributes: [Attribute]) {
    let literals = attributes.filter { if case .equals = $0.test { true } else { false } }
    let expressions = attributes.filter { if case .expression = $0.test { true } else { false } }
    self.attributes = literals + expressions
    var type: String?
    for attribute in literals where attribute.name == "type" {
      if case .equals(.string(let text)) = attribute.test { type = text }
    }
    self.type = type
  }

  /// - Parameter event: the CloudEvents JSON form: an object with the attributes and `data`.
  public func matches(_ event: JSON, variables: (String) -> JSON? = { _ in nil }) throws(ExpressionError) -> Bool {
    for attribute in attributes {
      let value = event[attribute.name] ?? .null
      switch attribute.test {
      case .equals(let expected):
        if !value.hasSameValue(as: expected) { return false }
      case .expression(let expression):
        switch try expression.evaluate(value, variables: variables) {
        case .bool(let agrees): if !agrees { return false }
        case let result: if !result.hasSameValue(as: value) { return false }
        }
      }
    }
    return true
  }
}
