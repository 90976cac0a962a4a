import Values

/// jq's order of all values: null, false, true, numbers, strings (by bytes), arrays, objects (by their sorted keys
/// first, then by the values). Source: the jq manual, `sort`.
enum JQOrder {
  /// Negative, zero or positive; `nil` where two numbers cannot be ordered without rounding one of them.
  static func compare(_ left: JSON, _ right: JSON) -> Int? {
    let rank = Self.rank(left) - Self.rank(right)
    if rank != 0 { return rank }
    switch (left, right) {
    case (.number(let left), .number(let right)): return compare(left, right)
    case (.string(let left), .string(let right)): return compare(left, right)
    case (.array(let left), .array(let right)): return compare(left, right)
    case (.object(let left), .object(let right)): return compare(left, right)
    default: return 0
    }
  }

  private static func rank(_ value: JSON) -> Int {
    switch value {
    case .null: 0
    case .bool(false): 1
    case .bool(true): 2
    case .number: 3
    case .string: 4
    case .array: 5
    case .object: 6
    }
  }

  private static func compare(_ left: JSONNumber, _ right: JSONNumber) -> Int? {
    let (first, second) = (left.double, right.double)
    if first < second { return -1 }
    if first > second { return 1 }
    if left.text == right.text || (left.isExactDouble && right.isExactDouble) { return 0 }
    // Both round to the same double: whole numbers still tell, others are equal or unknown.
    if let first = left.int, let second = right.int { return first < second ? -1 : (first > second ? 1 : 0) }
    return left.hasSameValue(as: right) ? 0 : nil
  }

  private static func compare(_ left: String, _ right: String) -> Int {
    if left.utf8.elementsEqual(right.utf8) { return 0 }
    return left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1
  }

  private static func compare(_ left: [JSON], _ right: [JSON]) -> Int? {
    for (first, second) in zip(left, right) {
      guard let order = compare(first, second) else { return nil }
      if order != 0 { return order }
    }
    return left.count - right.count
  }

  private static func compare(_ left: JSONObject, _ right: JSONObject) -> Int? {
    let keys = left.keys.sorted { compare($0, $1) < 0 }
    let otherKeys = right.keys.sorted { compare($0, $1) < 0 }
    for (first, second) in zip(keys, otherKeys) {
      let order = compare(first, second)
      if order != 0 { return order }
    }
    if keys.count != otherKeys.count { return keys.count - otherKeys.count }
    for key in keys {
      guard let order = compare(left[key] ?? .null, right[key] ?? .null) else { return nil }
      if order != 0 { return order }
    }
    return 0
  }
}

extension JSON {
  /// Equal as jq sees it: numbers by their value, however they are written.
  public func hasSameValue(as other: JSON) -> Bool { JQOrder.compare(self, other) == 0 }
}
