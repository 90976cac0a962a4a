import JSONSchema
import Testing
import Values

/// What each keyword accepts and refuses.
@Suite("JSON Schema: keywords")
struct KeywordTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let schema: String
    let accepts: [String]
    let refuses: [String]

    init(_ schema: String, _ accepts: [String], not refuses: [String]) {
      self.schema = schema
      self.accepts = accepts
      self.refuses = refuses
    }

    var testDescription: String { schema }
  }

  @Test(arguments: [
    Case("true", ["1", "null", "{}"], not: []), Case("false", [], not: ["1", "null", "{}"]),
    Case("{}", ["1", "null", "{}"], not: []),
    Case(#"{"type":"null"}"#, ["null"], not: ["0", "false", #""""#, "[]", "{}"]),
    Case(#"{"type":"boolean"}"#, ["true", "false"], not: ["0", #""true""#, "null"]),
    Case(#"{"type":"integer"}"#, ["1", "-0", "1.0", "1e3", "0.5e1", "1e400"], not: ["1.5", "1e-1", #""1""#, "true"]),
    Case(#"{"type":"number"}"#, ["1", "1.5", "-1e-9"], not: [#""1""#, "null"]),
    Case(#"{"type":["string","array"]}"#, [#""""#, "[]"], not: ["1", "{}"]),
    Case(#"{"type":"object"}"#, ["{}"], not: ["[]", "null"]),
    Case(#"{"const":{"a":[1,2.0]}}"#, [#"{"a":[1.0,2]}"#], not: [#"{"a":[2,1]}"#, "{}", #"{"a":[1,2],"b":1}"#]),
    Case(#"{"const":0}"#, ["0", "-0", "0.0", "0e9"], not: ["false", "null", #""0""#]),
    Case(#"{"const":"é"}"#, [#""\u00e9""#], not: [#""e\u0301""#]),
    Case(#"{"enum":[1,"a",null]}"#, ["1", "1.0", #""a""#, "null"], not: ["2", #""b""#, "false"]),
    Case(#"{"enum":[]}"#, [], not: ["1", "null"]),
  ])
  func valuesOfAnyType(example: Case) throws {
    try check(example.schema, accepts: example.accepts, refuses: example.refuses)
  }

  @Test(arguments: [
    Case(#"{"maximum":3}"#, ["3", "3.0", "-1e99", #""x""#], not: ["3.0000000000000000000001", "4"]),
    Case(#"{"exclusiveMaximum":3}"#, ["2.9"], not: ["3", "3.0", "30e-1", "4"]),
    Case(#"{"minimum":-2.5}"#, ["-2.5", "0"], not: ["-2.50001", "-1e400"]),
    Case(#"{"exclusiveMinimum":0}"#, ["1e-400"], not: ["0", "-0.0", "-1e-400"]),
    Case(#"{"maximum":9007199254740992}"#, ["9007199254740992"], not: ["9007199254740993"]),
    Case(#"{"maximum":1e400}"#, ["9e399", "1e400"], not: ["1.1e400", "1e401"]),
    Case(#"{"multipleOf":0.01}"#, ["0.07", "19.99", "1e300", "0", "null"], not: ["0.075", "1e-3"]),
    Case(#"{"multipleOf":3}"#, ["9", "-9", "300e5", "123456789012345678901234567890"], not: ["1e400", "10"]),
    Case(#"{"multipleOf":1e20}"#, ["3e20"], not: ["1e19", "350000000000000000001"]),
    Case(
      #"{"multipleOf":12345678901234567890123}"#, ["24691357802469135780246", "0"],
      not: ["24691357802469135780247", "12345678901234567890122"]),
    Case(#"{"multipleOf":0.000000000000000000125}"#, ["1", "0.00000000000000000025"], not: ["0.0000000000000000001"]),
  ])
  func numbers(example: Case) throws {
    try check(example.schema, accepts: example.accepts, refuses: example.refuses)
  }

  @Test(arguments: [
    Case(#"{"minLength":2,"maxLength":3.0}"#, [#""ab""#, #""abc""#, "1"], not: [#""a""#, #""abcd""#]),
    // One code point each, whatever a person would count.
    Case(#"{"maxLength":1}"#, [#""😀""#, #""é""#], not: [#""e\u0301""#, #""👩‍🚀""#, #""🇩🇪""#]),
    Case(#"{"maxLength":1e30}"#, [#""abc""#], not: []),
    Case(#"{"pattern":"b+"}"#, [#""abc""#, "7"], not: [#""ac""#]),
    Case(#"{"format":"date"}"#, [#""not a date""#], not: []),
    Case(#"{"contentEncoding":"base64","contentSchema":{"type":"null"}}"#, [#""%""#], not: []),
    Case(#"{"minItems":1,"maxItems":2}"#, ["[1]", "[1,2]", "{}"], not: ["[]", "[1,2,3]"]),
    Case(
      #"{"uniqueItems":true}"#, ["[]", "[1,true,\"1\"]", "[0,false]", "[[1],[2]]", "[1e400,1e401]"],
      not: ["[1,1.0]", "[1e400,10e399]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", "[[null],[null]]"]),
    Case(#"{"minProperties":1,"maxProperties":1}"#, [#"{"a":1}"#, "[]"], not: ["{}", #"{"a":1,"b":2}"#]),
    Case(#"{"required":["a","b"]}"#, [#"{"a":null,"b":1}"#, "1"], not: [#"{"a":1}"#, "{}"]),
    Case(
      #"{"dependentRequired":{"card":["owner"]}}"#, ["{}", #"{"owner":1}"#, #"{"card":1,"owner":2}"#],
      not: [#"{"card":1}"#]),
  ])
  func sizesAndNames(example: Case) throws {
    try check(example.schema, accepts: example.accepts, refuses: example.refuses)
  }

  @Test(arguments: [
    Case(#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, ["1", "2"], not: ["0", "3"]),
    Case(#"{"anyOf":[{"type":"string"},{"minimum":1}]}"#, [#""a""#, "1"], not: ["0"]),
    Case(#"{"oneOf":[{"multipleOf":2},{"multipleOf":3}]}"#, ["2", "3"], not: ["6", "1"]),
    Case(#"{"not":{"type":"string"}}"#, ["1"], not: [#""a""#]),
    Case(
      #"{"if":{"minimum":10},"then":{"multipleOf":10},"else":{"multipleOf":2}}"#, ["20", "4"], not: ["12", "3"]),
    Case(#"{"then":false,"else":false}"#, ["1"], not: []),
    Case(
      #"{"dependentSchemas":{"a":{"required":["b"]}}}"#, ["{}", #"{"a":1,"b":2}"#, "[]"], not: [#"{"a":1}"#]),
    Case(
      #"{"properties":{"a":{"type":"string"}},"patternProperties":{"^x":{"type":"null"}},"additionalProperties":false}"#,
      ["{}", #"{"a":"1","x1":null}"#, "[]"], not: [#"{"a":1}"#, #"{"x1":1}"#, #"{"b":1}"#]),
    Case(#"{"properties":{"e\u0301":false}}"#, [#"{"\u00e9":1}"#], not: [#"{"e\u0301":1}"#]),
    Case(#"{"propertyNames":{"maxLength":2}}"#, [#"{"ab":1}"#], not: [#"{"abc":1}"#]),
    Case(
      #"{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}"#, ["[]", #"["a"]"#, #"["a",1,2]"#],
      not: ["[1]", #"["a","b"]"#]),
    Case(#"{"contains":{"type":"string"}}"#, [#"[1,"a"]"#, "{}"], not: ["[]", "[1]"]),
    Case(
      #"{"contains":{"const":1},"minContains":2,"maxContains":3}"#, ["[1,1]", "[1,2,1,1]"],
      not: ["[1]", "[1,1,1,1]"]),
    Case(#"{"contains":false,"minContains":0}"#, ["[]", "[1]"], not: []),
    Case(#"{"minContains":5}"#, ["[]"], not: []),
  ])
  func applicators(example: Case) throws {
    try check(example.schema, accepts: example.accepts, refuses: example.refuses)
  }

  @Test(arguments: [
    Case(
      #"{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}"#, [#"{"a":1}"#, "{}"],
      not: [#"{"a":1,"b":2}"#]),
    // Only alternatives that fit count as having looked.
    Case(
      #"{"anyOf":[{"required":["a"],"properties":{"a":true}},{"properties":{"b":true}}],"unevaluatedProperties":false}"#,
      [#"{"a":1,"b":2}"#, #"{"b":1}"#], not: [#"{"c":1}"#]),
    Case(
      #"{"if":{"properties":{"a":{"const":1}},"required":["a"]},"else":{"properties":{"b":true}},"#
        + #""unevaluatedProperties":false}"#,
      [#"{"a":1}"#, #"{"b":1}"#], not: [#"{"a":1,"b":1}"#, #"{"a":2}"#]),
    // `not` looks at nothing for others, nor does a schema one level further down.
    Case(
      #"{"not":{"not":{"properties":{"a":true}}},"unevaluatedProperties":false}"#, ["{}"], not: [#"{"a":1}"#]),
    Case(
      ##"{"$ref":"#/$defs/x","unevaluatedProperties":{"type":"null"},"$defs":{"x":{"additionalProperties":{}}}}"##,
      [#"{"a":1}"#], not: []),
    Case(
      #"{"prefixItems":[true],"contains":{"type":"string"},"unevaluatedItems":false}"#, [#"[1,"a"]"#],
      not: [#"["a",1]"#, #"[1,"a",2]"#]),
    Case(#"{"allOf":[{"prefixItems":[true]}],"unevaluatedItems":{"type":"null"}}"#, ["[1,null]"], not: ["[1,1]"]),
    Case(#"{"anyOf":[{"items":true},false],"unevaluatedItems":false}"#, ["[1,2]"], not: []),
  ])
  func unevaluated(example: Case) throws {
    try check(example.schema, accepts: example.accepts, refuses: example.refuses)
  }
}
