import JSONSchema
import Testing
import Values

@Suite("JSON Schema: references")
struct ReferenceTests {
  @Test(arguments: [
    ##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##,
    ##"{"$ref":"#text","$defs":{"a":{"$anchor":"text","type":"string"}}}"##,
    ##"{"$ref":"#/$defs/a~1b%25~0","$defs":{"a/b%~":{"type":"string"}}}"##,
    ##"{"$ref":"#/allOf/1","allOf":[true,{"type":"string"}]}"##,
    // Below a keyword that the standard does not know.
    ##"{"$ref":"#/x-parts/0","x-parts":[{"type":"string"}]}"##,
    ##"{"$ref":"#/definitions/a","definitions":{"a":{"type":"string"}}}"##,
    ##"{"$id":"https://example.com/root","$ref":"part#x","$defs":{"a":{"$id":"part","$anchor":"x","type":"string"}}}"##,
    ##"{"$id":"urn:example:a","$ref":"urn:example:b","$defs":{"a":{"$id":"urn:example:b","type":"string"}}}"##,
    ##"{"$id":"http://example.com/a/b/c","$ref":"../d","$defs":{"d":{"$id":"/a/d","type":"string"}}}"##,
    ##"{"$dynamicRef":"#t","$defs":{"a":{"$anchor":"t","type":"string"}}}"##,
  ])
  func leadToTheSameSchema(text: String) throws {
    try check(text, accepts: [#""x""#], refuses: ["1", "null"])
  }

  @Test func recursionFollowsTheValue() throws {
    let tree = ##"{"type":"object","properties":{"children":{"items":{"$ref":"#"}}},"required":["n"]}"##
    try check(
      tree, accepts: [#"{"n":1,"children":[{"n":2,"children":[]}]}"#],
      refuses: [#"{"n":1,"children":[{"children":[]}]}"#])
  }

  /// A list of anything that a caller turns into a list of strings.
  @Test func dynamicReferencesAreResolvedByTheCaller() throws {
    let list =
      ##"{"$id":"list","type":"array","items":{"$dynamicRef":"#item"},"$defs":{"d":{"$dynamicAnchor":"item"}}}"##
    let strings =
      ##"{"$id":"https://example.com/strings","$ref":"list","$defs":{"s":{"$dynamicAnchor":"item","type":"string"},"l":"##
      + list + "}}"
    try check(list, accepts: ["[1]", #"["a"]"#], refuses: ["1"])
    try check(strings, accepts: [#"["a"]"#], refuses: ["[1]", "1"])
  }

  @Test func metaSchema() throws {
    let text = #"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#
    try check(
      text, accepts: ["true", "{}", #"{"properties":{"a":{"type":["null","string"]}}}"#, #"{"x":1}"#],
      refuses: [
        "1", #"{"type":"text"}"#, #"{"properties":{"a":{"minLength":-1}}}"#, #"{"allOf":[]}"#, ##"{"$anchor":"#a"}"##,
        #"{"required":["a","a"]}"#, #"{"items":[true]}"#, #"{"multipleOf":0}"#, #"{"definitions":{"a":1}}"#,
      ])
    let violation = try schema(text).validate(["minLength": -1]).first
    #expect(violation?.instance == "/minLength")
    #expect(
      violation?.schema
        == "https://json-schema.org/draft/2020-12/meta/validation#/$defs/nonNegativeInteger/minimum")
  }

  @Test(
    arguments: [
      (##"{"$ref":"#/$defs/b","$defs":{"a":true}}"##, JSONSchemaError.Code.reference, "/$ref"),
      (##"{"items":{"$ref":"#nowhere"}}"##, .reference, "/items/$ref"),
      (##"{"$ref":"#/allOf/01","allOf":[true,true]}"##, .reference, "/$ref"),
      (##"{"$ref":"#/%zz"}"##, .reference, "/$ref"), (##"{"$ref":"#/a~2"}"##, .reference, "/$ref"),
      (##"{"$ref":"other.json"}"##, .remoteReference, "/$ref"),
      (
        ##"{"properties":{"a/b":{"$dynamicRef":"https://example.com/x"}}}"##, .remoteReference,
        "/properties/a~1b/$dynamicRef"
      ),
      (##"{"$ref":"#/const","const":3}"##, .keyword, "/const"),
      (##"{"$ref":"#"}"##, .endless, ""),
      (##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##, .endless, nil),
      (##"{"$id":"a#b"}"##, .identifier, "/$id"),
      (##"{"$anchor":"1a"}"##, .identifier, "/$anchor"), (##"{"$dynamicAnchor":""}"##, .identifier, "/$dynamicAnchor"),
      (##"{"$anchor":"a","not":{"$anchor":"a"}}"##, .identifier, "/not/$anchor"),
      (##"{"allOf":[{"$id":"a"},{"$id":"a"}]}"##, .identifier, nil),
    ] as [(String, JSONSchemaError.Code, String?)])
  func refusals(text: String, code: JSONSchemaError.Code, pointer: String?) {
    let error = refusal(text)
    #expect(error?.code == code)
    if let pointer { #expect(error?.pointer == pointer) }
  }
}
