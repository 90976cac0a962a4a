import Testing
import Values

@Suite("JSON: reading")
struct JSONParserTests {
  @Test func readsEveryKind() throws {
    let value = try JSON.parse(#" {"a": [1, -2.5e3, true, false, null, "x"], "b": {}, "c": []} "#)
    let number = try #require(JSONNumber(text: "-2.5e3"))
    #expect(value == ["a": [1, .number(number), true, false, nil, "x"], "b": [:], "c": []])
  }

  @Test(arguments: [
    "0", "-0", "9007199254740993", "123456789012345678901234567890", "1e400", "-1E-400", "0.1000",
    "1e99999999999999999999",
  ])
  func keepsTheTextOfNumbers(text: String) throws {
    #expect(try JSON.parse(text).number?.text == text)
    #expect(try JSON.parse("[\(text)]").text == "[\(text)]")
    #expect(JSONNumber(text: text)?.text == text)
  }

  @Test(arguments: [
    (#""""#, ""), (#""a\u0000b""#, "a\0b"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
    (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"),
    (#""\uFFFF\uD7FF\uE000""#, "\u{FFFF}\u{D7FF}\u{E000}"),
    (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""plain é 😀 \u0041""#, "plain é 😀 A"),
    (#""\u007f\u0080\u07ff\u0800""#, "\u{7F}\u{80}\u{7FF}\u{800}"),
  ])
  func readsStrings(text: String, expected: String) throws {
    let string = try #require(try JSON.parse(text).string)
    #expect(Array(string.utf8) == Array(expected.utf8))
  }

  @Test(arguments: [
    ("", 0), ("  ", 2), ("{", 1), ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3),
    ("{\"a\"}", 4),
    ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{a:1}", 1), ("{'a':1}", 1), ("{\"a\" 1}", 5),
    ("{\"a\":1 \"b\":2}", 7),
    ("tru", 0), ("truE", 0), ("nul", 0), ("TRUE", 0), ("NaN", 0), ("Infinity", 0), ("-Infinity", 1),
    ("1 1", 2), ("{}x", 2),
    ("01", 1), ("-01", 2), ("-", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e3", 2), ("1e", 2), ("1e+", 3),
    ("0x10", 1), ("1.5.2", 3),
    ("\"", 1), ("\"abc", 4), ("\"a\\", 2), ("\"\\x\"", 1), ("\"\\u12\"", 1), ("\"\\u12G4\"", 1),
    ("\"\\u+123\"", 1), ("\"a\nb\"", 2),
    ("\"a\0b\"", 2), ("\"\\n\u{1f}\"", 3), ("'a'", 0), ("// x\n1", 0), ("/* */1", 0), ("\u{FEFF}1", 0),
    ("\0", 0), ("1\0", 1),
    ("\u{A0}1", 0), ("]", 0), ("[1}", 2), ("{\"a\":1]", 6),
  ])
  func refusesWhatTheGrammarRefuses(text: String, offset: Int) {
    let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
    #expect(error?.code == .syntax)
    #expect(error?.offset == offset, "\(text)")
  }

  @Test(arguments: [
    #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\u0041""#, #""\ud800\ud800""#,
    #""\ude00\ud83d""#,
    #""\uDBFF""#, #"{"\udfff": 1}"#,
  ])
  func refusesHalvesOfSurrogatePairs(text: String) {
    #expect(throws: JSONError.self) { try JSON.parse(text) }
    #expect(code { try JSON.parse(text) } == .loneSurrogate)
  }

  @Test(arguments: [
    #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"\u0061":3}"#, #"[{"":1,"":2}]"#,
    "{" + (0..<40).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + ",\"k3\":0}",
  ])
  func refusesRepeatedNames(text: String) {
    #expect(code { try JSON.parse(text) } == .duplicateKey)
  }

  @Test func namesThatAreOnlyCanonicallyEquivalentDiffer() throws {
    let value = try JSON.parse(#"{"\u00e9":1,"e\u0301":2}"#)
    #expect(value["\u{e9}"] == 1)
    #expect(value["e\u{301}"] == 2)
    #expect(try JSON.parse(#""\u00e9""#) != JSON.parse(#""e\u0301""#))
  }

  @Test func depthIsBounded() throws {
    func nested(_ open: String, _ close: String, _ depth: Int) -> String {
      String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
    }
    #expect(throws: Never.self) { try JSON.parse(nested("[", "]", 128)) }
    for text in [nested("[", "]", 129), nested("[", "]", 10_000), nested("{\"a\":", "}", 10_000)] {
      #expect(code { try JSON.parse(text) } == .tooDeep)
    }
    let unlimited = JSONLimits(maxDepth: .max)
    #expect(throws: Never.self) { try JSON.parse(nested("[", "]", 1_000), limits: unlimited) }
    #expect(code { try JSON.parse(nested("[", "]", 1_000_000), limits: unlimited) } == .tooDeep)
    #expect(code { try JSON.parse("[]", limits: JSONLimits(maxDepth: 0)) } == .tooDeep)
  }

  @Test func sizeIsBounded() throws {
    #expect(code { try JSON.parse("[1,2]", limits: JSONLimits(maxBytes: 4)) } == .tooLarge)
    #expect(throws: Never.self) { try JSON.parse("[1,2]", limits: JSONLimits(maxBytes: 5)) }
    #expect(throws: Never.self) { try JSON.parse(String(repeating: "9", count: 1_000)) }
    #expect(code { try JSON.parse(String(repeating: "9", count: 1_001)) } == .tooLarge)
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
      [0xE2, 0x82],
      [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
      [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x98, 0x28],
    ] as [[UInt8]])
  func refusesWhatIsNotUTF8(bytes: [UInt8]) {
    for padding in 0..<10 {
      let text = [UInt8(ascii: "\"")] + [UInt8](repeating: 0x61, count: padding) + bytes + [UInt8(ascii: "\"")]
      let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
      #expect(error?.code == .encoding)
      #expect(error?.offset == padding + 1)
    }
    // At the very end, and where no string is.
    #expect(code { try JSON.parse([0x22, 0x61] + bytes) } == .encoding)
    #expect(code { try JSON.parse(bytes) } == .encoding)
  }

  private func code(_ body: () throws -> JSON) -> JSONError.Code? {
    do {
      _ = try body()
      return nil
    } catch { return (error as? JSONError)?.code }
  }
}
