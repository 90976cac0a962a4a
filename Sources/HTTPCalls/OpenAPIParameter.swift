import Values

/// A declared parameter and how its value is written (OpenAPI 3.1.1 section 4.8.12; Swagger 2.0, "Parameter Object").
struct OpenAPIParameter: Sendable {
  enum Location: String, Sendable {
    case path, query, header, cookie
    /// Swagger 2.0 only.
    case body, formData
  }

  enum Style: Sendable {
    /// With a separator, where it is not one value per pair.
    case list(Character)
    case deepObject
    /// As JSON.
    case content
  }

  let name: String
  let location: Location
  let isRequired: Bool
  let style: Style
  /// One pair per element or member.
  let explode: Bool
  /// Reserved characters stay as they are.
  let allowsReserved: Bool
  /// What is sent for a required parameter that is not given.
  let fallback: JSON?
  /// Of a body.
  let schema: JSON?

  init(_ value: JSON, _ version: OpenAPIDocument.Version) throws(HTTPCallError) {
    guard let name = value["name"]?.string, let place = value["in"]?.string,
      let location = Location(rawValue: place)
    else { throw .misconfigured("the document has a parameter without a name, or at no known place") }
    self.name = name
    self.location = location
    isRequired = value["required"]?.bool ?? (location == .path)
    allowsReserved = value["allowReserved"]?.bool ?? false
    schema = value["schema"]
    fallback = value["schema"]?["default"] ?? value["default"]
    switch version {
    case .swagger2:
      let format = value["collectionFormat"]?.string ?? "csv"
      guard let separator = Self.separators[format] else {
        throw .misconfigured("parameter '\(name)' has the collectionFormat '\(format)', which is not known")
      }
      style = .list(separator)
      explode = format == "multi"
    case .openAPI3:
      let isForm = location == .query || location == .cookie
      let text = value["style"]?.string ?? (isForm ? "form" : "simple")
      style = value["content"] != nil ? .content : try Self.style(text, name)
      explode = value["explode"]?.bool ?? (text == "form")
    }
  }

  private static let separators: [String: Character] = [
    "csv": ",", "multi": ",", "ssv": " ", "tsv": "\t", "pipes": "|",
  ]

  private static func style(_ text: String, _ name: String) throws(HTTPCallError) -> Style {
    switch text {
    case "form", "simple": .list(",")
    case "spaceDelimited": .list(" ")
    case "pipeDelimited": .list("|")
    case "deepObject": .deepObject
    default: throw .misconfigured("parameter '\(name)' has the style '\(text)', which is not supported")
    }
  }

  // MARK: Writing

  /// In one piece: for paths and headers, and where pairs are not exploded.
  ///
  /// - Parameter encode: of each value; separators are not encoded by it.
  func joined(_ value: JSON, separator: String? = nil, encode: (String) -> String) -> String {
    guard case .list(let character) = style else { return encode(value.text) }
    let separator = separator ?? String(character)
    switch value {
    case .array(let elements): return elements.map { encode($0.plainText) }.joined(separator: separator)
    case .object(let members):
      let parts = members.flatMap { name, value in
        explode ? ["\(encode(name))=\(encode(value.plainText))"] : [encode(name), encode(value.plainText)]
      }
      return parts.joined(separator: separator)
    default: return encode(value.plainText)
    }
  }

  /// The encoded pairs of a query.
  func query(_ value: JSON) -> [String] {
    let kept = allowsReserved ? ":/?@!$'()*,;" : ""
    let encode: (String) -> String = { PercentEncoding.value($0, keeping: kept) }
    let key = PercentEncoding.value(name)
    return pairs(value, encode).map { part in "\(part.name ?? key)=\(part.value)" }
  }

  /// For a form, unencoded.
  func form(_ value: JSON) -> [(name: String, value: String)] {
    if case .array(let elements) = value, explode { return elements.map { (name, $0.plainText) } }
    return [(name, joined(value) { $0 })]
  }

  /// - Returns: values, with a name where it is not the parameter's own; all encoded.
  private func pairs(_ value: JSON, _ encode: (String) -> String) -> [(name: String?, value: String)] {
    switch (style, value) {
    case (.deepObject, .object(let members)):
      return members.map { member, value in
        (PercentEncoding.value("\(name)[\(member)]"), encode(value.plainText))
      }
    case (.list, .array(let elements)) where explode: return elements.map { (nil, encode($0.plainText)) }
    case (.list, .object(let members)) where explode:
      return members.map { (PercentEncoding.value($0), encode($1.plainText)) }
    case (.list(let character), _):
      // A comma may stand in a query as it is; a space, a tab and a bar may not.
      let separator = character == "," ? "," : PercentEncoding.value(String(character))
      return [(nil, joined(value, separator: separator, encode: encode))]
    case (.deepObject, _): return [(nil, encode(value.plainText))]
    case (.content, _): return [(nil, encode(value.text))]
    }
  }
}

extension JSON {
  /// A text as it is, anything else as JSON.
  fileprivate var plainText: String { scalarText ?? text }
}
