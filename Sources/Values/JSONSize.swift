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
      for place in items.indices {
        guard let bytes = items[place].approximateBytes(within: depth - 1) else { return nil }
        sum += bytes + 1
      }
      return sum
    case .object(let object):
      guard depth > 0 else { return nil }
      var sum = 2
      // By their places: taking a member out of the list would count references to it.
      let members = object.members
      for place in members.indices {
        guard let bytes = members[place].value.approximateBytes(within: depth - 1) else { return nil }
        sum += members[place].key.utf8.count + bytes + 4
      }
      return sum
    }
  }
}
