import Values

/// A value of a YAML file that remembers where it stood.
public struct YAMLNode: Sendable {
  public enum Content: Sendable {
    case scalar(JSON, YAMLScalarStyle)
    case sequence([YAMLNode])
    case mapping([YAMLEntry])
  }

  public let position: YAMLPosition
  public let content: Content

  public init(position: YAMLPosition, content: Content) {
    self.position = position
    self.content = content
  }

  /// The same value without positions. A mapping becomes an object with its keys in the order of the file.
  public var json: JSON {
    switch content {
    case .scalar(let value, _): return value
    case .sequence(let items): return .array(items.map(\.json))
    case .mapping(let entries):
      var object = JSONObject()
      for entry in entries { object[entry.key] = entry.value.json }
      return .object(object)
    }
  }

  /// The value under a key; `nil` also when this is no mapping.
  public subscript(key: String) -> YAMLNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }

  public var scalar: JSON? { if case .scalar(let value, _) = content { value } else { nil } }
  public var sequence: [YAMLNode]? { if case .sequence(let items) = content { items } else { nil } }
  public var mapping: [YAMLEntry]? { if case .mapping(let entries) = content { entries } else { nil } }
}

/// One key of a mapping, with its value.
public struct YAMLEntry: Sendable {
  public let key: String
  public let keyPosition: YAMLPosition
  public let value: YAMLNode

  public init(key: String, keyPosition: YAMLPosition, value: YAMLNode) {
    self.key = key
    self.keyPosition = keyPosition
    self.value = value
  }
}

/// Lines and columns count from 1; a column is a Unicode scalar, whatever its width.
public struct YAMLPosition: Sendable, Hashable, Comparable {
  public let line: Int
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  public static func < (left: Self, right: Self) -> Bool { (left.line, left.column) < (right.line, right.column) }
}

public enum YAMLScalarStyle: Sendable, Hashable {
  case plain
  case singleQuoted
  case doubleQuoted
  /// `|`: lines as they stand.
  case literal
  /// `>`: lines joined.
  case folded
}
