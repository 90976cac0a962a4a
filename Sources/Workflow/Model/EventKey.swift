import Values

/// The texts by which what listens is found for an event without looking at all that listens: the event type, and the
/// values to correlate by where they are known.
extension EventFilter {
  /// Stands for a filter without a literal type.
  public static let anyType = "*"

  /// - Parameter expected: the values of all correlations, by name; nil where one is not known yet.
  public func key(expecting expected: JSONObject?) -> String {
    let type = self.type ?? Self.anyType
    guard !correlations.isEmpty, let expected else { return type }
    return type + "\n" + digest(expected)
  }

  /// The keys under which something that this filter lets in may wait for the event; none when its literals differ.
  public func keys(of event: JSON) -> [String] {
    guard mayMatch(event) else { return [] }
    let type = key(expecting: nil)
    guard !correlations.isEmpty else { return [type] }
    var values: JSONObject = [:]
    for correlation in correlations {
      // An event without such a value is none that anything waits for by value.
      guard let value = try? correlation.from.evaluate(event, variables: { _ in nil }) else { return [type] }
      values[correlation.name] = value
    }
    return [type, key(expecting: values)]
  }

  private func digest(_ values: JSONObject) -> String {
    var text = ""
    for correlation in correlations {
      let value = (values[correlation.name] ?? .null).canonicalText
      text += "\(correlation.from.source.utf8.count):\(correlation.from.source)\(value.utf8.count):\(value)"
    }
    return SHA256.hex(text)
  }
}

extension JSON {
  /// A text that values which are equal as data have in common: `1` and `1.0`, members in any order.
  public var canonicalText: String {
    switch self {
    case .number(let number): number.int.map { String($0) } ?? String(number.double)
    case .array(let items): "[" + items.map(\.canonicalText).joined(separator: ",") + "]"
    case .object(let object):
      "{"
        + object.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        .map { JSON.string($0).text + ":" + (object[$0] ?? .null).canonicalText }.joined(separator: ",") + "}"
    case .null, .bool, .string: text
    }
  }
}
