import Values

/// The members of one schema, read with complaints that say where they are.
struct KeywordReader {
  let members: JSONObject
  private let pointer: String

  init(_ source: SchemaCompiler.Source, _ members: JSONObject) {
    self.members = members
    pointer = source.pointer
  }

  /// - Parameter message: what comes after the keyword's name.
  func error(_ code: JSONSchemaError.Code, _ keyword: String, _ message: String) -> JSONSchemaError {
    JSONSchemaError(
      code: code, message: "'\(keyword)' \(message)", pointer: pointer + "/" + JSONPointer.escape(keyword))
  }

  func text(_ keyword: String) throws(JSONSchemaError) -> String? {
    guard let json = members[keyword] else { return nil }
    guard let text = json.string else {
      throw error(.keyword, keyword, "must be a string, not \(Types(of: json).phrase)")
    }
    return text
  }

  func boolean(_ keyword: String) throws(JSONSchemaError) -> Bool? {
    guard let json = members[keyword] else { return nil }
    guard let value = json.bool else {
      throw error(.keyword, keyword, "must be true or false, not \(Types(of: json).phrase)")
    }
    return value
  }

  func number(_ keyword: String) throws(JSONSchemaError) -> (value: ExactNumber, text: String)? {
    guard let json = members[keyword] else { return nil }
    guard let number = json.number else {
      throw error(.keyword, keyword, "must be a number, not \(Types(of: json).phrase)")
    }
    return (ExactNumber(number), Excerpt.of(number.text))
  }

  /// A whole number that is not negative; one that does not fit stands for the largest that does.
  func count(_ keyword: String) throws(JSONSchemaError) -> Int? {
    guard let json = members[keyword] else { return nil }
    guard let number = json.number, ExactNumber(number).isWhole, !ExactNumber(number).isNegative else {
      throw error(.keyword, keyword, "must be a whole number of at least 0")
    }
    return number.int ?? .max
  }

  func object(_ keyword: String) throws(JSONSchemaError) -> JSONObject? {
    guard let json = members[keyword] else { return nil }
    guard let object = json.object else {
      throw error(.keyword, keyword, "must be an object, not \(Types(of: json).phrase)")
    }
    return object
  }

  /// Names, each at most once.
  func names(_ keyword: String) throws(JSONSchemaError) -> [String]? {
    try members[keyword].map { json throws(JSONSchemaError) in try names(in: json, keyword) }
  }

  func names(in json: JSON, _ keyword: String) throws(JSONSchemaError) -> [String] {
    guard let values = json.array else { throw error(.keyword, keyword, "must list names in an array") }
    let names = values.compactMap(\.string)
    guard names.count == values.count, Set(names.map(Name.init)).count == names.count else {
      throw error(.keyword, keyword, "must list strings, each only once")
    }
    return names
  }

  func types() throws(JSONSchemaError) -> Types? {
    guard let json = members["type"] else { return nil }
    let names = json.string.map { [JSON.string($0)] } ?? json.array ?? []
    guard !names.isEmpty else { throw error(.keyword, "type", "must be the name of a type, or an array of such") }
    var types: Types = []
    for name in names {
      guard let type = name.string.flatMap(Types.init(name:)) else {
        throw error(.keyword, "type", "knows no type \(Excerpt.of(name.text)); there are \(Types.names)")
      }
      guard types.insert(type).inserted else {
        throw error(.keyword, "type", "names \(Excerpt.of(name.text)) twice")
      }
    }
    return types
  }

  /// "Core", section 8.1.1.
  func checkDialect() throws(JSONSchemaError) {
    guard let dialect = try text("$schema") else { return }
    let uri = URIReference(dialect)
    guard uri.withoutFragment.text == MetaSchema.address, uri.fragment?.isEmpty ?? true else {
      throw error(
        .dialect, "$schema",
        "is '\(Excerpt.of(dialect))', but only '\(MetaSchema.address)' is understood; leave it out or adapt the schema")
    }
  }
}

/// Texts of any length, cut for a message.
enum Excerpt {
  private static let longest = 80

  static func of(_ text: String) -> String {
    text.unicodeScalars.count <= longest
      ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(longest))) + "…"
  }
}
