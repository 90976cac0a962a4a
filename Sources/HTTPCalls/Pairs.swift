import Values

/// The name and value pairs of a query or a form.
enum Pairs {
  /// An array gives its name once per element, null nothing, an object its JSON text.
  static func from(_ members: JSONObject) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for (name, value) in members where !value.isNull {
      for element in value.array ?? [value] { pairs.append((name, element.scalarText ?? element.text)) }
    }
    return pairs
  }

  static func form(_ pairs: [(name: String, value: String)]) -> String {
    pairs.map { "\(PercentEncoding.form($0.name))=\(PercentEncoding.form($0.value))" }.joined(separator: "&")
  }

  /// Adds to a URI's query; a name that it holds already gets the new value.
  static func merge(_ members: JSONObject, into uri: String) -> String {
    let pairs = from(members)
    guard !pairs.isEmpty else { return uri }
    let uri = uri.prefix { $0 != "#" }
    let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let names = Set(pairs.map(\.name))
    var query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map(String.init)
    query.removeAll { names.contains(PercentEncoding.decodedQuery($0.prefix { $0 != "=" })) }
    query += pairs.map { "\(PercentEncoding.value($0.name))=\(PercentEncoding.value($0.value))" }
    return "\(parts[0])?\(query.joined(separator: "&"))"
  }
}
