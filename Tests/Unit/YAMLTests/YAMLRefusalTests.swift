import Testing
import YAML

/// What is refused, where, and what the author is told.
struct YAMLRefusalTests {
  private func problems(_ text: String, limits: YAMLLimits = YAMLLimits()) -> [YAMLProblem] {
    problems(Array(text.utf8), limits: limits)
  }

  private func problems(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) -> [YAMLProblem] {
    do throws(YAMLError) {
      _ = try YAML.parse(bytes, limits: limits)
      return []
    } catch {
      return error.problems
    }
  }

  @Test(arguments: [
    ("if: ! .x", YAMLProblem.Code.tag, 1, 5),
    ("if: !.x", .tag, 1, 5),
    ("a: !!str 1", .tag, 1, 4),
    ("a:\n  - !include other.yaml", .tag, 2, 5),
    ("!x a: 1", .tag, 1, 1),
    ("a: 1\nb: 2\na: 3", .duplicateKey, 3, 1),
    ("{\"a\": 1, \"a\": 2}", .duplicateKey, 1, 10),
    ("x: &x {a: 1}\ny:\n  <<: *x", .mergeKey, 3, 3),
    ("? [a, b]\n: 1", .key, 1, 3),
    ("a: {{b: 1}: 1}", .key, 1, 5),
    ("? \n: 1", .key, 1, 2),
    ("&a x: 1\n*a : 2", .key, 2, 1),
    ("a: *nothing", .alias, 1, 4),
    ("a: &a [*a]", .alias, 1, 8),
    ("a: .inf", .number, 1, 4),
    ("a: -.INF", .number, 1, 4),
    ("a: .nan", .number, 1, 4),
    ("a: 1\n---\nb: 2", .severalDocuments, 2, 1),
    ("%YAML 1.1\n---\na: 1", .directive, 1, 1),
    ("%TAG ! tag:example.com,2000:\n---\na: 1", .directive, 1, 1),
    ("", .empty, 1, 1),
    ("# nothing\n", .empty, 2, 1),
  ])
  func understoodAndRefused(text: String, code: YAMLProblem.Code, line: Int, column: Int) throws {
    let problem = try #require(problems(text).first, "\(text) was accepted")
    #expect(problem.code == code)
    #expect(problem.position == YAMLPosition(line: line, column: column))
  }

  @Test(arguments: [
    ("a: 'open", 1, nil), ("a: [1, 2", 2, nil), ("a:\n\t- b", 2, "tab"), ("a: b: c", 1, "quote"), ("a: @x", 1, "quote"),
    ("a: \"\\q\"", 1, nil), ("a: 1\n b: 2", 2, nil), ("a\nb: 1", 2, nil), ("a: }", 1, nil), ("a: \u{7}", 1, "control"),
    ("a: [${ .x }]", 1, "quote the expression"), ("a: ${ {b: 1} }", 1, "quote the expression"),
  ])
  func brokenSyntax(text: String, line: Int, hint: String?) throws {
    let problem = try #require(problems(text).first, "\(text) was accepted")
    #expect(problem.code == .syntax)
    #expect(problem.position.line == line)
    if let hint { #expect(problem.hint?.contains(hint) == true, "\(problem)") }
  }

  @Test func aNegationIsNotLost() throws {
    let problem = try #require(problems("if: !.done").first)
    #expect(problem.message.contains("tag") && problem.hint?.contains("| not") == true)
  }

  @Test func everythingUnderstoodIsToldAtOnce() {
    let found = problems("a: !x 1\na: 2\nb: .nan\nc: *d\ne: [\n")
    #expect(found.map(\.code) == [.tag, .duplicateKey, .number, .alias, .syntax])
  }

  @Test func notUTF8() throws {
    let problem = try #require(problems(Array("a: 1\nb: é".utf8) + [0xFF, 0x0A]).first)
    #expect(problem.code == .encoding)
    #expect(problem.position == YAMLPosition(line: 2, column: 5))
  }

  @Test func tooLarge() {
    #expect(problems("a: " + String(repeating: "x", count: 1 << 20)).first?.code == .tooLarge)
    #expect(problems("a: " + String(repeating: "x", count: 1000)).isEmpty)
  }

  @Test func tooDeep() {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(problems(nested(64)).isEmpty)
    #expect(problems(nested(65)).first?.code == .tooDeep)
    #expect(problems(String(repeating: "[", count: 1 << 20)).first?.code == .tooDeep)
    #expect(problems(String(repeating: "- ", count: 100_000)).first?.code == .tooDeep)
    #expect(problems(String(repeating: "{a: ", count: 100_000)).first?.code == .tooDeep)
    // An alias is as deep as what it repeats.
    let opening = String(repeating: "[", count: 40)
    let closing = String(repeating: "]", count: 40)
    #expect(problems("a: &x \(nested(40))\nb: \(opening)*x\(closing)").first?.code == .tooDeep)
  }

  @Test func aliasesAreBounded() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
    }
    #expect(problems(text).first?.code == .alias)
  }
}
