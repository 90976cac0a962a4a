import Testing
import Values

@testable import Workflow

/// Random programs on random data: what this engine gives is what libjq gives for the same text.
struct ExpressionDifferentialTests {
  @Test(arguments: 0..<8)
  func nativeEvaluationIsThatOfLibjq(seed: Int) throws {
    var random = Seeded(seed)
    for _ in 0..<8 {
      let source = ProgramWriter.native(depth: 3, &random)
      let expression = try Expression(source, variables: [])
      #expect(JQNative.supports(expression.program.tree), "\(source)")
      let original = try JQMachine(".[0]|(\(source)\n)")
      for _ in 0..<20 { compare(original, expression, ProgramWriter.data(depth: 3, &random)) }
    }
  }

  @Test(arguments: 100..<108)
  func printedProgramsMeanTheSame(seed: Int) throws {
    var random = Seeded(seed)
    for _ in 0..<8 {
      let source = ProgramWriter.any(depth: 3, &random)
      let expression = try Expression(source, variables: [])
      let original = try JQMachine(".[0]|(\(source)\n)")
      for _ in 0..<20 { compare(original, expression, ProgramWriter.data(depth: 3, &random)) }
    }
  }

  private func compare(_ original: JQMachine, _ expression: Workflow.Expression, _ data: JSON) {
    let wanted = outcome { () throws(ExpressionError) in try original.evaluate([data]) }
    let found = outcome { () throws(ExpressionError) in try expression.evaluate(data) { _ in nil } }
    #expect(found.isSame(as: wanted), "\(expression.source)\non \(data)\ngave \(found), libjq \(wanted)")
  }

  private enum Outcome {
    case value(JSON)
    case failure(ExpressionError)

    func isSame(as other: Outcome) -> Bool {
      switch (self, other) {
      case (.value(let value), .value(let otherValue)): value.hasSameValue(as: otherValue)
      // The words differ by the excerpt of the source.
      case (.failure(let error), .failure(let otherError)):
        error.code == otherError.code && error.message.hasPrefix(otherError.message)
      default: false
      }
    }
  }

  private func outcome(_ body: () throws(ExpressionError) -> JSON) -> Outcome {
    do throws(ExpressionError) { return .value(try body()) } catch { return .failure(error) }
  }
}

