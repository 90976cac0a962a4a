import JSONSchema
import Testing
import Values

/// Documents that are refused, and what is said about values that are.
@Suite("JSON Schema: messages")
struct MistakeTests {
  @Test(arguments: [
    ("1", ""), (#"{"properties":[]}"#, "/properties"), (#"{"properties":{"a":3}}"#, "/properties/a"),
    (#"{"allOf":{}}"#, "/allOf"), (#"{"oneOf":[]}"#, "/oneOf"), (#"{"items":[true]}"#, "/items"),
    (#"{"type":"text"}"#, "/type"), (#"{"type":[]}"#, "/type"), (#"{"type":["null","null"]}"#, "/type"),
    (#"{"type":1}"#, "/type"), (#"{"enum":1}"#, "/enum"), (#"{"multipleOf":0}"#, "/multipleOf"),
    (#"{"multipleOf":-1}"#, "/multipleOf"), (#"{"multipleOf":1e9999999999999999999999}"#, "/multipleOf"),
    (#"{"maximum":"1"}"#, "/maximum"), (#"{"exclusiveMinimum":true}"#, "/exclusiveMinimum"),
    (#"{"minLength":-1}"#, "/minLength"), (#"{"maxItems":1.5}"#, "/maxItems"),
    (#"{"minContains":"1"}"#, "/minContains"),
    (#"{"uniqueItems":1}"#, "/uniqueItems"), (#"{"required":"a"}"#, "/required"), (#"{"required":[1]}"#, "/required"),
    (#"{"required":["a","a"]}"#, "/required"), (#"{"dependentRequired":{"a":"b"}}"#, "/dependentRequired"),
    (#"{"pattern":1}"#, "/pattern"), (#"{"$ref":1}"#, "/$ref"), (#"{"$id":1}"#, "/$id"), (#"{"format":1}"#, "/format"),
    (#"{"not":{"if":null}}"#, "/not/if"),
  ])
  func wrongShapes(text: String, pointer: String) {
    let error = refusal(text)
    #expect(error?.code == .keyword)
    #expect(error?.pointer == pointer)
  }

  @Test func dialects() throws {
    for text in ["https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#"] {
      #expect(throws: Never.self) { try JSONSchema(["$schema": .string(text)]) }
    }
    let error = refusal(#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#)
    #expect(error?.code == .dialect)
    #expect(error?.pointer == "/$schema")
    #expect(error?.message.contains("https://json-schema.org/draft/2020-12/schema") == true)
  }

  @Test(arguments: [
    (
      #"{"properties":{"order":{"properties":{"id":{"type":"string"}}}}}"#, #"{"order":{"id":7}}"#,
      "/order/id", "/properties/order/properties/id/type", "'/order/id' must be a string, not a number"
    ),
    (#"{"type":["object","null"]}"#, "[]", "", "/type", "the value must be an object or null, not an array"),
    (#"{"type":"integer"}"#, "1.5", "", "/type", "the value must be an integer, not a number with a fraction"),
    (#"{"required":["a","b","c"]}"#, #"{"b":1}"#, "", "/required", "the value must have the members 'a' and 'c'"),
    (#"{"additionalProperties":false}"#, #"{"a/b":1}"#, "/a~1b", "/additionalProperties", "'/a~1b' is not allowed"),
    (#"{"items":{"maximum":1.50}}"#, "[1,2]", "/1", "/items/maximum", "'/1' must be at most 1.50"),
    (#"{"maxLength":3}"#, #""secret""#, "", "/maxLength", "the value must have at most 3 characters, not 6"),
    (#"{"enum":["a",1]}"#, "2", "", "/enum", #"the value must be one of "a", 1"#),
    (
      #"{"propertyNames":{"maxLength":1}}"#, #"{"ab":1}"#, "", "/propertyNames/maxLength",
      "the value must not have the member 'ab': its name must have at most 1 character, not 2"
    ),
    (
      #"{"anyOf":[{"type":"string"},{"properties":{"a":{"type":"null"}}}]}"#, #"{"a":1}"#, "", "/anyOf",
      "the value must fit at least one of the schemas, but it must be a string, not an object; "
        + "'/a' must be null, not a number"
    ),
    (
      #"{"oneOf":[true,false,true]}"#, "1", "", "/oneOf",
      "the value must fit exactly one of the schemas, but fits those at 0 and 2"
    ),
    (
      #"{"contains":{"type":"null"},"minContains":2}"#, "[null]", "", "/minContains",
      "the value must have at least 2 items of a certain kind, not 1"
    ),
    (
      #"{"dependentRequired":{"a":["b"]}}"#, #"{"a":1}"#, "", "/dependentRequired",
      "the value must have the member 'b' because it has 'a'"
    ),
    (
      ##"{"items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"null"}}}"##, "[0]", "/0", "/$defs/n/type",
      "'/0' must be null, not a number"
    ),
  ])
  func violations(text: String, value: String, instance: String, keyword: String, message: String) throws {
    let violations = try schema(text).validate(JSON.parse(value))
    #expect(violations.map(\.instance) == [instance])
    #expect(violations.map(\.schema) == [keyword])
    #expect(violations.map(\.message) == [message])
  }

  @Test func asManyViolationsAsAskedFor() throws {
    let numbers = try schema(#"{"items":{"type":"string"}}"#)
    let value = JSON.array(Array(repeating: 1, count: 50))
    #expect(numbers.validate(value).count == 10)
    #expect(numbers.validate(value, limit: 3).map(\.instance) == ["/0", "/1", "/2"])
    #expect(numbers.validate(value, limit: 0).count == 1)
    #expect(numbers.validate(value, limit: 100).count == 50)
  }

  /// What is refused for another reason need not be called unexpected as well.
  @Test func unevaluatedPartsAreNamedOnlyWhenAllElseFits() throws {
    let text = #"{"allOf":[{"properties":{"a":{"type":"string"}}}],"unevaluatedProperties":false}"#
    #expect(try schema(text).validate(["a": 1]).map(\.instance) == ["/a"])
    #expect(try schema(text).validate(["a": "x", "b": 1]).map(\.instance) == ["/b"])
  }
}
