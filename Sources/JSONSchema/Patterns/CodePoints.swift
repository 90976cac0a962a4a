/// A set of code points as ranges.
struct CodePoints: Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []

  static let all = CodePoints([0...0x10FFFF])
  static let digits = CodePoints([0x30...0x39])
  static let word = CodePoints([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  /// LineTerminator of ECMA-262.
  static let lineEnds = CodePoints([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
  /// WhiteSpace and LineTerminator of ECMA-262, which has all of Unicode's category Zs.
  static let space = CodePoints([
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])

  init() {}

  /// - Parameter ranges: in their order, apart from each other.
  private init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

  /// - Precondition: the ranges are in their order, as they are in the sets named here.
  var complement: CodePoints {
    var result = CodePoints()
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.ranges.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { result.ranges.append(next...0x10FFFF) }
    return result
  }

  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

  /// Leaves properties to the caller.
  mutating func insert(_ atom: PatternAtom) {
    switch atom {
    case .codePoint(let value): ranges.append(value...value)
    case .set(let set): ranges += set.ranges
    case .property: break
    }
  }

  // MARK: - In libonig's syntax

  var onigClass: String { "[" + onigRanges + "]" }

  /// What goes between the brackets. Surrogates are left out: no text has them, and libonig takes none for the end of a
  /// range.
  var onigRanges: String {
    var text = ""
    for range in ranges {
      if range.lowerBound < 0xD800 { text += Self.onigRange(range.lowerBound, min(range.upperBound, 0xD7FF)) }
      if range.upperBound > 0xDFFF { text += Self.onigRange(max(range.lowerBound, 0xE000), range.upperBound) }
    }
    return text
  }

  private static func onigRange(_ lower: UInt32, _ upper: UInt32) -> String {
    lower == upper ? onigText(lower) : onigText(lower) + "-" + onigText(upper)
  }

  /// A character that stands for itself.
  static func onigText(_ value: UInt32) -> String {
    if let scalar = Unicode.Scalar(value), scalar.isASCII, scalar.properties.isAlphabetic || (0x30...0x39 ~= value) {
      return String(Character(scalar))
    }
    return "\\x{" + String(value, radix: 16) + "}"
  }
}
