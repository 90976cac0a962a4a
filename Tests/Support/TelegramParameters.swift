import Values

/// The parameters of a request: those of the URL's query, then those of the body, a form or a JSON object
/// (Bot API, "Making requests").
enum TelegramParameters {
  /// - Returns: nil if the body is not what its type says.
  static func read(_ request: LoopbackHTTPServer.Request) -> JSONObject? {
    var parameters = form(request.query ?? "")
    guard !request.body.isEmpty else { return parameters }
    let type = request.header("content-type")?.prefix { $0 != ";" } ?? ""
    switch type {
    case "application/json":
      guard let object = try? JSON.parse(request.body).object else { return nil }
      for (name, value) in object { parameters[name] = value }
    case "application/x-www-form-urlencoded":
      for (name, value) in form(String(decoding: request.body, as: UTF8.self)) { parameters[name] = value }
    default: return nil
    }
    return parameters
  }

  private static func form(_ text: String) -> JSONObject {
    var object = JSONObject()
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let plain = parts.map { decoded($0.replacing("+", with: " ")) }
      object[plain[0]] = .string(plain.count == 2 ? plain[1] : "")
    }
    return object
  }

  /// Percent-decoded; a `%` without two digits stands for itself.
  static func decoded(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
