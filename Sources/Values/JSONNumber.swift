/// A number as it was written: whatever its size or precision, nothing of it is lost.
///
/// Two are equal when their texts are: `1` and `1.0` differ. ``hasSameValue(as:)`` compares what they mean.
public struct JSONNumber: Sendable, Hashable {
  /// Valid by the grammar of RFC 8259, section 6.
  public let text: String

  public init(_ value: Int) { text = String(value) }

  /// The shortest text that reads back as the same double; whole numbers are written without a fraction.
  ///
  /// JSON has no infinities and no NaN. An infinity becomes the largest finite double, as jq prints it; NaN becomes 0.
  public init(_ value: Double) {
    if value.isNaN {
      text = "0"
    } else if value.isInfinite {
      text = (value < 0 ? -Double.greatestFiniteMagnitude : Double.greatestFiniteMagnitude).description
    } else {
      let description = value.description
      text = description.hasSuffix(".0") ? String(description.dropLast(2)) : description
    }
  }

  /// `nil` where the text is no JSON number.
  public init?(text: String) {
    var copy = text
    let isNumber = copy.withUTF8 { bytes in
      guard let base = bytes.baseAddress else { return false }
      var parser = JSONParser(base: base, count: bytes.count, limits: .default)
      return (try? parser.scanNumber()) == bytes.count
    }
    guard isNumber else { return nil }
    self.text = text
  }

  /// - Parameter text: already checked against the grammar.
  init(unchecked text: String) { self.text = text }

  /// The value where it is a whole number that fits, however it is written: `3`, `3.0`, `0.3e1`.
  public var int: Int? {
    if let value = Int(text) { return value }
    let decimal = Decimal(text)
    return decimal.int
  }

  /// The nearest double; an infinity where the number is beyond the largest.
  public var double: Double { Double(text) ?? .nan }

  /// Whether text → double → text keeps the decimal value: true of `0.1` and `1e3`, false of `9007199254740993`.
  public var isExactDouble: Bool {
    // 15 digits always survive (DBL_DIG), and nothing that short without an exponent is out of range.
    if text.utf8.count <= 15 && !text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) { return true }
    let value = double
    guard value.isFinite else { return false }
    return hasSameValue(as: JSONNumber(value))
  }

  /// Whether both are the same number, however they are written.
  public func hasSameValue(as other: JSONNumber) -> Bool {
    if text == other.text { return true }
    let left = Decimal(text)
    let right = Decimal(other.text)
    // Exponents that long are known only by their text, which differs.
    guard left.isKnown && right.isKnown else { return false }
    return left == right
  }
}

/// A number taken apart: its significant digits as a whole number, times a power of ten.
private struct Decimal: Equatable {
  var isNegative = false
  /// No zero at either end; empty is zero, with exponent 0 and no sign.
  var digits: [UInt8] = []
  var exponent = 0
  var isKnown = true

  /// - Parameter text: valid by the grammar.
  init(_ text: String) {
    var afterPoint = false
    var exponentText: Substring?
    for (place, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "."): afterPoint = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"): exponentText = text.dropFirst(place + 1)
      default:
        if afterPoint { exponent -= 1 }
        if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte - UInt8(ascii: "0")) }
      }
      if exponentText != nil { break }
    }
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    guard !digits.isEmpty else {
      isNegative = false
      exponent = 0
      return
    }
    guard let exponentText else { return }
    // Far beyond any exponent that matters, far below an overflow of the sum.
    if let written = Int(exponentText), written.magnitude < 1 << 60 {
      exponent += written
    } else {
      isKnown = false
    }
  }

  var int: Int? {
    guard isKnown, exponent >= 0, digits.count + exponent <= 19 else { return nil }
    var value = 0
    for place in 0..<digits.count + exponent {
      let digit = place < digits.count ? Int(digits[place]) : 0
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
      // Built on the negative side, which reaches one further.
      let (next, borrow) = shifted.subtractingReportingOverflow(digit)
      if overflow || borrow { return nil }
      value = next
    }
    if isNegative { return value }
    return value == .min ? nil : -value
  }
}
