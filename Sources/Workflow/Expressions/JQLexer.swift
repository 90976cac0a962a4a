import Values

/// A piece of a jq program and where it starts, in UTF-8 bytes.
struct JQToken {
  enum Kind: Equatable {
    /// A name that is no keyword.
    case name(String)
    case keyword(String)
    /// `.name`
    case field(String)
    /// `$name`
    case variable(String)
    /// `@name`
    case format(String)
    case number(JSONNumber)
    case string([StringPart])
    case symbol(String)
    case end
  }

  enum StringPart: Equatable {
    case text(String)
    /// What stands inside `\( )`, to be parsed by itself.
    case inserted(source: Range<Int>)
  }

  let kind: Kind
  let offset: Int

  /// As a message names it.
  var description: String {
    switch kind {
    case .name(let text), .keyword(let text), .symbol(let text): "'\(text)'"
    case .field(let name): "'.\(name)'"
    case .variable(let name): "'$\(name)'"
    case .format(let name): "'@\(name)'"
    case .number(let number): "'\(number.text)'"
    case .string: "a string"
    case .end: "the end of the expression"
    }
  }
}

/// A mistake in an expression, at a UTF-8 byte of its text.
struct JQProblem: Error {
  let code: ExpressionError.Code
  let offset: Int
  let message: String
  var hint: String?
}

struct JQLexer {
  static let keywords: Set<String> = [
    "def", "if", "then", "elif", "else", "end", "as", "reduce", "foreach", "try", "catch", "label", "import", "include",
    "and", "or", "__loc__",
  ]
  private static let symbols = [
    "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..", ".", "[", "]", "(", ")", "{",
    "}", "|", ",", ":", ";", "=", "<", ">", "+", "-", "*", "/", "%", "?", "$",
  ].map { Array($0.utf8) }

  private let bytes: [UInt8]
  private let range: Range<Int>
  private var index: Int

  /// - Parameter range: the part of the text to read; offsets always count from the start of the whole text.
  init(_ bytes: [UInt8], range: Range<Int>) {
    self.bytes = bytes
    self.range = range
    index = range.lowerBound
  }

  mutating func tokens() throws(JQProblem) -> [JQToken] {
    var tokens: [JQToken] = []
    while true {
      skipBlanks()
      let offset = index
      guard index < range.upperBound else {
        tokens.append(JQToken(kind: .end, offset: offset))
        return tokens
      }
      tokens.append(JQToken(kind: try token(), offset: offset))
    }
  }

  private func peek(_ ahead: Int = 0) -> UInt8 {
    index + ahead < range.upperBound ? bytes[index + ahead] : 0
  }

  private mutating func skipBlanks() {
    while index < range.upperBound {
      switch bytes[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      case UInt8(ascii: "#"):
        while index < range.upperBound && bytes[index] != 0x0A { index += 1 }
      default: return
      }
    }
  }

