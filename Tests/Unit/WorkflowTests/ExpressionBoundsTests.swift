import Testing
import Values

@testable import Workflow

/// Everything that jq accepts and that would not end, or would fill the memory, ends with an error instead; and does so
/// by counting, so that it ends in the same way on every machine.
struct ExpressionBoundsTests {
  private static let endless = #"""
    [range(1e9)] | length
    until(false; . + 1)
    [1 | repeat(.)] | length
    [recurse(. + 1; true)] | length
    first(range(1e9) | select(. < 0))
    reduce range(1e9) as $i (0; . + 1)
    reduce range(100) as $i ("x"; . + .)
    reduce range(100) as $i ([1]; . + .)
    "x" * 1e9
    1e9 * "x"
    reduce range(100) as $i ("x"; . * 2)
    reduce range(100) as $i ("x"; "\(.)\(.)")
    reduce range(60) as $i (1; [., .]) | tojson
    reduce range(60) as $i (1; [., .])
    reduce range(60) as $i (1; {a: ., b: .}) | tostring
    reduce range(60) as $i (1; [., .]) | . == .
    reduce range(60) as $i (1; [., .]) | flatten
    reduce range(60) as $i (1; [., .]) | [..] | length
    reduce range(60) as $i (1; [., .]) | [paths] | length
    reduce range(60) as $i (1; [., .]) | "\(.)"
    reduce range(60) as $i (1; [., .]) | @json
    reduce range(60) as $i (1; [., .]) | walk(.)
    reduce range(60) as $i (1; [., .]) | [tostream] | length
    reduce range(60) as $i (1; [., .]) | sort
    reduce range(60) as $i ({}; {a: ., b: .}) | . * . | length
    reduce range(60) as $i (1; [., .]) | [paths(false)] | length
    reduce range(100000) as $i (0; [.]) | 1
    [limit(100000; 1 | repeat([.]))] | length
    [.[] = 1, range(1e8)] | length
    .[1000000000] = 1 | length
    .[1e9] = 1 | length
    1e9 as $i | .[$i] = 1 | length
    setpath([1e9]; 1) | length
    getpath([1000000000]) = 1 | length
    nth(1e9) = 1 | length
    fromstream([[1e9], 1]) | length
    [[0, 1e9]] | fromstream(.[0] as [$a, $b] | [[$b], 1]) | length
    [range(100)] | [combinations(5)] | length
    [0, 1] | combinations(1e9)
    [range(3000)] | [.[] as $a | .[] as $b | 1] | length
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("(a+)+$")
    reduce range(100) as $i ({a: "x"}; .a += .a)
    reduce range(100) as $i ({a: [1]}; .a += .a)
    [range(1500)] | map([range(1500)]) | length
    [splits("")] | until(length > 1e9; . + .)
    reduce range(60) as $i (1; [., .]) | contains([1])
    reduce range(60) as $i (1; [., .]) | unique_by(.) | 1
    reduce range(60) as $i (1; [., .]) | tojson | fromjson
    try until(false; .) catch 1
    [range(100)] | until(false; try error(.) catch .)
    [.[] | repeat(.)]? // repeat(1)
    def f(g): [g, g, g, g] | length; f(f(f(f(f(f(f(f(f(f(f(f(range(10)))))))))))))
    """#

  @Test(arguments: Table.lines(of: endless))
  func endsWithAnError(source: String) throws {
    #expect(throws: ExpressionError.self, "\(source)") { try evaluate(source, nil) }
  }

  @Test func aProgramThatWasStoppedCanBeUsedAgain() throws {
    let expression = try Expression("[range(.)] | length", variables: [])
    for _ in 0..<3 {
      let error = #expect(throws: ExpressionError.self) { try expression.evaluate(1_000_000_000) { _ in nil } }
      #expect(error?.code == .limit)
      #expect(try expression.evaluate(10) { _ in nil } == 10)
    }
  }

  @Test func whatIsCaughtDoesNotGoOn() throws {
    let error = #expect(throws: ExpressionError.self) { try evaluate("[try repeat(1) catch 5]") }
    #expect(error?.code == .limit)
  }

  @Test func largeButHonestWorkIsDone() throws {
    let items = JSON.array((0..<50_000).map { ["n": .number(JSONNumber($0)), "s": "text \($0)"] })
    #expect(try evaluate("map(.n) | add", items) == 1_249_975_000)
    #expect(try evaluate("[.[] | select(.n % 2 == 0)] | length", items) == 25_000)
    #expect(try evaluate("reduce .[] as $x (0; . + $x.n)", items) == 1_249_975_000)
    #expect(try evaluate("map(.s) | join(\",\") | length", items) == 538_889)
    #expect(try evaluate("[range(100000)] | length", nil) == 100_000)
    #expect(try evaluate("group_by(.n % 10) | map(length) | add", items) == 50_000)
    #expect(try evaluate(".[49999].n", items) == 49_999)
  }

  /// Without libjq, each of these is cheap by itself; it is their number that has to be counted.
  @Test(arguments: [
    ". as $all | map($all | join(\",\")) | length", ". as $all | map(\"\\($all | join(\",\"))\") | length",
    ". as $all | map($all + $all) | length",
  ])
  func listsWithinListsAreCounted(source: String) throws {
    let items = JSON.array((0..<4_000).map { .string("text \($0)") })
    let error = #expect(throws: ExpressionError.self) { try evaluate(source, items) }
    #expect(error?.code == .limit)
    #expect(try evaluate(source, ["a", "b"]) == 2)
  }

  @Test func aLongExpressionCompiles() throws {
    let sum = Array(repeating: "1", count: 990).joined(separator: "+")
    #expect(try Expression(sum, variables: []).program.evaluateByLibrary(nil) { _ in nil } == 990)
    let pipe = Array(repeating: "(.+1)", count: 300).joined(separator: "|")
    #expect(try Expression(pipe, variables: []).program.evaluateByLibrary(0) { _ in nil } == 300)
  }
}
