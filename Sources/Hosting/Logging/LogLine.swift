import Logging
import Values

/// One event as one line, whatever its texts contain.
struct LogLine {
  var time: Timestamp
  var level: Logger.Level
  /// The logger's label.
  var component: String
  var message: String
  var metadata: Logger.Metadata
  var error: String?

  /// `2026-01-31T12:00:00.123Z info mediator: shard taken shard=3 owner="a b"`.
  var text: String {
    var line = "\(time.rfc3339) \(level.rawValue) \(escaped(component)): \(escaped(message))"
    for (key, value) in pairs { line += " \(escaped(key))=\(quotedIfNeeded(value))" }
    return line
  }

  /// The same as a JSON object: `time`, `level`, `component`, `message`, then the metadata.
  var json: String {
    var object: JSONObject = [
      "time": .string(time.rfc3339), "level": .string(level.rawValue), "component": .string(component),
      "message": .string(message),
    ]
    // A key of the metadata that is one of these gives way.
    for (key, value) in pairs { object[object[key] == nil ? key : "metadata.\(key)"] = .string(value) }
    return JSON.object(object).text
  }

  private var pairs: [(String, String)] {
    var pairs = metadata.map { ($0.key, $0.value.description) }.sorted { $0.0 < $1.0 }
    if let error { pairs.append(("error", error)) }
    return pairs
  }
}

/// Line breaks and other control characters in sight, so that no text can pose as a line of its own.
private func escaped(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case _ where isControl(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  // Also the separators that some terminals and editors break lines at, and the marks that turn the direction.
  switch scalar.value {
  case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
  default: false
  }
}

private func quotedIfNeeded(_ text: String) -> String {
  let text = escaped(text)
  let isPlain =
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
  guard !isPlain else { return text }
  return "\"\(text.replacing("\"", with: "\\\""))\""
}
