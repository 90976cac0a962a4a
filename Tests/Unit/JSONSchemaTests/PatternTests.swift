import JSONSchema
import Testing
import Values

/// Regular expressions of ECMA-262.
@Suite("JSON Schema: regular expressions")
struct PatternTests {
  private func matches(_ text: String, _ pattern: String) throws -> Bool {
    try JSONSchema(["pattern": .string(pattern)]).validate(.string(text)).isEmpty
  }

  @Test(arguments: [
    ("^a$", "a"), ("b", "abc"), ("", ""), ("^$", ""), ("^[a-c]+$", "abcabc"), ("^a{2,3}$", "aaa"), ("^a{2}?b$", "aab"),
    ("^a{2,}?$", "aaaa"), ("^(?:ab|cd)*$", "abcd"), (#"^\d\D\w\W\s\S$"#, "1a_! x"), (#"^[\d.]+$"#, "1.5"),
    (#"^[^\d\s]$"#, "x"), (#"^[\D]$"#, "x"), (#"^\bfoo\b bar$"#, "foo bar"), (#"^\x41\u0042\u{1F600}$"#, "AB😀"),
    (#"^\ud83d\ude00$"#, "😀"), ("^😀{2}$", "😀😀"), ("^.$", "😀"), (#"^\cJ\t\v\f\r\0$"#, "\n\t\u{b}\u{c}\r\0"),
    (#"^(a)(b)\2\1$"#, "abba"), (#"^(?<x>a)(b)\k<x>\2$"#, "abab"), (#"^(?:(a)|b)\1$"#, "b"), (#"^\1(a)$"#, "a"),
    ("^(?=a)a(?!c).$", "ab"), ("(?<=a)b(?<!xb)", "ab"), (#"^\p{Lu}\p{Script=Greek}\P{L}$"#, "Éλ1"),
    (#"^[\p{L}\-_]+$"#, "é-_"), (#"^\p{General_Category=Decimal_Number}$"#, "٣"), (#"^[\w-.]+$"#, "a-.b"),
    (#"^[a\]b-]+$"#, "a]b-"), ("^[]-]*$|x", "x"), ("^[^]$", "\n"), (#"^\/\-\_\@$"#, "/-_@"), ("^{a}]$", "{a}]"),
    ("^[&&[:alpha:]]+$", "&]]"), (#"^[\b]$"#, "\u{8}"), (#"^[^\ud800-\udfff]$"#, "a"), (#"^[\t-\r]$"#, "\n"),
    ("^#( )x$", "# x"),
    ("^é$", "é"), (#"^\s$"#, "\u{feff}"), (#"^\u2028$"#, "\u{2028}"), ("^(|a)$", "a"),
    ("^[.$|(){}*+?^]+$", ".$|(){}*+?^"),
  ])
  func match(pattern: String, text: String) throws { #expect(try matches(text, pattern)) }

  @Test(arguments: [
    ("^a$", "a\n"), ("^a$", "b\na"), ("^b", "a\nb"), ("^.$", "\n"), ("^.$", "\u{2028}"), ("^.$", "ab"), (#"^\d$"#, "٣"),
    (#"^\w$"#, "é"), (#"\bé"#, " é"), ("[]", "a"), ("a[]b", "ab"), (#"^\ud800$"#, "a"), (#"[\ud800-\udfff]"#, "a"),
    ("^(a)\\1$", "a"), ("^a{2}?$", ""), ("^a{0}$", "a"), ("A", "a"), ("^é$", "e\u{301}"), (#"^\p{Lu}$"#, "a"),
  ])
  func noMatch(pattern: String, text: String) throws { #expect(try !matches(text, pattern)) }

  @Test(arguments: [
    "(", ")", "a)", "[", "[a", "*", "a**", "a++", "+a", "^*", "(?=a)*", "|?", "{2}", "a{3,2}", "\\", "\\a", "\\Z",
    "\\e",
    "\\1", "(a)\\2", "\\k<x>", "(?<x>a)(?<x>b)", "(?<1>a)", "(?<>a)", "(?i)a", "(?>a)", "(?P<x>a)", "(?#a)", "\\x4",
    "\\u12", "\\u{110000}", "\\u{}", "\\c1", "[b-a]", "\\p", "\\p{}", "\\p{Nonsense}", "\\pL", "\\p{scx=Greek}", "\\00",
    "a{100001}", "[\\1]", "\\p{^L}",
  ])
  func refusedExpressions(pattern: String) {
    let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(["items": ["pattern": .string(pattern)]]) }
    #expect(error?.code == .pattern)
    #expect(error?.pointer == "/items/pattern")
    #expect(throws: JSONSchemaError.self) { try JSONSchema(["patternProperties": [pattern: true]]) }
  }

  @Test func sizeOfExpressionsIsBounded() {
    for pattern in [String(repeating: "a", count: 20_000), String(repeating: "(", count: 4_000)] {
      #expect(throws: JSONSchemaError.self) { try JSONSchema(["pattern": .string(pattern)]) }
    }
    let deep = String(repeating: "(", count: 150) + "a" + String(repeating: ")*", count: 150)
    #expect(throws: Never.self) { try JSONSchema(["pattern": .string(deep)]).validate("aaaaaaaaaaaaaaaaaaaaaaaaaaaab") }
  }

  /// Without a bound these would run for longer than anyone can wait.
  @Test(arguments: ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(.*)*\\1b$"])
  func backtrackingWithoutEndIsGivenUp(pattern: String) throws {
    let text = String(repeating: pattern.contains("x") ? "x" : "a", count: 5_000) + "!"
    let violations = try JSONSchema(["pattern": .string(pattern)]).validate(.string(text))
    #expect(violations.count == 1)
    // Under `not`, giving up must not make a value valid.
    let negated = try JSONSchema(["not": ["pattern": .string(pattern)]]).validate(.string(text))
    #expect(violations.first?.message.contains("cannot be checked") != true || !negated.isEmpty)
  }

  @Test func longTextsNeedAnAnchor() throws {
    let text = JSON.string(String(repeating: "ab", count: 100_000))
    #expect(try JSONSchema(["pattern": "^[ab]*$"]).validate(text).isEmpty)
    #expect(try JSONSchema(["pattern": "^(?:ab)*$"]).validate(text).isEmpty)
    let violations = try JSONSchema(["not": ["pattern": "[ab]*c"]]).validate(text)
    #expect(violations.first?.message.contains("begins with '^'") == true)
  }

  @Test func oneSchemaServesManyTasks() async throws {
    let schema = try JSONSchema(["pattern": #"^(?<y>\d{4})-(?:\d\d)-\k<y>$"#])
    let results = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<16 {
        group.addTask {
          (0..<500).allSatisfy { round in
            let year = 1000 + (number * 500 + round) % 9000
            return schema.validate(.string("\(year)-01-\(year)")).isEmpty
              && !schema.validate(.string("\(year)-01-\(year - 1)")).isEmpty
          }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(results)
  }
}
