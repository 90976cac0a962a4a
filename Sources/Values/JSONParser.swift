extension JSON {
  /// Reads one JSON text, strictly by RFC 8259.
  ///
  /// Refused beyond what the grammar refuses: text that is not UTF-8, halves of surrogate pairs, repeated keys, and what
  /// exceeds the limits. `\u0000` and numbers of any size are kept as they are.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = .default
  ) throws(JSONError) -> JSON {
    guard bytes.count <= limits.maxBytes else {
      throw JSONError(
        code: .tooLarge, offset: limits.maxBytes, message: "\(bytes.count) bytes, more than \(limits.maxBytes)")
    }
    guard let base = bytes.baseAddress, bytes.count > 0 else {
      throw JSONError(code: .syntax, offset: 0, message: "the text is empty")
    }
    let text = base.assumingMemoryBound(to: UInt8.self)
    if let offset = firstInvalidUTF8(text, count: bytes.count) {
      throw JSONError(code: .encoding, offset: offset, message: "not UTF-8")
    }
    var parser = JSONParser(base: text, count: bytes.count, limits: limits)
    return try parser.document()
  }

  public static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) -> JSON {
    // withUnsafeBytes does not pass typed errors through everywhere; a result does.
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) in try parse(buffer, limits: limits) }
    }
    return try result.get()
  }

  public static func parse(_ text: String, limits: JSONLimits = .default) throws(JSONError) -> JSON {
    var text = text
    let result = text.withUTF8 { buffer in
      Result { () throws(JSONError) in try parse(UnsafeRawBufferPointer(buffer), limits: limits) }
    }
    return try result.get()
  }
}

/// A recursive-descent parser over bytes that are known to be UTF-8 and outlive it.
struct JSONParser {
  private let base: UnsafePointer<UInt8>
  private let count: Int
  private let maxDepth: Int
  private var position = 0
  /// Where strings with escapes are put together; kept to be used again.
  private var scratch: [UInt8] = []

  init(base: UnsafePointer<UInt8>, count: Int, limits: JSONLimits) {
    self.base = base
    self.count = count
    maxDepth = min(limits.maxDepth, JSONLimits.deepest)
  }

  mutating func document() throws(JSONError) -> JSON {
    skipWhitespace()
    let value = try value(depth: 0)
    skipWhitespace()
    guard position == count else { throw error("something follows the value") }
    return value
  }

  private func error(_ message: String, _ code: JSONError.Code = .syntax, at offset: Int? = nil) -> JSONError {
    JSONError(code: code, offset: offset ?? position, message: message)
  }

  /// The byte at the position, or 0, which no JSON text has outside a string.
  private var current: UInt8 { position < count ? base[position] : 0 }

  private mutating func skipWhitespace() {
    while position < count {
      let byte = base[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    switch current {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    case UInt8(ascii: "t"):
      try literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null")
      return .null
    default: throw error(position < count ? "no JSON value starts here" : "the text ends where a value is expected")
    }
  }

  private mutating func literal(_ text: StaticString) throws(JSONError) {
    for place in 0..<text.utf8CodeUnitCount {
      guard position + place < count, base[position + place] == text.utf8Start[place] else {
        throw error("no JSON value starts here")
      }
    }
    position += text.utf8CodeUnitCount
  }
}

// MARK: - Arrays and objects

extension JSONParser {
  private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
    try open(depth)
    var elements: [JSON] = []
    if try close(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value(depth: depth))
      if try next(orClose: UInt8(ascii: "]")) { return elements }
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    try open(depth)
    var object = JSONObject()
    if try close(UInt8(ascii: "}")) { return object }
    object.reserveCapacity(4)
    while true {
      let start = position
      guard current == UInt8(ascii: "\"") else { throw error("a name in double quotes is expected") }
      let key = try string()
      skipWhitespace()
      guard current == UInt8(ascii: ":") else { throw error("a colon is expected after a name") }
      position += 1
      skipWhitespace()
      let value = try value(depth: depth)
      guard object.appendIfNew(key, value) else { throw error("the name is repeated", .duplicateKey, at: start) }
      if try next(orClose: UInt8(ascii: "}")) { return object }
    }
  }

  private mutating func open(_ depth: Int) throws(JSONError) {
    guard depth <= maxDepth else { throw error("nested deeper than \(maxDepth) levels", .tooDeep) }
    position += 1
    skipWhitespace()
  }

  private mutating func close(_ mark: UInt8) throws(JSONError) -> Bool {
    guard current == mark else { return false }
    position += 1
    return true
  }

  private mutating func next(orClose mark: UInt8) throws(JSONError) -> Bool {
    skipWhitespace()
    if current == mark {
      position += 1
      return true
    }
    guard current == UInt8(ascii: ",") else {
      throw error(position < count ? "a comma or the closing bracket is expected" : "the text ends inside a value")
    }
    position += 1
    skipWhitespace()
    return false
  }
}

// MARK: - Numbers

extension JSONParser {
  private mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    let end = try scanNumber()
    position = end
    return JSONNumber(unchecked: text(start, end))
  }

