import Values

/// The secrets that workflows may use, and the placeholders that stand for them everywhere but on a channel.
///
/// A placeholder is made of the secret's name, the place inside of it, and a seal: a random text that a cluster makes
/// once. Whoever does not know it cannot write a text that would be taken for a placeholder.
public struct Secrets: Sendable, Hashable {
  private let values: JSONObject
  private let seal: String

  /// Begins and ends a placeholder; private-use characters that ordinary text does not have.
  private static let begin: Character = "\u{F5E0}"
  private static let end: Character = "\u{F5E1}"

  /// Secret texts that are long enough not to turn up by chance, longest first, and what stands for them.
  private var longValues: [LongValue] = []
  /// Shorter ones would be found in ordinary words.
  private static let shortest = 6

  private struct LongValue: Sendable, Hashable {
    let value: String
    let placeholder: String
  }

  public init(_ values: JSONObject = [:], seal: String = "") {
    self.values = values
    self.seal = seal
    longValues = values.flatMap { Self.texts($0.value, seal: seal, $0.key) }.sorted {
      $0.value.utf8.count > $1.value.utf8.count
    }
  }

  private static func texts(_ value: JSON, seal: String, _ path: String) -> [LongValue] {
    switch value {
    case .string(let text) where text.utf8.count >= shortest:
      [LongValue(value: text, placeholder: "\(begin)\(seal)/\(path)\(end)")]
    case .object(let members): members.flatMap { texts($0.value, seal: seal, "\(path)/\($0.key)") }
    case .array(let items): items.enumerated().flatMap { texts($0.element, seal: seal, "\(path)/\($0.offset)") }
    default: []
    }
  }

  public var isEmpty: Bool { values.isEmpty }
  public var names: [String] { values.keys.sorted() }

  /// The secrets with placeholders in the place of every value: what expressions may see.
  public var sealed: JSON {
    var sealed = JSONObject()
    for (name, value) in values { sealed[name] = seal(value, name) }
    return .object(sealed)
  }

  private func seal(_ value: JSON, _ path: String) -> JSON {
    switch value {
    case .object(let members):
      var sealed = JSONObject()
      for (name, member) in members { sealed[name] = seal(member, "\(path)/\(name)") }
      return .object(sealed)
    case .array(let items): return .array(items.enumerated().map { seal($0.element, "\(path)/\($0.offset)") })
    case .null: return .null
    case .bool, .number, .string: return .string("\(Self.begin)\(seal)/\(path)\(Self.end)")
    }
  }

  // MARK: Sealing what comes back

  /// The data with placeholders in the place of secrets: a processor may answer with what it was given.
  public func resealed(_ data: JSON) -> JSON {
    longValues.isEmpty ? data : reseal(data)
  }

  private func reseal(_ data: JSON) -> JSON {
    switch data {
    case .string(let text): return .string(resealed(text))
    case .array(let items): return .array(items.map(reseal))
    case .object(let members):
      var sealed = JSONObject()
      for (name, value) in members { sealed[resealed(name)] = reseal(value) }
      return .object(sealed)
    case .null, .bool, .number: return data
    }
  }

  /// One pass from the left: a placeholder names its secret, and may hold the text of another, or its own.
  public func resealed(_ text: String) -> String {
    guard longValues.contains(where: { text.contains($0.value) }) else { return text }
    var result = ""
    var rest = Substring(text)
    while let next = nextSecret(in: rest) {
      result += rest[..<next.range.lowerBound]
      result += next.text
      rest = rest[next.range.upperBound...]
    }
    return result + rest
  }

  /// The first secret or placeholder, and what stands there afterwards. Of two secrets at one place, the longer one.
  private func nextSecret(in text: Substring) -> (range: Range<Substring.Index>, text: String)? {
    var next: (range: Range<Substring.Index>, text: String)?
    if let start = text.firstIndex(of: Self.begin), let stop = text[start...].firstIndex(of: Self.end) {
      let range = start..<text.index(after: stop)
      next = (range, String(text[range]))
    }
    for known in longValues {
      guard let range = text.firstRange(of: known.value) else { continue }
      if let first = next, first.range.lowerBound <= range.lowerBound { continue }
      next = (range, known.placeholder)
    }
    return next
  }

  // MARK: Unsealing

  /// The data with the secrets in their places.
  ///
  /// - Parameter names: the secrets that the workflow declares; others stay sealed.
  public func unsealed(_ data: JSON, names: [String]) -> JSON {
    guard !isEmpty, !names.isEmpty, !seal.isEmpty else { return data }
    return unseal(data, Set(names))
  }

  private func unseal(_ data: JSON, _ names: Set<String>) -> JSON {
    switch data {
    case .string(let text):
      if text.contains(Self.begin) { return unseal(text, names) }
      return text.contains(Self.escapedBegin) ? .string(unsealEscaped(text, names)) : data
    case .array(let items): return .array(items.map { unseal($0, names) })
    case .object(let members):
      var unsealed = JSONObject()
      for (name, value) in members { unsealed[name] = unseal(value, names) }
      return .object(unsealed)
    case .null, .bool, .number: return data
    }
  }

  private func unseal(_ text: String, _ names: Set<String>) -> JSON {
    var parts: [JSON] = []
    var plain = ""
    var rest = Substring(text)
    while let start = rest.firstIndex(of: Self.begin), let stop = rest[start...].firstIndex(of: Self.end) {
      let inside = rest[rest.index(after: start)..<stop]
      plain += rest[..<start]
      rest = rest[rest.index(after: stop)...]
      if let value = value(inside, names) {
        if !plain.isEmpty { parts.append(.string(plain)) }
        plain = ""
        parts.append(value)
      } else {
        plain += "\(Self.begin)\(inside)\(Self.end)"
      }
    }
    plain += rest
    if !plain.isEmpty { parts.append(.string(plain)) }
    // A value that stands alone keeps its type.
    if parts.count == 1 { return parts[0] }
    return .string(parts.map { $0.string ?? $0.text }.joined())
  }

  /// A placeholder that went through a URI template is escaped there (RFC 3986, section 2.1), and so has to be what takes
  /// its place.
  private func unsealEscaped(_ text: String, _ names: Set<String>) -> String {
    var result = ""
    var rest = Substring(text)
    while let start = rest.firstRange(of: Self.escapedBegin),
      let stop = rest[start.upperBound...].firstRange(of: Self.escapedEnd)
    {
      let inside = rest[start.upperBound..<stop.lowerBound].replacing("%2F", with: "/")
      result += rest[..<start.lowerBound]
      if let value = value(inside, names) {
        result += Self.escaped(value.string ?? value.text)
      } else {
        result += rest[start.lowerBound..<stop.upperBound]
      }
      rest = rest[stop.upperBound...]
    }
    return result + rest
  }

  private static let escapedBegin = escaped(String(begin))
  private static let escapedEnd = escaped(String(end))

  private static func escaped(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { result, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        result.append(Character(UnicodeScalar(byte)))
      default: result += "%\(hex[Int(byte >> 4)])\(hex[Int(byte & 15)])"
      }
    }
  }

  private func value(_ placeholder: Substring, _ names: Set<String>) -> JSON? {
    let parts = placeholder.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0] == seal, names.contains(String(parts[1])) else { return nil }
    var value = values[String(parts[1])]
    for part in parts.dropFirst(2) {
      value = value?[String(part)] ?? Int(part).flatMap { value?[$0] }
    }
    return value
  }
}
