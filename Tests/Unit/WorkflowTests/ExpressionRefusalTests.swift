import Testing
import Values

@testable import Workflow

/// What is refused before it is ever evaluated, and where.
struct ExpressionRefusalTests {
  /// An expression, then the byte where it stops making sense.
  private static let broken = #"""
    .a |  ⇒  4
    | .a  ⇒  0
    .a..b  ⇒  2
    (.a  ⇒  3
    .a)  ⇒  2
    [1, 2  ⇒  5
    {a: 1  ⇒  5
    {a: 1 + 2}  ⇒  6
    1 == 1 == 1  ⇒  7
    .a = 1 = 2  ⇒  7
    if .a then 1  ⇒  12
    if .a 1 else 2 end  ⇒  6
    reduce .[] as $x (0)  ⇒  19
    def f: 1  ⇒  8
    "open  ⇒  0
    "a\(.b"  ⇒  6
    "\q"  ⇒  1
    "\u12"  ⇒  1
    "\ud800"  ⇒  1
    !.a  ⇒  0
    'a'  ⇒  0
    .a && .b  ⇒  3
    1a  ⇒  0
    1..2  ⇒  0
    $ a  ⇒  0
    {1: 2}  ⇒  1
    {(1)}  ⇒  4
    . as x | 1  ⇒  5
    foreach . as $x (1)  ⇒  18
    .a.1  ⇒  2
    @base64 1  ⇒  8
    label x | 1  ⇒  6
    try  ⇒  3
    ..a  ⇒  2
    . a  ⇒  2
    1 / 0  ⇒  4
    """#

  @Test(arguments: Table.rows(of: broken))
  func notJq(source: String, offset: String) throws {
    let problem = try #require(refusal(source), "\(source) was accepted")
    #expect(problem.code == .syntax)
    #expect(problem.offset == Int(offset), "\(problem)")
  }

  @Test func nothingIsNoExpression() {
    #expect(refusal("")?.code == .syntax)
    #expect(refusal(" # only a comment")?.code == .syntax)
  }

  private static let reaching = #"""
    env
    env.HOME
    $ENV
    $ENV.PATH
    input
    [inputs]
    debug
    stderr
    input_filename
    input_line_number
    halt
    halt_error
    halt_error(1)
    $__loc__
    $__prog_args
    get_search_list
    modulemeta
    now
    now | todate
    localtime
    strflocaltime("%H")
    builtins
    get_jq_origin
    import "a" as a; 1
    include "a"; 1
    a::b
    . as $ENV | 1
    def f: f; f
    def f(x): f(x + 1); f(1)
    def f: def g: f; g; f
    def f: g; def g: f; g
    def f($x): if $x > 0 then f($x - 1) else 0 end; f(3)
    "\(env)"
    @json "\(input)"
    {a: env}
    {(input): 1}
    [.[] | debug]
    try env catch 1
    . as [$a] | $ENV
    def f: env; 1
    label $ENV | 1
    """#

  @Test(arguments: Table.lines(of: reaching))
  func reachesOutOrMightNeverEnd(source: String) throws {
    let problem = try #require(refusal(source), "\(source) was accepted")
    #expect(problem.code == .unsupported || problem.code == .unresolved || problem.code == .syntax, "\(problem)")
    #expect(
      problem.code == .unsupported || source.hasPrefix("import") || source.contains("g; def g"),
      "\(problem)")
  }

  @Test(
    arguments: [
      ("$contxt.a", 0, "$context"), (".a | lenght", 5, "length"), ("maap(.a)", 0, "map"),
      ("[1] | @jsn", 6, "@json"), ("label $out | break $uot", 19, "$out"), ("length(1)", 0, "';'"),
      ("Name", 0, "double quotes"), ("split(1; 2; 3)", 0, nil), ("def foo: 1; fooo", 12, "foo"),
      ("\"\\($inpt)\"", 3, "$input"),
    ] as [(String, Int, String?)])
  func namesThatLeadNowhere(source: String, offset: Int, hint: String?) throws {
    let problem = try #require(refusal(source, variables: ["context", "input"]), "\(source) was accepted")
    #expect(problem.code == .unresolved)
    #expect(problem.offset == offset, "\(problem)")
    if let hint { #expect(problem.hint?.contains(hint) == true, "\(problem)") }
  }

  @Test func scopesEndWhereTheyShould() {
    for source in [
      "(. as $x | 1) | $x", "reduce .[] as $x (0; 1) | $x", "reduce .[] as $x ($x; 1)", "def f(g): 1; g",
      "def f: 1; def g($y): 1; $y",
      "(def f: 1; f) | f", "(label $l | 1) | break $l", "[.[] as {a: $b} | 1] | $b",
    ] {
      #expect(refusal(source)?.code == .unresolved, "\(source)")
    }
    for source in ["def f: 1; def f: f + 1; f", "def f(f): f; f(1)"] {
      #expect(refusal(source) == nil || refusal(source)?.code == .unsupported)
    }
    #expect(refusal("def f: 1; (def f(x): x; f(f)) | f") == nil)
  }

  @Test func sizeIsBounded() {
    #expect(refusal(String(repeating: " ", count: 20_000) + "1")?.code == .limit)
    #expect(refusal(Array(repeating: "1", count: 1_500).joined(separator: "+"))?.code == .limit)
    #expect(refusal(String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500))?.code == .limit)
    #expect(refusal(String(repeating: "-", count: 500) + "1")?.code == .limit)
    #expect(
      refusal(String(repeating: "\"\\(", count: 300) + "1" + String(repeating: ")\"", count: 300))?.code == .limit)
    #expect(refusal(String(repeating: "if 1 then 2 el", count: 300) + "se 3 end")?.code != nil)
  }

  /// Nothing an author writes can close the wrapper around it.
  @Test(arguments: [
    ") | env | (", "1) | $ENV | (1", "1 # ) comment\n| env", ".a # (", "\") | env | (\"",
    "\"\\(1)) | env | (\"", "1; def f: env; f", "} | env | {",
    "] | input | [", "1 | ) debug (", "\"#\" # \"", ". as $x | 1) as $v_context | env | (1", "1\u{0}) | env",
    "1 end | env", "s_deep", "u_f", "$v_context", "$v_0", "s_index", "1 as $0 | 2",
  ])
  func theWrapperHolds(source: String) throws {
    guard refusal(source) == nil else { return }
    // What is accepted must be a program of its own, whose value has nothing of the environment.
    let value = try evaluate(source, ["a": 1])
    #expect(!value.text.contains("PATH"), "\(value)")
  }

  @Test func printedNamesAreSeparate() throws {
    let definitions = "def debug: 1; def input: 2; def s_deep: 3; debug + input + s_deep"
    #expect(try evaluate(definitions) == 6)
    #expect(try evaluate("1 as $v_data | 2 as $s | [$v_data, $s]") == [1, 2])
    #expect(try evaluate("def map(f): 7; [1] | map(.)") == 7)
    #expect(try evaluate("def error(x): 8; error(1)") == 8)
  }
}
