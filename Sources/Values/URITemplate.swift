/// A URI with places for values, `https://host/pets/{petId}{?limit}` (RFC 6570, all four levels).
public struct URITemplate: Sendable, Hashable {
  /// As it was written.
  public let text: String
  /// The names in the template, each once, in their order; escapes in them are part of the name.
  public let variables: [String]
  private let parts: [URITemplatePart]

  /// Text between the expressions may be anything but a brace; whether it makes a URI is for others to say.
  public init(_ text: String) throws(URITemplateError) {
    self.text = text
    var reader = URITemplateReader(text)
    parts = try reader.parts()
    var variables: [String] = []
    for case .expression(_, let names) in parts {
      for variable in names where !variables.contains(variable.name) { variables.append(variable.name) }
    }
    self.variables = variables
  }

  /// Puts the values in.
  ///
  /// `null`, an empty list and an object without values other than `null` count as undefined, as does what `value` does
  /// not know (section 2.3). Numbers, booleans, and lists and objects within others, are written as JSON. A prefix
  /// (`{name:3}`) does not apply to lists and objects (section 2.4.1), and is ignored there.
  ///
  /// A template without expressions expands to itself, byte by byte. Otherwise characters that no URI has are escaped
  /// between the expressions too (section 3.1).
  public func expand(_ value: (String) -> JSON?) -> String {
    guard !variables.isEmpty else { return text }
    var output: [UInt8] = []
    for part in parts {
      switch part {
      case .literal(let text): output.appendEscaped(text, keepsReserved: true)
      case .expression(let style, let variables):
        let fields = variables.flatMap { variable in
          value(variable.name).map { style.fields(variable, $0) } ?? []
        }
        guard !fields.isEmpty else { continue }
        output += style.first.utf8
        output += fields.joined(separator: style.separator.utf8)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}

enum URITemplatePart: Sendable, Hashable {
  case literal(String)
  case expression(URITemplateStyle, [URITemplateVariable])
}

struct URITemplateVariable: Sendable, Hashable {
  enum Modifier: Sendable, Hashable {
    case none
    case prefix(Int)
    case explode
  }

  let name: String
  let modifier: Modifier
}

/// What an operator stands for: the table of RFC 6570, appendix A.
struct URITemplateStyle: Sendable, Hashable {
  let first: String
  let separator: String
  let isNamed: Bool
  /// What follows a name whose value is empty.
  let ifEmpty: String
  let keepsReserved: Bool

  /// Without an operator.
  static let simple = URITemplateStyle("", ",")

  init?(operator character: Character) {
    switch character {
    case "+": self.init("", ",", keepsReserved: true)
    case "#": self.init("#", ",", keepsReserved: true)
    case ".": self.init(".", ".")
    case "/": self.init("/", "/")
    case ";": self.init(";", ";", isNamed: true)
    case "?": self.init("?", "&", isNamed: true, ifEmpty: "=")
    case "&": self.init("&", "&", isNamed: true, ifEmpty: "=")
    default: return nil
    }
  }

  private init(
    _ first: String, _ separator: String, isNamed: Bool = false, ifEmpty: String = "", keepsReserved: Bool = false
  ) {
    self.first = first
    self.separator = separator
    self.isNamed = isNamed
    self.ifEmpty = ifEmpty
    self.keepsReserved = keepsReserved
  }

  /// What a value adds to its expression (section 3.2.1), without the separators; nothing where it is undefined.
  func fields(_ variable: URITemplateVariable, _ value: JSON) -> [[UInt8]] {
    switch value {
    case .null: return []
    case .array(let elements):
      let items = elements.filter { !$0.isNull }.map { escaped(Self.text($0)) }
      if variable.modifier == .explode { return items.map { named(variable.name, $0) } }
      return joined(items, variable.name)
    case .object(let members):
      let pairs = members.filter { !$0.value.isNull }.map { (escaped($0.key), escaped(Self.text($0.value))) }
      if variable.modifier == .explode {
        return pairs.map { key, value in key + (value.isEmpty && isNamed ? ifEmpty : "=").utf8 + value }
      }
      return joined(pairs.flatMap { [$0.0, $0.1] }, variable.name)
    default:
      var text = Self.text(value)[...]
      if case .prefix(let length) = variable.modifier { text = text.prefix(length, joiningEscapes: keepsReserved) }
      return [named(variable.name, escaped(String(text)))]
    }
  }

  private func joined(_ items: [[UInt8]], _ name: String) -> [[UInt8]] {
    items.isEmpty ? [] : [named(name, Array(items.joined(separator: ",".utf8)))]
  }

  private func named(_ name: String, _ value: [UInt8]) -> [UInt8] {
    isNamed ? Array(name.utf8) + (value.isEmpty ? ifEmpty : "=").utf8 + value : value
  }

  private func escaped(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendEscaped(text, keepsReserved: keepsReserved)
    return bytes
  }

  private static func text(_ value: JSON) -> String { value.string ?? value.text }
}

extension [UInt8] {
  /// Escapes what is not unreserved (RFC 3986, section 2.3); with `keepsReserved`, reserved characters and escapes that
  /// are there stay as they are (RFC 6570, section 3.2.1).
  fileprivate mutating func appendEscaped(_ text: String, keepsReserved: Bool) {
    let bytes = Array(text.utf8)
    for (place, byte) in bytes.enumerated() {
      if isUnreserved(byte) || keepsReserved && (isReserved(byte) || isEscape(bytes, place)) {
        append(byte)
      } else {
        append(UInt8(ascii: "%"))
        append(upperHexCharacter(byte >> 4))
        append(upperHexCharacter(byte & 15))
      }
    }
  }
}

extension Substring {
  /// The first characters in the sense of Unicode code points. With `joiningEscapes`, the escapes of one code point are
  /// one character: they are not cut apart (RFC 6570, section 3.2.1).
  fileprivate func prefix(_ length: Int, joiningEscapes: Bool) -> Substring {
    let bytes = Array(utf8)
    var (place, count) = (0, 0)
    while place < bytes.count && count < length {
      let isEscaped = joiningEscapes && isEscape(bytes, place)
      place += isEscaped ? 3 : 1
      while place < bytes.count {
        if !isEscaped && bytes[place] & 0xC0 == 0x80 {
          place += 1
        } else if isEscaped && isEscape(bytes, place) && (hexDigit(bytes[place + 1]) ?? 0) & 0xC == 0x8 {
          place += 3
        } else {
          break
        }
      }
      count += 1
    }
    return self[..<utf8.index(startIndex, offsetBy: place)]
  }
}

private func upperHexCharacter(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
}

private func isUnreserved(_ byte: UInt8) -> Bool {
  0x30...0x39 ~= byte || 0x41...0x5A ~= byte & 0xDF || "-._~".utf8.contains(byte)
}

private func isReserved(_ byte: UInt8) -> Bool { ":/?#[]@!$&'()*+,;=".utf8.contains(byte) }

/// Whether `%2F` or the like begins here.
func isEscape(_ bytes: [UInt8], _ place: Int) -> Bool {
  bytes[place] == UInt8(ascii: "%") && place + 2 < bytes.count && hexDigit(bytes[place + 1]) != nil
    && hexDigit(bytes[place + 2]) != nil
}
