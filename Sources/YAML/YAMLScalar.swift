import Values

/// Resolves plain scalars by the core schema of YAML 1.2 (section 10.3.2). Numbers keep the digits they were written
/// with; where JSON's grammar is narrower (`+1`, `.5`, `0x1F`), they become the JSON text of the same value.
enum YAMLScalar {
  enum Resolution {
    case value(JSON)
    /// `.inf` and `.nan`.
    case notFinite
    /// More digits than a number may have.
    case tooLong
  }

  static func resolve(plain text: String) -> Resolution {
    switch text {
    case "", "~", "null", "Null", "NULL": return .value(.null)
    case "true", "True", "TRUE": return .value(.bool(true))
    case "false", "False", "FALSE": return .value(.bool(false))
    default: break
    }
    guard let first = text.utf8.first, mayStartNumber(first) else { return .value(.string(text)) }
    if isNotFinite(text) { return .notFinite }
    guard let number = jsonNumber(text) else { return .value(.string(text)) }
    // `JSON` has the last word on what a number may be.
    guard let value = try? JSON.parse(number) else { return .tooLong }
    return .value(value)
  }

  private static func mayStartNumber(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isNotFinite(_ text: String) -> Bool {
    let unsigned = text.first == "+" || text.first == "-" ? text.dropFirst() : Substring(text)
    return [".inf", ".Inf", ".INF"].contains(unsigned) || [".nan", ".NaN", ".NAN"].contains(text)
  }

  /// The JSON text of a number of the core schema, or `nil` when the text is none.
  private static func jsonNumber(_ text: String) -> String? {
    if text.hasPrefix("0o") { return radixNumber(text.dropFirst(2), radix: 8) }
    if text.hasPrefix("0x") { return radixNumber(text.dropFirst(2), radix: 16) }
    var rest = Substring(text)
    var negative = false
    if let sign = rest.first, sign == "-" || sign == "+" {
      negative = sign == "-"
      rest.removeFirst()
    }
    let whole = takeDigits(&rest)
    var fraction = Substring()
    if rest.first == "." {
      rest.removeFirst()
      fraction = takeDigits(&rest)
    }
    guard !whole.isEmpty || !fraction.isEmpty, let exponent = takeExponent(&rest), rest.isEmpty else { return nil }
    let significant = whole.drop { $0 == "0" }
    return (negative ? "-" : "") + (significant.isEmpty ? "0" : significant)
      + (fraction.isEmpty ? "" : "." + fraction) + exponent
  }

  /// Empty when there is none; `nil` when there is an `e` without digits.
  private static func takeExponent(_ rest: inout Substring) -> String? {
    guard let mark = rest.first, mark == "e" || mark == "E" else { return "" }
    var after = rest.dropFirst()
    var sign = ""
    if let first = after.first, first == "-" || first == "+" { sign = String(after.removeFirst()) }
    let digits = takeDigits(&after)
    guard !digits.isEmpty else { return nil }
    rest = after
    return "\(mark)\(sign)\(digits)"
  }

  private static func takeDigits(_ rest: inout Substring) -> Substring {
    let digits = rest.prefix { $0.utf8.count == 1 && isDigit($0.utf8.first ?? 0) }
    rest = rest.dropFirst(digits.count)
    return digits
  }

  /// `nil` also for what does not fit into 64 bits: it stays a string, as it would in a reader without big numbers.
  private static func radixNumber(_ digits: Substring, radix: Int) -> String? {
    guard let first = digits.first, first != "+", first != "-", let value = UInt64(digits, radix: radix) else {
      return nil
    }
    return String(value)
  }
}