  /// Checks the number at the position against the grammar and gives the place after it.
  mutating func scanNumber() throws(JSONError) -> Int {
    var end = position
    if byte(end) == UInt8(ascii: "-") { end += 1 }
    if byte(end) == UInt8(ascii: "0") {
      end += 1
      if isDigit(end) { throw error("a number has a leading zero", at: end) }
    } else {
      end = try digits(end)
    }
    if byte(end) == UInt8(ascii: ".") { end = try digits(end + 1) }
    if byte(end) | 0x20 == UInt8(ascii: "e") {
      end += 1
      if byte(end) == UInt8(ascii: "+") || byte(end) == UInt8(ascii: "-") { end += 1 }
      end = try digits(end)
    }
    guard end - position <= JSONLimits.longestNumber else {
      throw error("a number has more than \(JSONLimits.longestNumber) characters", .tooLarge)
    }
    return end
  }

  private func byte(_ place: Int) -> UInt8 { place < count ? base[place] : 0 }

  private func isDigit(_ place: Int) -> Bool { byte(place) &- UInt8(ascii: "0") < 10 }

  private func digits(_ start: Int) throws(JSONError) -> Int {
    var end = start
    while isDigit(end) { end += 1 }
    guard end > start else { throw error("a digit is expected", at: start) }
    return end
  }

  private func text(_ start: Int, _ end: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: base + start, count: end - start), as: UTF8.self)
  }
}

// MARK: - Strings

extension JSONParser {
  private mutating func string() throws(JSONError) -> String {
    let start = position + 1
    var end = start
    while end < count {
      let byte = base[end]
      if byte == UInt8(ascii: "\"") {
        position = end + 1
        return text(start, end)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(start, firstEscape: end) }
      guard byte >= 0x20 else { throw error("a control character stands unescaped in a string", at: end) }
      end += 1
    }
    throw error("the text ends inside a string", at: count)
  }

  private mutating func escapedString(_ start: Int, firstEscape: Int) throws(JSONError) -> String {
    scratch.removeAll(keepingCapacity: true)
    scratch.append(contentsOf: UnsafeBufferPointer(start: base + start, count: firstEscape - start))
    position = firstEscape
    while position < count {
      let byte = base[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: scratch, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape()
      case 0..<0x20: throw error("a control character stands unescaped in a string")
      default:
        scratch.append(byte)
        position += 1
      }
    }
    throw error("the text ends inside a string")
  }

  private mutating func escape() throws(JSONError) {
    let mark = byte(position + 1)
    switch mark {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(mark)
    case UInt8(ascii: "b"): scratch.append(0x08)
    case UInt8(ascii: "f"): scratch.append(0x0C)
    case UInt8(ascii: "n"): scratch.append(0x0A)
    case UInt8(ascii: "r"): scratch.append(0x0D)
    case UInt8(ascii: "t"): scratch.append(0x09)
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw error("an unknown escape")
    }
    position += 2
  }

  private mutating func unicodeEscape() throws(JSONError) {
    let start = position
    var scalar = try codeUnit()
    if 0xDC00...0xDFFF ~= scalar {
      throw error("the second half of a surrogate pair without the first", .loneSurrogate, at: start)
    }
    if 0xD800...0xDBFF ~= scalar {
      guard current == UInt8(ascii: "\\"), byte(position + 1) == UInt8(ascii: "u") else {
        throw error("the first half of a surrogate pair without the second", .loneSurrogate, at: start)
      }
      let low = try codeUnit()
      guard 0xDC00...0xDFFF ~= low else {
        throw error("the first half of a surrogate pair without the second", .loneSurrogate, at: start)
      }
      scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
    }
    appendUTF8(scalar)
  }

  /// Reads `\uXXXX` at the position.
  private mutating func codeUnit() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for place in position + 2..<position + 6 {
      guard let digit = hexDigit(byte(place)) else { throw error("four hexadecimal digits are expected after \\u") }
      unit = unit << 4 | UInt32(digit)
    }
    position += 6
    return unit
  }

  private mutating func appendUTF8(_ scalar: UInt32) {
    switch scalar {
    case 0..<0x80: scratch.append(UInt8(scalar))
    case 0x80..<0x800:
      scratch.append(UInt8(0xC0 | scalar >> 6))
      scratch.append(UInt8(0x80 | scalar & 0x3F))
    case 0x800..<0x10000:
      scratch.append(UInt8(0xE0 | scalar >> 12))
      scratch.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      scratch.append(UInt8(0x80 | scalar & 0x3F))
    default:
      scratch.append(UInt8(0xF0 | scalar >> 18))
      scratch.append(UInt8(0x80 | scalar >> 12 & 0x3F))
      scratch.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      scratch.append(UInt8(0x80 | scalar & 0x3F))
    }
  }
}
