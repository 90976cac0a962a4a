extension JSON {
  /// The compact text as UTF-8. Members keep their order, numbers their text; only what must be escaped is.
  public func serialized() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    serialize(into: &bytes)
    return bytes
  }

  /// Appends the compact text.
  public func serialize(into bytes: inout [UInt8]) {
    switch self {
    case .null: append("null", to: &bytes)
    case .bool(true): append("true", to: &bytes)
    case .bool(false): append("false", to: &bytes)
    case .number(let number): bytes.append(contentsOf: number.text.utf8)
    case .string(let string): appendQuoted(string, to: &bytes)
    case .array(let elements):
      var mark = UInt8(ascii: "[")
      for element in elements {
        bytes.append(mark)
        element.serialize(into: &bytes)
        mark = UInt8(ascii: ",")
      }
      if elements.isEmpty { bytes.append(mark) }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      var mark = UInt8(ascii: "{")
      for (key, value) in object.members {
        bytes.append(mark)
        appendQuoted(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        value.serialize(into: &bytes)
        mark = UInt8(ascii: ",")
      }
      if object.isEmpty { bytes.append(mark) }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// The compact text.
  public var text: String { String(decoding: serialized(), as: UTF8.self) }

  /// The text for people: one member or element a line, two spaces a level, no line feed at the end.
  public func pretty() -> String {
    var bytes: [UInt8] = []
    appendPretty(to: &bytes, level: 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func appendPretty(to bytes: inout [UInt8], level: Int) {
    func newLine(_ level: Int) {
      bytes.append(UInt8(ascii: "\n"))
      bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
    }
    switch self {
    case .array(let elements) where !elements.isEmpty:
      var mark = UInt8(ascii: "[")
      for element in elements {
        bytes.append(mark)
        newLine(level + 1)
        element.appendPretty(to: &bytes, level: level + 1)
        mark = UInt8(ascii: ",")
      }
      newLine(level)
      bytes.append(UInt8(ascii: "]"))
    case .object(let object) where !object.isEmpty:
      var mark = UInt8(ascii: "{")
      for (key, value) in object.members {
        bytes.append(mark)
        newLine(level + 1)
        appendQuoted(key, to: &bytes)
        append(": ", to: &bytes)
        value.appendPretty(to: &bytes, level: level + 1)
        mark = UInt8(ascii: ",")
      }
      newLine(level)
      bytes.append(UInt8(ascii: "}"))
    default: serialize(into: &bytes)
    }
  }
}

private func append(_ text: StaticString, to bytes: inout [UInt8]) {
  bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

private func appendQuoted(_ string: String, to bytes: inout [UInt8]) {
  bytes.append(UInt8(ascii: "\""))
  var string = string
  string.withUTF8 { text in
    var start = 0
    for place in text.indices where mustBeEscaped(text[place]) {
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<place]))
      appendEscape(text[place], to: &bytes)
      start = place + 1
    }
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
  }
  bytes.append(UInt8(ascii: "\""))
}

private func mustBeEscaped(_ byte: UInt8) -> Bool {
  byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

private func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
  bytes.append(UInt8(ascii: "\\"))
  switch byte {
  case 0x08: bytes.append(UInt8(ascii: "b"))
  case 0x09: bytes.append(UInt8(ascii: "t"))
  case 0x0A: bytes.append(UInt8(ascii: "n"))
  case 0x0C: bytes.append(UInt8(ascii: "f"))
  case 0x0D: bytes.append(UInt8(ascii: "r"))
  case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
  default:
    append("u00", to: &bytes)
    bytes.append(hexCharacter(byte >> 4))
    bytes.append(hexCharacter(byte & 15))
  }
}
