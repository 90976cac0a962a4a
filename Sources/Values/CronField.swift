/// Why a text is no schedule.
public struct CronError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// Not five fields.
    case fieldCount
    /// An unknown word with `@`, or something after it.
    case macro
    case syntax
    /// A number that the field does not have.
    case value
    /// A range that ends before it begins.
    case order
    /// A step of 0, without something to step through, or beyond the field.
    case step
  }

  public let code: Code
  public let message: String
  /// Bytes of the text before the place of the mistake.
  public let offset: Int
  public let hint: String?

  public var description: String { "\(message) (byte \(offset))" }
}

/// A part of a schedule, and how many bytes stand before it.
struct CronWord {
  let bytes: ArraySlice<UInt8>
  var offset: Int { bytes.startIndex }
  var text: String { String(decoding: bytes, as: UTF8.self) }

  static func split(_ text: String) -> [CronWord] {
    let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    return Array(text.utf8)[...].split(whereSeparator: blanks.contains).map { CronWord(bytes: $0) }
  }

  /// Empty parts too.
  func split(at separator: Character, maxSplits: Int = .max) -> [CronWord] {
    bytes.split(separator: separator.asciiValue ?? 0, maxSplits: maxSplits, omittingEmptySubsequences: false)
      .map { CronWord(bytes: $0) }
  }
}

/// The values that one field names.
struct CronField: Sendable, Hashable {
  struct Kind: Sendable {
    let name: String
    let range: ClosedRange<Int>
    var names: [String] = []

    static let minute = Kind(name: "minute", range: 0...59)
    static let hour = Kind(name: "hour", range: 0...23)
    static let dayOfMonth = Kind(name: "day of the month", range: 1...31)
    static let month = Kind(
      name: "month", range: 1...12,
      names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
    static let dayOfWeek = Kind(
      name: "day of the week", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
  }

  private var values: UInt64 = 0
  private(set) var hasStar = false

  init(_ word: CronWord, _ kind: Kind) throws(CronError) {
    for part in word.split(at: ",") { try add(part, kind) }
    // 7 is Sunday too.
    if kind.range.upperBound == 7, values & 1 << 7 != 0 { values = values & 0x7F | 1 }
  }

  func contains(_ value: Int64) -> Bool { values & 1 << UInt64(value) != 0 }

  func first(from value: Int64) -> Int64? {
    let later = values & (UInt64.max << UInt64(value))
    return later == 0 ? nil : Int64(later.trailingZeroBitCount)
  }

  /// `*`, `5`, `1-5`, `*/15`, `8-18/2`
  private mutating func add(_ part: CronWord, _ kind: Kind) throws(CronError) {
    let sides = part.split(at: "/", maxSplits: 1)
    guard let base = sides.first, !base.bytes.isEmpty else { throw Self.missing(part, kind) }
    let bounds = base.split(at: "-", maxSplits: 1)
    var range = kind.range
    if base.text == "*" {
      hasStar = true
    } else if bounds.count == 2 {
      range = try Self.range(base, bounds, kind)
    } else {
      let value = try Self.value(base, kind)
      range = value...value
    }
    let isSingle = base.text != "*" && bounds.count == 1
    let step = sides.count == 2 ? try Self.step(sides[1], of: base, isSingle: isSingle, kind) : 1
    for value in stride(from: range.lowerBound, through: range.upperBound, by: step) { values |= 1 << UInt64(value) }
  }

  private static func range(
    _ whole: CronWord, _ bounds: [CronWord], _ kind: Kind
  ) throws(CronError) -> ClosedRange<Int> {
    let first = try value(bounds[0], kind)
    var last = try value(bounds[1], kind)
    // Friday to Sunday.
    if kind.range.upperBound == 7, last == 0, first > 0 { last = 7 }
    guard first <= last else {
      let (low, high) = (kind.range.lowerBound, kind.range.upperBound)
      throw CronError(
        code: .order, message: "the range \(whole.text) ends before it begins", offset: whole.offset,
        hint: "two ranges do it: \(first)-\(min(high, kind.names.count == 7 ? 6 : high)),\(low)-\(last)")
    }
    return first...last
  }

  private static func step(
    _ word: CronWord, of base: CronWord, isSingle: Bool, _ kind: Kind
  ) throws(CronError) -> Int {
    let largest = kind.range.upperBound
    guard !isSingle else {
      throw CronError(
        code: .step, message: "only * and ranges have steps, and \(base.text) is neither", offset: base.offset,
        hint: "\(base.text)-\(largest)/\(word.text) goes from \(base.text) to the end")
    }
    guard let step = number(word), 1...largest ~= step else {
      throw CronError(
        code: .step, message: "the step of a \(kind.name) is a number from 1 to \(largest)", offset: word.offset,
        hint: "steps start anew with every hour, day, month or year: no field counts on beyond its end")
    }
    return step
  }

  private static func value(_ word: CronWord, _ kind: Kind) throws(CronError) -> Int {
    if let place = kind.names.firstIndex(of: word.text.lowercased()) { return place + kind.range.lowerBound }
    let expected = "a \(kind.name) is \(kind.range.lowerBound) to \(kind.range.upperBound)"
    guard !word.bytes.isEmpty else { throw missing(word, kind) }
    guard let value = number(word) else {
      let names = kind.names.isEmpty ? "" : ", or " + kind.names.joined(separator: " ")
      throw CronError(
        code: .syntax, message: "\(word.text) is no \(kind.name)", offset: word.offset, hint: expected + names)
    }
    guard kind.range ~= value else {
      throw CronError(
        code: .value, message: "there is no \(kind.name) \(word.text)", offset: word.offset, hint: expected)
    }
    return value
  }

  private static func missing(_ word: CronWord, _ kind: Kind) -> CronError {
    CronError(
      code: .syntax, message: "a value is missing", offset: word.offset,
      hint:
        "a \(kind.name) is *, a number from \(kind.range.lowerBound) to \(kind.range.upperBound), a range, or a list")
  }

  private static func number(_ word: CronWord) -> Int? {
    word.bytes.allSatisfy { 0x30...0x39 ~= $0 } ? Int(word.text) : nil
  }
}