  private mutating func token() throws(JQProblem) -> JQToken.Kind {
    let byte = peek()
    if byte == UInt8(ascii: "\"") { return .string(try string()) }
    if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(peek(1))) { return try number() }
    if Self.isNameStart(byte) { return try word() }
    if byte == UInt8(ascii: "."), Self.isNameStart(peek(1)) {
      index += 1
      return .field(takeName())
    }
    if byte == UInt8(ascii: "$"), Self.isNameStart(peek(1)) {
      index += 1
      return .variable(takeName())
    }
    if byte == UInt8(ascii: "@"), Self.isNameStart(peek(1)) {
      index += 1
      return .format(takeName())
    }
    for symbol in Self.symbols where bytes[index..<range.upperBound].starts(with: symbol) {
      index += symbol.count
      return .symbol(String(decoding: symbol, as: UTF8.self))
    }
    throw unexpectedCharacter()
  }

  private func unexpectedCharacter() -> JQProblem {
    let rest = String(decoding: bytes[index..<range.upperBound], as: UTF8.self)
    let character = rest.first.map(String.init) ?? ""
    let hint: String? =
      switch character {
      case "!": "jq negates with '| not'"
      case "'": "jq writes text in double quotes"
      case "&": "jq writes 'and'"
      default: nil
      }
    return JQProblem(code: .syntax, offset: index, message: "'\(character)' has no meaning here", hint: hint)
  }

  private mutating func word() throws(JQProblem) -> JQToken.Kind {
    let start = index
    let name = takeName()
    if peek() == UInt8(ascii: ":") && peek(1) == UInt8(ascii: ":") {
      throw JQProblem(code: .unsupported, offset: start, message: "modules cannot be used in an expression")
    }
    return Self.keywords.contains(name) ? .keyword(name) : .name(name)
  }

  private mutating func takeName() -> String {
    let start = index
    while Self.isNameStart(peek()) || Self.isDigit(peek()) { index += 1 }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func number() throws(JQProblem) -> JQToken.Kind {
    let start = index
    while Self.isDigit(peek()) { index += 1 }
    var text = String(decoding: bytes[start..<index], as: UTF8.self)
    let digits = text.drop { $0 == "0" }
    text = digits.isEmpty ? "0" : String(digits)
    if peek() == UInt8(ascii: "."), peek(1) != UInt8(ascii: ".") {
      index += 1
      let fraction = index
      while Self.isDigit(peek()) { index += 1 }
      if index > fraction { text += "." + String(decoding: bytes[fraction..<index], as: UTF8.self) }
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      let signLength = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
      if Self.isDigit(peek(1 + signLength)) {
        let exponent = index
        index += 1 + signLength
        while Self.isDigit(peek()) { index += 1 }
        text += String(decoding: bytes[exponent..<index], as: UTF8.self)
      }
    }
    guard !Self.isNameStart(peek()), peek() != UInt8(ascii: "."), let number = JSONNumber(text: text) else {
      throw JQProblem(code: .syntax, offset: start, message: "this is not a number")
    }
    return .number(number)
  }

  static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  static func isNameStart(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
  }
}

// Strings.
extension JQLexer {
  private mutating func string() throws(JQProblem) -> [JQToken.StringPart] {
    let start = index
    index += 1
    var parts: [JQToken.StringPart] = []
    var text: [UInt8] = []
    while true {
      guard index < range.upperBound else {
        throw JQProblem(code: .syntax, offset: start, message: "this string has no closing quote")
      }
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        index += 1
        break
      }
      if byte == UInt8(ascii: "\\") && peek(1) == UInt8(ascii: "(") {
        if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
        text = []
        index += 2
        parts.append(.inserted(source: try insertion(string: start)))
      } else if byte == UInt8(ascii: "\\") {
        text += try escape()
      } else {
        text.append(byte)
        index += 1
      }
    }
    if !text.isEmpty || parts.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
    return parts
  }

  /// Finds the parenthesis that closes an insertion: the one that is in no inner string, comment or pair.
  private mutating func insertion(string start: Int) throws(JQProblem) -> Range<Int> {
    let begin = index
    var open = 1
    while true {
      skipBlanks()
      guard index < range.upperBound else {
        throw JQProblem(code: .syntax, offset: begin - 2, message: "'\\(' has no closing parenthesis")
      }
      switch bytes[index] {
      case UInt8(ascii: "\""): _ = try string()
      case UInt8(ascii: "("):
        open += 1
        index += 1
      case UInt8(ascii: ")"):
        open -= 1
        index += 1
        if open == 0 { return begin..<index - 1 }
      default: index += 1
      }
    }
  }

  private mutating func escape() throws(JQProblem) -> [UInt8] {
    let start = index
    let letter = peek(1)
    index += 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var code = try hexadecimal(start)
      if (0xD800...0xDBFF).contains(code), peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") {
        index += 2
        let low = try hexadecimal(start)
        guard (0xDC00...0xDFFF).contains(low) else { break }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { break }
      return Array(String(Character(scalar)).utf8)
    default: break
    }
    throw JQProblem(code: .syntax, offset: start, message: "this escape is none that JSON knows")
  }

  private mutating func hexadecimal(_ start: Int) throws(JQProblem) -> UInt32 {
    let digits = bytes[min(index, range.upperBound)..<min(index + 4, range.upperBound)]
    guard digits.count == 4, digits.allSatisfy({ Self.isDigit($0) || (0x61...0x66).contains($0 | 0x20) }),
      let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw JQProblem(code: .syntax, offset: start, message: "\\u needs four hexadecimal digits") }
    index += 4
    return code
  }
}
