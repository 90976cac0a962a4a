/// Takes an expression apart from its front.
struct PatternScanner {
  enum Quantifier {
    case simple(Unicode.Scalar)
    case interval(Digits, Digits?)
    case exactly(Digits)

    var text: String {
      switch self {
      case .simple(let scalar): String(Character(scalar))
      case .exactly(let count): "{\(count.text)}"
      case .interval(let least, let most): "{\(least.text),\(most?.text ?? "")}"
      }
    }

    var isFixed: Bool {
      if case .exactly = self { true } else { false }
    }
  }

  /// A number of any length.
  struct Digits {
    let text: String

    init(_ text: some StringProtocol) {
      let digits = text.drop { $0 == "0" }
      self.text = digits.isEmpty ? "0" : String(digits)
    }

    func isLarger(than other: Digits) -> Bool {
      let (mine, theirs) = (text.utf8.count, other.text.utf8.count)
      return mine == theirs ? other.text.utf8.lexicographicallyPrecedes(text.utf8) : mine > theirs
    }
  }

  private var rest: ArraySlice<Unicode.Scalar>

  init(_ source: String) { rest = ArraySlice(source.unicodeScalars) }

  mutating func next() -> Unicode.Scalar? { rest.popFirst() }

  /// Takes the text off the front, if it is there.
  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.unicodeScalars) else { return false }
    rest = rest.dropFirst(text.unicodeScalars.count)
    return true
  }

  /// Whether a `-` follows that does not end the class.
  var isRange: Bool { rest.first == "-" && rest.dropFirst().first.map { $0 != "]" } == true }

  private mutating func take(while condition: (Unicode.Scalar) -> Bool) -> String {
    let taken = rest.prefix(while: condition)
    rest = rest.dropFirst(taken.count)
    return String(String.UnicodeScalarView(taken))
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { "0"..."9" ~= scalar }

  private static func isHexDigit(_ scalar: Unicode.Scalar) -> Bool {
    isDigit(scalar) || "a"..."f" ~= scalar || "A"..."F" ~= scalar
  }

  // MARK: - Parts of an expression

  /// What follows `{`, if it makes a quantifier; nothing is taken otherwise.
  mutating func takeInterval() -> Quantifier? {
    var ahead = self
    let least = ahead.take(while: Self.isDigit)
    guard !least.isEmpty else { return nil }
    var quantifier = Quantifier.exactly(Digits(least))
    if ahead.take(",") {
      let most = ahead.take(while: Self.isDigit)
      quantifier = .interval(Digits(least), most.isEmpty ? nil : Digits(most))
    }
    guard ahead.take("}") else { return nil }
    self = ahead
    return quantifier
  }

  /// What follows `(?<` or `\k<`, with the `>`.
  mutating func takeName() -> String? {
    let name = take { $0 == "_" || $0 == "$" || $0.properties.isXIDContinue }
    guard let first = name.unicodeScalars.first, !Self.isDigit(first), take(">") else { return nil }
    return name
  }

  /// The number that follows a backslash, where it is no `\0`.
  mutating func takeGroupNumber() -> String? {
    guard let first = rest.first, Self.isDigit(first), first != "0" else { return nil }
    return take(while: Self.isDigit)
  }

  // MARK: - Escapes

  private static let controls: [Unicode.Scalar: UInt32] = ["t": 9, "n": 10, "v": 11, "f": 12, "r": 13]
  private static let sets: [Unicode.Scalar: CodePoints] = [
    "d": .digits, "D": CodePoints.digits.complement, "w": .word, "W": CodePoints.word.complement, "s": .space,
    "S": CodePoints.space.complement,
  ]

  /// What follows a backslash.
  mutating func takeEscape(inClass: Bool) throws(PatternError) -> PatternAtom {
    guard let scalar = next() else { throw PatternError("ends in a single '\\'") }
    if let value = Self.controls[scalar] { return .codePoint(value) }
    if let set = Self.sets[scalar] { return .set(set) }
    switch scalar {
    case "b" where inClass: return .codePoint(8)
    case "0" where !(rest.first.map(Self.isDigit) ?? false): return .codePoint(0)
    case "c":
      guard let letter = next(), letter.isASCII, letter.properties.isAlphabetic else {
        throw PatternError("has '\\c' without a letter")
      }
      return .codePoint(letter.value & 31)
    case "x": return .codePoint(try takeHex(2, after: "\\x"))
    case "u": return .codePoint(try takeUnicodeEscape())
    case "p", "P": return .property(try takeProperty(isNegated: scalar == "P"))
    default:
      guard scalar.isASCII, !scalar.properties.isAlphabetic, !Self.isDigit(scalar), scalar.value > 32 else {
        throw PatternError("has the escape '\\\(scalar)', which means nothing")
      }
      return .codePoint(scalar.value)
    }
  }

  private mutating func takeHex(_ count: Int, after escape: String) throws(PatternError) -> UInt32 {
    let digits = rest.prefix(count)
    guard digits.count == count, digits.allSatisfy(Self.isHexDigit),
      let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    else { throw PatternError("has '\(escape)' without \(count) hexadecimal digits") }
    rest = rest.dropFirst(count)
    return value
  }

  private mutating func takeUnicodeEscape() throws(PatternError) -> UInt32 {
    if take("{") {
      let digits = take(while: Self.isHexDigit)
      guard take("}"), let value = UInt32(digits, radix: 16), value <= 0x10FFFF else {
        throw PatternError("has '\\u{' without a code point and '}'")
      }
      return value
    }
    let value = try takeHex(4, after: "\\u")
    guard 0xD800...0xDBFF ~= value else { return value }
    var ahead = self
    guard ahead.take("\\u"), let low = try? ahead.takeHex(4, after: "\\u"), 0xDC00...0xDFFF ~= low else { return value }
    self = ahead
    return 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
  }

  /// `{Letter}`, `{gc=Lu}`, `{Script=Greek}` in libonig's syntax, which has categories, scripts and properties under one
  /// roof and is content with any case.
  private mutating func takeProperty(isNegated: Bool) throws(PatternError) -> String {
    guard take("{") else { throw PatternError("has '\\p' without a property in '{…}'") }
    let text = take { $0 == "_" || $0 == "=" || ($0.isASCII && $0.properties.isAlphabetic) || Self.isDigit($0) }
    guard take("}"), !text.isEmpty else { throw PatternError("has '\\p' without a property in '{…}'") }
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    let kinds: Set<Substring> = ["General_Category", "gc", "Script", "sc"]
    guard let name = parts.last, parts.count == 1 || (parts.count == 2 && kinds.contains(parts[0])) else {
      throw PatternError("names the property '\(text)', which is not known; write '\\p{L}' or '\\p{Script=Greek}'")
    }
    return (isNegated ? "\\P{" : "\\p{") + name + "}"
  }
}
