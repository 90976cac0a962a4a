import Testing
import Values
import YAML

/// What the core schema of YAML 1.2 makes of a text, and where it stood.
struct YAMLParsingTests {
  private func json(_ text: String) throws -> JSON { try YAML.parse(text).json }

  @Test(arguments: [
    ("null", "null"), ("~", "null"), ("Null", "null"), ("\"null\"", "\"null\""), ("nULL", "\"nULL\""),
    ("true", "true"), ("True", "true"), ("FALSE", "false"), ("yes", "\"yes\""), ("on", "\"on\""), ("y", "\"y\""),
    ("0", "0"), ("-0", "-0"), ("12", "12"), ("+12", "12"), ("007", "7"), ("0o17", "15"), ("0x1F", "31"),
    ("1.50", "1.50"), (".5", "0.5"), ("-.5", "-0.5"), ("1.", "1"), ("1.e3", "1e3"), ("1E+3", "1E+3"), ("00", "0"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("1.00000000000000000001", "1.00000000000000000001"),
    ("1.0.3", "\"1.0.3\""), ("1_000", "\"1_000\""), ("-", "[null]"), ("+", "\"+\""), (".", "\".\""), ("1e", "\"1e\""),
    ("0x", "\"0x\""), ("0o9", "\"0o9\""), ("0x-1", "\"0x-1\""), ("19:20:30", "\"19:20:30\""),
    ("2001-12-14", "\"2001-12-14\""),
    ("'it''s'", "\"it's\""), ("\"a\\tb\\u00e9\"", "\"a\\tbé\""), ("'12'", "\"12\""),
  ])
  func scalarsFollowTheCoreSchema(text: String, expected: String) throws {
    #expect(try json(text).text == expected)
  }

  @Test func blocksFlowsAndComments() throws {
    let text = """
      # a comment
      list:
        - one
        - {a: 1, "b": [2, 3]}   # flow
      block: |
        first
          second
      folded: >-
        joined
        lines
      empty:
      """
    #expect(
      try json(text)
        == [
          "list": ["one", ["a": 1, "b": [2, 3]]], "block": "first\n  second\n", "folded": "joined lines", "empty": nil,
        ])
  }

  @Test func keysAreText() throws {
    #expect(try json("1: a\ntrue: b\non: c\n'<<': d") == ["1": "a", "true": "b", "on": "c", "<<": "d"])
  }

  @Test func jsonIsYAML() throws {
    let text = """
      {"a": [1, 2.50, -3e2, true, null], "b": {"c": "\\u00e9 \\/ \\ud83d\\ude00 \\\\ud83d"},\t"d": ""}
      """
    #expect(try json(text) == JSON.parse(text))
    #expect(try json("[]") == [])
    #expect(try json("{\n\t\"a\": 1\n}") == ["a": 1])
  }

  @Test func keysKeepTheirOrder() throws {
    #expect(try json("z: 1\na: 2\nm: 3").text == #"{"z":1,"a":2,"m":3}"#)
  }

  @Test func positionsCountFromOneInCharacters() throws {
    let node = try YAML.parse("é: 'ö'\nlist:\n  - a: 1\n    b: two\n")
    let entries = try #require(node.mapping)
    #expect(entries[0].keyPosition == YAMLPosition(line: 1, column: 1))
    #expect(entries[0].value.position == YAMLPosition(line: 1, column: 4))
    let item = try #require(node["list"]?.sequence?.first?.mapping)
    #expect(item[1].keyPosition == YAMLPosition(line: 4, column: 5))
    #expect(item[1].value.position == YAMLPosition(line: 4, column: 8))
    #expect(node["list"]?.position == YAMLPosition(line: 3, column: 3))
  }

  @Test func windowsLineEndingsAndByteOrderMark() throws {
    #expect(try json("\u{FEFF}a: 1\r\nb: |\r\n  x\r\n  y\r\n") == ["a": 1, "b": "x\ny\n"])
  }

  @Test func aliasesRepeatTheirAnchor() throws {
    #expect(try json("a: &x {n: [1, 2]}\nb: *x") == ["a": ["n": [1, 2]], "b": ["n": [1, 2]]])
    #expect(try json("c: &y s\nd: *y") == ["c": "s", "d": "s"])
    #expect(try json("&k a: 1\nb: *k") == ["a": 1, "b": "a"])
  }

  @Test func oneDocumentMayBeMarked() throws {
    #expect(try json("---\na: 1\n...\n") == ["a": 1])
  }

  @Test func accessors() throws {
    let node = try YAML.parse("a: [1]\nb: x")
    #expect(node["a"]?.sequence?.first?.scalar == 1)
    #expect(node["b"]?.scalar == "x")
    #expect(node["c"] == nil)
    #expect(node["a"]?["x"] == nil && node["a"]?.scalar == nil && node["b"]?.mapping == nil && node.sequence == nil)
  }
}
