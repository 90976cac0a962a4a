import Values

/// A value in the form in which two are equal when JSON Schema says so ("Core", section 4.2.2): `1` and `1.0` are.
enum ExactValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(ExactNumber)
  case string(Name)
  case array([ExactValue])
  case object([Name: ExactValue])

  /// - Parameter value: not nested deeper than ``Measure/deepest``.
  init(_ value: JSON) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .number(let value): self = .number(ExactNumber(value))
    case .string(let value): self = .string(Name(value))
    case .array(let values): self = .array(values.map(ExactValue.init))
    case .object(let members):
      var exact = [Name: ExactValue](minimumCapacity: members.count)
      for (key, value) in members { exact[Name(key)] = ExactValue(value) }
      self = .object(exact)
    }
  }
}

/// How large a value is, found without recursion.
struct Measure {
  /// As deep as ``JSONLimits`` lets a text be at most.
  static let deepest = 1_000

  private(set) var depth = 0
  /// Values, and one more for every 64 bytes of a text.
  private(set) var size = 0

  init(_ value: JSON) {
    var open = [(value, 1)]
    while let (value, depth) = open.popLast() {
      size += 1
      self.depth = max(self.depth, depth)
      switch value {
      case .array(let values): for value in values { open.append((value, depth + 1)) }
      case .object(let members):
        for (key, value) in members {
          size += key.utf8.count / 64
          open.append((value, depth + 1))
        }
      case .string(let text): size += text.utf8.count / 64
      case .number(let number): size += number.text.utf8.count / 64
      case .null, .bool: break
      }
    }
  }

  var isTooDeep: Bool { depth > Self.deepest }
}
