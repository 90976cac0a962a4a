import JSONSchema
import Testing
import Values

func schema(_ text: String) throws -> JSONSchema { try JSONSchema(JSON.parse(text)) }

/// Both as JSON texts.
func isValid(_ value: String, by text: String) throws -> Bool {
  try schema(text).validate(JSON.parse(value)).isEmpty
}

/// Every value of the one list is valid by the schema, and none of the other.
func check(_ text: String, accepts: [String], refuses: [String]) throws {
  for value in accepts { #expect(try isValid(value, by: text), "\(text) refuses \(value)") }
  for value in refuses { #expect(try !isValid(value, by: text), "\(text) accepts \(value)") }
}

func refusal(_ text: String) -> JSONSchemaError? {
  #expect(throws: JSONSchemaError.self, "\(text)") { try schema(text) }
}
