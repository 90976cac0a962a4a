/// Why a text is no URI template.
public struct URITemplateError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// A brace without its other half, or within braces.
    case brace
    /// Braces with nothing between them, or with nothing between commas.
    case empty
    /// An operator that RFC 6570 keeps for later.
    case reservedOperator
    case name
    /// What follows a name is neither `*` nor `:` and a number from 1 to 9999.
    case modifier
  }

  public let code: Code
  public let message: String
  /// Bytes of the text before the place of the mistake.
  public let offset: Int
  public let hint: String?

  public var description: String { "\(message) (byte \(offset))" }
}

struct URITemplateReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func parts() throws(URITemplateError) -> [URITemplatePart] {
    var parts: [URITemplatePart] = []
    while place < bytes.count {
      let start = place
      while place < bytes.count, !isBrace(bytes[place]) { place += 1 }
      if place > start { parts.append(.literal(text(start..<place))) }
      if place < bytes.count { parts.append(try expression()) }
    }
    return parts
  }

  private func isBrace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") }
  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private func failure(
    _ code: URITemplateError.Code, _ message: String, at offset: Int, hint: String? = nil
  ) -> URITemplateError {
    URITemplateError(code: code, message: message, offset: offset, hint: hint)
  }

  /// `{+path,x:3}` (section 2.2)
  private mutating func expression() throws(URITemplateError) -> URITemplatePart {
    let hint = "a brace that is meant as such is written %7B or %7D"
    guard bytes[place] == UInt8(ascii: "{") else {
      throw failure(.brace, "} closes nothing", at: place, hint: hint)
    }
    guard let end = bytes[(place + 1)...].firstIndex(where: isBrace), bytes[end] == UInt8(ascii: "}") else {
      throw failure(.brace, "{ is not closed", at: place, hint: hint)
    }
    place += 1
    guard place < end else { throw failure(.empty, "nothing stands between the braces", at: place) }
    let style = try style()
    var variables: [URITemplateVariable] = []
    var start = place
    for comma in bytes[place...end].indices where comma == end || bytes[comma] == UInt8(ascii: ",") {
      variables.append(try variable(start..<comma))
      start = comma + 1
    }
    place = end + 1
    return .expression(style, variables)
  }

  private mutating func style() throws(URITemplateError) -> URITemplateStyle {
    let character = Character(Unicode.Scalar(bytes[place]))
    guard !"=,!@|".contains(character) else {
      throw failure(
        .reservedOperator, "the operator \(character) has no meaning", at: place, hint: "known: + # . / ; ? &")
    }
    guard let style = URITemplateStyle(operator: character) else { return .simple }
    place += 1
    return style
  }

  /// A name with its modifier (sections 2.3 and 2.4).
  private func variable(_ range: Range<Int>) throws(URITemplateError) -> URITemplateVariable {
    guard !range.isEmpty else { throw failure(.empty, "a name is missing", at: range.lowerBound) }
    var end = range.lowerBound
    while end < range.upperBound, let length = nameLength(at: end, range) { end += length }
    let name = range.lowerBound..<end
    guard !name.isEmpty, end == range.upperBound || bytes[end] == UInt8(ascii: "*") || bytes[end] == UInt8(ascii: ":")
    else {
      throw failure(
        .name, "\(text(range)) is no name of a variable", at: end,
        hint: "names are made of letters, digits, _ and escapes such as %20, with single dots in between")
    }
    return URITemplateVariable(name: text(name), modifier: try modifier(end..<range.upperBound))
  }

  /// How many bytes of a name are here: a character, an escape, or a dot with what follows it.
  private func nameLength(at place: Int, _ range: Range<Int>) -> Int? {
    switch bytes[place] {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): return 1
    case UInt8(ascii: "%"): return isEscape(bytes, place) && place + 2 < range.upperBound ? 3 : nil
    case UInt8(ascii: "."):
      guard place > range.lowerBound, place + 1 < range.upperBound, bytes[place + 1] != UInt8(ascii: ".") else {
        return nil
      }
      return nameLength(at: place + 1, range).map { $0 + 1 }
    default: return nil
    }
  }

  private func modifier(_ range: Range<Int>) throws(URITemplateError) -> URITemplateVariable.Modifier {
    let text = text(range)
    if text.isEmpty { return .none }
    if text == "*" { return .explode }
    let digits = bytes[range].dropFirst()
    guard bytes[range.lowerBound] == UInt8(ascii: ":"), 1...4 ~= digits.count, digits.first != UInt8(ascii: "0"),
      digits.allSatisfy({ 0x30...0x39 ~= $0 })
    else {
      throw failure(
        .modifier, "\(text) cannot follow a name", at: range.lowerBound,
        hint: "either * for every element of a list, or :3 for the first three characters")
    }
    return .prefix(digits.reduce(0) { $0 * 10 + Int($1 - 0x30) })
  }
}