/// Writes programs that mean something on the data it writes, most of the time.
enum ProgramWriter {
  static func data(depth: Int, _ random: inout Seeded) -> JSON {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
    case 0: return random.pick([nil, true, false])
    case 1: return .number(JSONNumber(Int.random(in: -3...3, using: &random)))
    case 2: return .number(JSONNumber(Double(Int.random(in: -30...30, using: &random)) / 4))
    case 3, 4: return .string(random.pick(["", "a", "b", "ab", "é", "z", "10", "😀", "A", "\u{0}x", "a\"\\b"]))
    case 5: return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in data(depth: depth - 1, &random) })
    default:
      var object = JSONObject()
      for key in ["a", "b", "c", "é"] where Bool.random(using: &random) {
        object[key] = data(depth: depth - 1, &random)
      }
      return .object(object)
    }
  }

  private static let leaves = [
    ".", ".a", ".b", ".c", ".a.b", ".a[0]", ".b[-1]", ".[\"a\"]", ".\"é\"", "1", "0", "-2", "2.5", "\"a\"", "\"\"",
    "null", "true",
    "false", "[]", "{}", ".a?",
  ]

  /// Only what is evaluated without libjq, when it succeeds.
  static func native(depth: Int, _ random: inout Seeded) -> String {
    guard depth > 0 else { return random.pick(leaves) }
    func inner(_ random: inout Seeded) -> String { native(depth: depth - 1, &random) }
    switch Int.random(in: 0..<16, using: &random) {
    case 0: return "(\(inner(&random)) | \(inner(&random)))"
    case 1: return "(\(inner(&random)) \(random.pick(["==", "!=", "<", "<=", ">", ">="])) \(inner(&random)))"
    case 2: return "(\(inner(&random)) \(random.pick(["and", "or"])) \(inner(&random)))"
    case 3: return "(\(inner(&random)) // \(inner(&random)))"
    case 4: return "(\(inner(&random)) \(random.pick(["+", "-", "*"])) \(inner(&random)))"
    case 5: return "[\(inner(&random)), \(inner(&random)), \(inner(&random))]"
    case 6: return "{a: (\(inner(&random))), \"b\": (\(inner(&random))), c}"
    case 7: return "{(\"k\" + (\(inner(&random)) | tostring)): (\(inner(&random)))}"
    case 8: return "(if \(inner(&random)) then \(inner(&random)) else \(inner(&random)) end)"
    case 9: return "\"<\\(\(inner(&random)))-\\(\(inner(&random)))>\""
    case 10: return "(\(inner(&random)) | \(random.pick(["not", "length", "type", "tostring"])))"
    case 11: return "((\(inner(&random))) as $x | [\(inner(&random)), $x])"
    case 12: return "(\(inner(&random)))[\(inner(&random))]"
    case 13: return "(\(inner(&random)) | map(\(inner(&random))))"
    case 14: return "([\(inner(&random)), .a, .b] | join(\(random.pick(["\"-\"", "\"\"", inner(&random)]))))"
    default: return "(\(inner(&random)))\(random.pick([".a", ".b", "[0]", "[1]", ".a?"]))"
    }
  }

  /// All of the language.
  static func any(depth: Int, _ random: inout Seeded) -> String {
    guard depth > 0 else {
      return random.pick(leaves + [".[]?", "..", "empty", ".[]", "error(\"e\")", "1, 2"].map { "(\($0))" })
    }
    func inner(_ random: inout Seeded) -> String { any(depth: depth - 1, &random) }
    switch Int.random(in: 0..<26, using: &random) {
    case 0: return "[\(inner(&random))]"
    case 1: return "(\(inner(&random)), \(inner(&random)))"
    case 2: return "(\(inner(&random)) | \(inner(&random)))"
    case 3: return "[\(inner(&random)) | \(inner(&random))]"
    // 'try' is left out: libjq 1.6 lets it catch too much, which is tested by itself.
    case 4: return "\(inner(&random))"
    case 5: return "reduce (\(inner(&random))) as $x (\(inner(&random)); . + $x)"
    case 6: return "[foreach (\(inner(&random))) as $x (0; . + 1; [$x, .])]"
    case 7: return "((\(inner(&random))) as [$x, {a: $y}] | [$y, $x])"
    case 8: return "(def f(g; $v): [g, $v]; f(\(inner(&random)); \(inner(&random))))"
    case 9: return "first(\(inner(&random)))"
    case 10: return "[limit(3; \(inner(&random)))]"
    case 11:
      return
        "(\(random.pick([".a", ".b", ".[]?", ".a.b", ".[0]?", "(.a, .b)", ".."])) \(random.pick(["=", "|=", "+=", "//=", "-=", "*="])) (\(inner(&random)) | tostring))"
    case 12:
      return
        "(\(inner(&random)) | \(random.pick(["keys", "to_entries", "add", "sort", "unique", "reverse", "flatten", "tojson", "@json", "@text", "[paths]", "any", "all", "[.[]?]", "values"])))"
    case 13: return "[\(inner(&random)) | select(\(inner(&random)))]"
    case 14: return "(\(inner(&random)) | map(\(inner(&random))))"
    case 15: return "[.. | \(random.pick(["numbers", "strings", "arrays", "scalars", "select(type == \"object\")"]))]"
    case 16:
      return
        "[path(\(random.pick([".a", ".b[0]", "..", ".[]", "(.a, .c)", "select(.a?)", "first(.a, .b)", "if .a? then .b? else .c? end", "recurse(.a?; . != null)"])))]"
    case 17: return "(del(\(random.pick([".a", ".b[0]", ".[]", "(.a, .c)", ".c"]))))"
    case 18: return "[label $out | \(inner(&random)) | (., break $out)]"
    case 19: return "(\(inner(&random)) | .[\(random.pick(["1:", ":1", "0:2", ":-1"]))]?)"
    case 20:
      return
        "(\(inner(&random)) | \(random.pick(["contains(\"a\")", "index(\"a\")", "has(\"a\")", "test(\"a|b\")", "sub(\"a\"; \"<\")", "[scan(\".\")]", "gsub(\"[ab]\"; \"_\")", "startswith(\"a\")", "ascii_upcase", "split(\"a\")", "ltrimstr(\"a\")", "group_by(.)", "min_by(.)", "index(\"b\")", "join(\"-\")", "with_entries(.value |= tostring)", "walk(.)", "[splits(\"a\")]", "tostream", "IN(1, \"a\")", "getpath([\"a\"])", "explode", "transpose", "[combinations]"])))"
    case 21: return "((\(inner(&random))) as [$x] ?// $x | $x)"
    case 22: return "-(\(inner(&random)))"
    case 23: return "(\(inner(&random)) \(random.pick(["/", "%", "+", "*"])) \(inner(&random)))"
    case 24: return "(. as {a: $p, $b} | [$p, $b])"
    default: return native(depth: depth, &random)
    }
  }
}
