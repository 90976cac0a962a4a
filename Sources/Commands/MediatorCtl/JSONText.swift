import Values

/// The parts that the commands' JSON is made of: a time is RFC 3339 in UTC, a duration a number of seconds, what is not
/// known is null.
extension JSON {
  static func text(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
  static func integer(_ value: (some BinaryInteger)?) -> JSON { value.map { .number(JSONNumber(Int($0))) } ?? .null }
  static func time(_ time: Timestamp?) -> JSON { text(time?.rfc3339) }

  static func seconds(_ duration: Duration?) -> JSON {
    duration.map { .number(JSONNumber(($0 / .microseconds(1)).rounded() / 1_000_000)) } ?? .null
  }
}

/// A record's key for people: as text where it is UTF-8, else in hexadecimal digits after `0x`.
func keyText(_ key: [UInt8]) -> String {
  if let text = String(validating: key, as: UTF8.self) { return text }
  return "0x" + key.map { byte in byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16) }.joined()
}
