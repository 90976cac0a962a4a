import Values

/// Which keywords hold schemas ("Core", sections 8.2.4, 10 and 11; "Validation", section 8.5).
enum Subschemas {
  private static let single = [
    "not", "if", "then", "else", "additionalProperties", "propertyNames", "items", "contains", "unevaluatedProperties",
    "unevaluatedItems", "contentSchema",
  ]
  private static let lists = ["allOf", "anyOf", "oneOf", "prefixItems"]
  /// `definitions` was the name of `$defs` in earlier drafts, and 2020-12 still keeps it free for that.
  private static let maps = ["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"]

  /// The schemas directly within this one, in no order that counts.
  static func of(_ source: SchemaCompiler.Source) throws(JSONSchemaError) -> [SchemaCompiler.Source] {
    guard let members = source.json.object else { return [] }
    let keywords = KeywordReader(source, members)
    var found: [SchemaCompiler.Source] = []
    func add(_ json: JSON, _ pointer: String) {
      found.append(
        SchemaCompiler.Source(
          json: json, document: source.document, pointer: source.pointer + pointer, resource: source.resource))
    }
    for keyword in single {
      guard let json = members[keyword] else { continue }
      if keyword == "items" && json.array != nil {
        throw keywords.error(.keyword, keyword, "must be one schema; for one after the other there is 'prefixItems'")
      }
      add(json, "/" + keyword)
    }
    for keyword in lists {
      guard let json = members[keyword] else { continue }
      guard let schemas = json.array, !schemas.isEmpty else {
        throw keywords.error(.keyword, keyword, "must be an array of at least one schema")
      }
      for (place, schema) in schemas.enumerated() { add(schema, "/\(keyword)/\(place)") }
    }
    for keyword in maps {
      guard let json = members[keyword] else { continue }
      guard let schemas = json.object else {
        throw keywords.error(.keyword, keyword, "must be an object whose members are schemas")
      }
      for (name, schema) in schemas { add(schema, "/\(keyword)/\(JSONPointer.escape(name))") }
    }
    return found
  }
}
