import HTTP
import Values

/// The headers that a workflow sets.
enum CallHeaders {
  /// These belong to the connection, or say whom it leads to: with another `Host` a call would get past the allow-list
  /// to whatever else a server serves.
  private static let reserved: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
    "proxy-authorization", "proxy-connection",
  ]

  /// Numbers and booleans go as their text, arrays with commas (RFC 9110 section 5.6.1), null not at all.
  static func read(_ members: JSONObject, _ place: String) throws(HTTPCallError) -> [HTTPHeader] {
    var headers: [HTTPHeader] = []
    for (name, value) in members where !value.isNull {
      let text = (value.array ?? [value]).map(\.scalarText)
      guard !text.contains(nil) else { throw .invalid("\(place).\(name) must be a text, a number or a boolean") }
      headers.append(try header(name, text.compactMap { $0 }.joined(separator: ", "), place))
    }
    return headers
  }

  static func header(_ name: String, _ value: String, _ place: String) throws(HTTPCallError) -> HTTPHeader {
    guard !name.isEmpty, name.utf8.allSatisfy({ isTokenByte($0) }) else {
      throw .invalid("\(place) has a member that is no name of a header")
    }
    guard !reserved.contains(name.lowercased()) else { throw .invalid("\(place).\(name) cannot be set") }
    // A line break would begin another header, or another request (RFC 9110 section 5.5).
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
      throw .invalid("\(place).\(name) holds a line break or another control character")
    }
    return HTTPHeader(name, value)
  }

  /// By its name, a header or a parameter whose value is nobody's business.
  static func isSecret(_ name: String) -> Bool {
    let plain = name.lowercased().filter { $0 != "-" && $0 != "_" }
    return ["authorization", "cookie", "apikey", "token", "secret", "password", "signature"].contains {
      plain.contains($0)
    }
  }
}

extension [HTTPHeader] {
  /// Of the first header of that name, which is in lower case.
  func value(of name: String) -> String? { first { $0.name.lowercased() == name }?.value }

  mutating func set(_ header: HTTPHeader) {
    let name = header.name.lowercased()
    removeAll { $0.name.lowercased() == name }
    append(header)
  }
}
