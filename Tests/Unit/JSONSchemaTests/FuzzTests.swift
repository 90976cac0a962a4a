import JSONSchema
import Testing
import Values

/// Documents, expressions and values made of pieces that belong together in ways nobody would write: whatever comes of
/// it, it is a result or an error.
@Suite("JSON Schema: random input")
struct FuzzTests {
  @Test func documents() {
    var random = Generator(seed: 11)
    var accepted = 0
    for _ in 0..<3_000 {
      guard let schema = try? JSONSchema(random.document(depth: 3)) else { continue }
      accepted += 1
      for _ in 0..<4 {
        let value = random.value(depth: 3)
        let violations = schema.validate(value, limit: 2)
        #expect(violations.count <= 2)
        // The same schema finds the same again.
        #expect(schema.validate(value, limit: 2) == violations)
      }
    }
    #expect(accepted > 500)
  }

  @Test func expressions() throws {
    var random = Generator(seed: 12)
    var accepted = 0
    for _ in 0..<10_000 {
      let pattern = (0..<random.next(upTo: 12)).map { _ in random.pick(Self.pieces) }.joined()
      guard let schema = try? JSONSchema(["pattern": .string(pattern)]) else { continue }
      accepted += 1
      for text in ["", "a", "ab\n", "é😀-]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"] { _ = schema.validate(.string(text)) }
    }
    #expect(accepted > 1_000)
  }

  private static let pieces = [
    "a", "b", "é", "😀", ".", "*", "+", "?", "{2}", "{1,3}", "{,2}", "|", "^", "$", "(", ")", "(?:", "(?=", "(?!",
    "(?<=",
    "(?<!", "(?<n>", "[", "]", "[^", "-", "\\", "\\d", "\\W", "\\b", "\\1", "\\k<n>", "\\p{L}", "\\u{61}", "\\ud83d",
    "&&",
    "[:alpha:]", "#", " ", "/", "x{0}", ")*", "](", "\\x", "{", "}",
  ]
}

/// Repeatable random documents (SplitMix64).
private struct Generator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next(upTo bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[next(upTo: elements.count)] }

  private static let names = ["a", "b", "$id", "a/b", ""]
  private static let schemas = [
    "not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
  ]

  mutating func document(depth: Int) -> JSON {
    if depth == 0 || next(upTo: 8) == 0 { return .bool(next(upTo: 3) > 0) }
    var members = JSONObject()
    for _ in 0..<next(upTo: 4) {
      let (keyword, value) = keyword(depth: depth - 1)
      members[keyword] = next(upTo: 60) == 0 ? self.value(depth: 1) : value
    }
    return .object(members)
  }

  private mutating func keyword(depth: Int) -> (String, JSON) {
    switch next(upTo: 12) {
    case 0: return ("type", .string(pick(["null", "string", "integer", "number", "object", "array"])))
    case 1: return (pick(["minimum", "exclusiveMaximum", "multipleOf"]), pick([1, 2.5, 3]))
    case 2: return (pick(["minLength", "maxItems", "minProperties", "minContains", "maxContains"]), pick([0, 1, 2]))
    case 3: return ("required", [.string(pick(Self.names))])
    case 4: return (pick(["const"]), value(depth: 1))
    case 5: return ("enum", [value(depth: 1), value(depth: 1)])
    case 6: return (pick(["$ref", "$dynamicRef"]), .string(pick(["#", "#/not", "#/$defs/a", "#n", "x", "#/items"])))
    case 7: return (pick(["$anchor", "$dynamicAnchor"]), "n")
    case 8:
      return (pick(["allOf", "anyOf", "oneOf", "prefixItems"]), [document(depth: depth), document(depth: depth)])
    case 9:
      return (
        pick(["properties", "$defs", "dependentSchemas", "patternProperties"]),
        [pick(Self.names): document(depth: depth)]
      )
    default: return (pick(Self.schemas), document(depth: depth))
    }
  }

  mutating func value(depth: Int) -> JSON {
    switch next(upTo: depth > 0 ? 9 : 6) {
    case 0: nil
    case 1: .bool(next(upTo: 2) == 0)
    case 2: pick([0, 1, 2.5, -3])
    case 3: .number(JSONNumber(text: pick(["1.0", "1e400", "1e-99999999999999999999"])) ?? JSONNumber(0))
    case 4, 5: .string(pick(Self.names))
    case 6: .array((0..<next(upTo: 4)).map { _ in value(depth: depth - 1) })
    default: .object(JSONObject((0..<next(upTo: 4)).map { _ in (pick(Self.names), value(depth: depth - 1)) }))
    }
  }
}
