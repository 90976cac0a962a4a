import Values

/// The seven types of `type` ("Validation", section 6.1.1).
struct Types: OptionSet, Sendable {
  let rawValue: UInt8

  static let null = Types(rawValue: 1)
  static let boolean = Types(rawValue: 2)
  static let integer = Types(rawValue: 4)
  static let number = Types(rawValue: 8)
  static let string = Types(rawValue: 16)
  static let array = Types(rawValue: 32)
  static let object = Types(rawValue: 64)

  private static let known: [(name: String, type: Types, phrase: String)] = [
    ("object", .object, "an object"), ("array", .array, "an array"), ("string", .string, "a string"),
    ("number", .number, "a number"), ("integer", .integer, "an integer"), ("boolean", .boolean, "a boolean"),
    ("null", .null, "null"),
  ]

  static var names: String { known.map(\.name).joined(separator: ", ") }

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `nil` for a name that is none of the seven.
  init?(name: String) {
    guard let known = Self.known.first(where: { $0.name == name }) else { return nil }
    self = known.type
  }

  /// What a value is; a whole number is a number as well.
  init(of value: JSON) {
    self =
      switch value {
      case .null: .null
      case .bool: .boolean
      case .number(let number): ExactNumber(number).isWhole ? [.integer, .number] : .number
      case .string: .string
      case .array: .array
      case .object: .object
      }
  }

  /// `a string or null`
  var phrase: String {
    let phrases = Self.known.filter { contains($0.type) }.map(\.phrase)
    return phrases.isEmpty ? "of no type" : phrases.listed(with: "or")
  }
}

extension [String] {
  /// `a, b and c`
  func listed(with word: String) -> String {
    count < 2 ? joined() : dropLast().joined(separator: ", ") + " \(word) " + self[count - 1]
  }
}
