import Values

// Functions that go through a list. Each item costs a unit: lists within lists must not multiply without end.
extension JQNative {
  mutating func map(_ body: JQ, _ data: JSON) -> JSON? {
    guard case .array(let items) = data, isCheap(items.count) else { return nil }
    var values: [JSON] = []
    values.reserveCapacity(items.count)
    for item in items {
      guard let value = evaluate(body, item) else { return nil }
      values.append(value)
    }
    return .array(values)
  }

  /// As jq has it, `null` is joined as if it were empty text.
  mutating func join(_ separator: JQ, _ data: JSON) -> JSON? {
    guard case .array(let items) = data, case .string(let separator)? = evaluate(separator, data),
      isCheap(items.count)
    else { return nil }
    var joined = ""
    for (place, item) in items.enumerated() {
      guard let text = item.isNull ? "" : Self.text(of: item) else { return nil }
      if place > 0 { joined += separator }
      joined += text
      guard isCheap((separator.utf8.count + text.utf8.count) / 16) else { return nil }
    }
    return .string(joined)
  }
}
