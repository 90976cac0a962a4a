import JSONSchema
import Testing
import Values

/// Nothing that a document or a value may hold crashes, hangs or exhausts the machine.
@Suite("JSON Schema: bounds")
struct BoundsTests {
  private func nested(_ depth: Int) -> JSON { (0..<depth).reduce(.null) { value, _ in ["a": value] } }

  @Test func depthOfValues() throws {
    let recursive = try schema(##"{"properties":{"a":{"$ref":"#"}},"type":["object","null"]}"##)
    #expect(recursive.validate(nested(300)).isEmpty)
    #expect(recursive.validate(nested(900)).first?.message.contains("cannot be checked") == true)
    for text in [#"{"const":1}"#, #"{"not":{"const":1}}"#, "{}"] {
      #expect(try schema(text).validate(nested(1_200)).first?.message.contains("nested deeper") == true)
    }
    #expect(try schema(#"{"const":1}"#).validate(nested(900)).count == 1)
    #expect(try schema(#"{"uniqueItems":true}"#).validate([nested(900), nested(900)]).count == 1)
  }

  @Test func depthOfDocuments() throws {
    let deep = (0..<2_000).reduce(JSON.bool(true)) { schema, _ in ["not": schema] }
    let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(deep) }
    #expect(error?.code == .tooDeep)
    var definitions = JSONObject()
    for place in 0..<20_000 { definitions["d\(place)"] = ["$ref": .string("#/$defs/d\(place + 1)")] }
    definitions["d20000"] = true
    let chain = try JSONSchema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
    #expect(chain.validate(1).first?.message.contains("cannot be checked") == true)
  }

  /// Each of forty levels asks the next one twice.
  @Test func branching() throws {
    var definitions: JSONObject = ["d40": true]
    for level in 0..<40 {
      let next: JSON = ["$ref": .string("#/$defs/d\(level + 1)")]
      definitions["d\(level)"] = ["allOf": [next, next]]
    }
    for keyword in ["allOf", "not"] {
      let start: JSON = ["$ref": "#/$defs/d0"]
      let schema = try JSONSchema([keyword: keyword == "not" ? start : [start], "$defs": .object(definitions)])
      #expect(schema.validate(1).first?.message.contains("too long") == true)
    }
  }

  /// The circle closes only when it is entered: each resource redirects to the other.
  @Test func dynamicCircles() throws {
    let text = ##"""
      {"$id":"https://example.com/a","$dynamicAnchor":"x","$ref":"b",
       "$defs":{"b":{"$id":"b","allOf":[{"$dynamicRef":"#x"}],"$defs":{"x":{"$dynamicAnchor":"x"}}}}}
      """##
    #expect(try schema(text).validate(1).first?.message.contains("cannot be checked") == true)
  }

  @Test(arguments: [
    ("1e999999999", "2e999999999", true), ("1e99999999999999999999", "10e99999999999999999998", false),
    ("1e99999999999999999999", "1e99999999999999999998", true), ("1e-99999999999999999999", "0", true),
    ("0.1e100000000000000000000", "1e99999999999999999999", false), ("-1e99999999999999999999", "1", true),
    ("1000e-99999999999999999999", "1e-99999999999999999996", false), ("0e99999999999999999999", "0", false),
  ])
  func hugeExponents(left: String, right: String, differ: Bool) throws {
    #expect(try isValid("[\(left),\(right)]", by: #"{"uniqueItems":true}"#) == differ)
    #expect(try isValid(left, by: #"{"const":\#(right)}"#) == !differ)
    #expect(try isValid(left, by: #"{"minimum":\#(right),"maximum":\#(right)}"#) == !differ)
  }

  @Test func hugeExponentsAndMultiples() throws {
    for exponent in ["999999999", "99999999999999999999"] {
      try check(#"{"multipleOf":0.7}"#, accepts: ["7e\(exponent)"], refuses: ["1e\(exponent)", "7e-\(exponent)"])
      try check(#"{"type":"integer"}"#, accepts: ["1e\(exponent)"], refuses: ["1e-\(exponent)"])
      try check(#"{"maximum":10}"#, accepts: ["1e-\(exponent)", "-1e\(exponent)"], refuses: ["1e\(exponent)"])
      try check(#"{"exclusiveMinimum":1e-\#(exponent)}"#, accepts: ["1"], refuses: ["0", "-1"])
    }
    let long = String(repeating: "7", count: 900)
    try check(
      #"{"multipleOf":\#(long)}"#, accepts: [long, long + "e5", "0"], refuses: [long.dropLast() + "8", "1e900"])
  }

  /// Doubles that are whole numbers of a unit are multiples of it, whatever way they are written.
  @Test func multiplesAgreeWithWholeNumbers() throws {
    for divisor in [1, 7, 64, 125, 1_000, 12_345] {
      let schema = try JSONSchema(["multipleOf": .number(JSONNumber(text: "\(divisor)e-3") ?? JSONNumber(1))])
      for value in stride(from: -50_000, through: 50_000, by: 617) {
        for text in ["\(value)e-3", "\(value)00e-5", "\(value).0e-3"] {
          let valid = try schema.validate(JSON.parse(text)).isEmpty
          #expect(valid == (value % divisor == 0), "\(text) by \(divisor)e-3")
        }
      }
    }
  }
}
