import JSONSchema
import Values

/// What data has to look like. Source: "Schema", format `json` (JSON Schema 2020-12).
public struct DataSchema: Sendable {
  public let json: JSON
  private let schema: JSONSchema

  init(_ json: JSON) throws(JSONSchemaError) {
    self.json = json
    schema = try JSONSchema(json)
  }

  /// What is wrong with the data, for people; empty when nothing is.
  public func violations(of value: JSON) -> [String] { schema.validate(value).map(\.message) }
}
