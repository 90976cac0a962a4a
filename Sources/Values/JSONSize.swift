extension JSON {
  /// The size of the compact text, without writing it; escapes count as one byte.
  public var approximateBytes: Int { approximateBytes(within: .max) ?? .max }

  /// As ``approximateBytes``; nil when arrays and objects nest deeper than `depth`.
  public func approximateBytes(within depth: Int) -> Int? {
    switch self {
    case .null: return 4
    case .bool: return 5
    case .number(let number): return number.text.utf8.count
    case .string(let text): return text.utf8.count + 2
    case .array(let items):
      guard depth > 0 else { return nil }
      var sum = 2
      for item in items {
        guard let bytes = item.approximateBytes(within: depth - 1) else { return nil }
        sum += bytes + 1
      }
      return sum
    case .object(let object):
      guard depth > 0 else { return nil }
      var sum = 2
      for (key, value) in object.members {
        guard let bytes = value.approximateBytes(within: depth - 1) else { return nil }
        sum += key.utf8.count + bytes + 4
      }
      return sum
    }
  }
}
