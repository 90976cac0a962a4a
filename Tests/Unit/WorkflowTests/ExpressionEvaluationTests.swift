import Testing
import Values

@testable import Workflow

struct ExpressionEvaluationTests {
  private static let data: JSON = [
    "a": ["b": [10, 20, 30], "x-y": "dash", "n": nil], "name": "Ada", "count": 3, "price": 1.5, "flag": true,
    "items": [["id": 1, "tags": ["x", "y"]], ["id": 2, "tags": []]], "text": "grün, blau", "zero": 0,
  ]

  /// One expression a line, then what it gives.
  private static let table = #"""
    .  ⇒  .
    .name  ⇒  "Ada"
    .a.b[0]  ⇒  10
    .a.b[-1]  ⇒  30
    .a.b[9]  ⇒  null
    .a.b[1.9]  ⇒  null
    .["name"]  ⇒  "Ada"
    .a["x-y"]  ⇒  "dash"
    .a."x-y"  ⇒  "dash"
    .missing.deeper  ⇒  null
    .a.b[1:]  ⇒  [20,30]
    .a.b[:-1]  ⇒  [10,20]
    .name[0:2]  ⇒  "Ad"
    .a.b|length  ⇒  3
    [.a.b[]]  ⇒  [10,20,30]
    [.items[].id]  ⇒  [1,2]
    [.items[]|select(.id>1)|.id]  ⇒  [2]
    {name, n: .count}  ⇒  {"name":"Ada","n":3}
    {"k\(.count)": 1}  ⇒  {"k3":1}
    {(.name): .flag}  ⇒  {"Ada":true}
    [.count, .name, [], {}]  ⇒  [3,"Ada",[],{}]
    {a: 1 | . + 1}  ⇒  an error
    {a: 1 | (. + 1)}  ⇒  {"a":2}
    {if: 1, and: 2}  ⇒  {"if":1,"and":2}
    .count + 1  ⇒  4
    .count * .price  ⇒  4.5
    10 / 4  ⇒  2.5
    7 % 3  ⇒  1
    .count - 5  ⇒  -2
    -.count  ⇒  -3
    1 + 2 * 3 - 4 / 2  ⇒  5
    (1 + 2) * 3  ⇒  9
    -1 + 2  ⇒  1
    -(1 + 2)  ⇒  -3
    2 * -3  ⇒  -6
    .name + "!"  ⇒  "Ada!"
    .a.b + [40]  ⇒  [10,20,30,40]
    {a: 1} + {b: 2}  ⇒  {"a":1,"b":2}
    null + 1  ⇒  1
    {a:{b:1}} * {a:{c:2}}  ⇒  {"a":{"b":1,"c":2}}
    "ab" * 3  ⇒  "ababab"
    [1,2,1] - [1]  ⇒  [2]
    "a,b" / ","  ⇒  ["a","b"]
    .count == 3.0  ⇒  true
    .count != 3  ⇒  false
    .count < 4 and .flag  ⇒  true
    .zero and true  ⇒  true
    null or false  ⇒  false
    .missing // "default"  ⇒  "default"
    false // null // 0  ⇒  0
    [] < {}  ⇒  true
    "a" < "b"  ⇒  true
    [1,2] < [1,3]  ⇒  true
    {"a":2} < {"b":1}  ⇒  true
    null < false  ⇒  true
    "é" > "z"  ⇒  true
    if .flag then 1 else 2 end  ⇒  1
    if .x then 1 elif .flag then 2 else 3 end  ⇒  2
    if .x then 1 end | .name  ⇒  "Ada"
    "\(.name) has \(.count)"  ⇒  "Ada has 3"
    "\(.price) \(.a.n) \(.flag) \(.a.b)"  ⇒  "1.5 null true [10,20,30]"
    "a\"\\\/\n\u00e9\ud83d\ude00"  ⇒  "a\"\\/\né😀"
    "nested \("in \(.name)")"  ⇒  "nested in Ada"
    .flag | not  ⇒  false
    .text | length  ⇒  10
    .text | split(", ")  ⇒  ["grün","blau"]
    .text | test("^gr")  ⇒  true
    [.items[].tags[]] | join("-")  ⇒  "x-y"
    @base64 "<\(.name)>"  ⇒  "<QWRh>"
    .a.b | @json  ⇒  "[10,20,30]"
    .items | map(.id) | add  ⇒  3
    [.items[] | .tags | length]  ⇒  [2,0]
    .items | map({id}) | .[1].id  ⇒  2
    reduce .a.b[] as $x (0; . + $x)  ⇒  60
    [foreach .a.b[] as $x (0; . + $x)]  ⇒  [10,30,60]
    [foreach .a.b[] as $x (0; . + $x; [$x, .])]  ⇒  [[10,10],[20,30],[30,60]]
    .count as $n | .a.b | map(. * $n)  ⇒  [30,60,90]
    . as {a: {b: [$x, $y]}, $name} | [$x, $y, $name]  ⇒  [10,20,"Ada"]
    .a as {"x-y": $v} | $v  ⇒  "dash"
    . as {$a: {b: $c}} | [$a.n, $c[0]]  ⇒  [null,10]
    [[1,2]] | [.[] as [$a] ?// $a | $a]  ⇒  [1]
    def f: . * 2; .count | f  ⇒  6
    def f(g): [g, g]; f(.count)  ⇒  [3,3]
    def f($x; $y): $x + $y + x; f(1; 2)  ⇒  4
    def f: def g: 1; g + 1; f  ⇒  2
    def f(x): x; def g: f(2); g  ⇒  2
    def length: 5; [1] | length  ⇒  5
    .a.b |= map(. + 1) | .a.b  ⇒  [11,21,31]
    .count += 2 | .count  ⇒  5
    .a.b[0] = 1 | .a.b[0]  ⇒  1
    .items[].id |= . * 2 | [.items[].id]  ⇒  [2,4]
    .count *= 2 | .count  ⇒  6
    .missing //= 7 | .missing  ⇒  7
    .count -= 1 | .count  ⇒  2
    .price /= 3 | .price  ⇒  0.5
    .count %= 2 | .count  ⇒  1
    .a.b += [.count] | .a.b  ⇒  [10,20,30,3]
    del(.a.b[0]) | .a.b  ⇒  [20,30]
    del(.a) | has("a")  ⇒  false
    to_entries | length  ⇒  8
    with_entries(select(.key == "name"))  ⇒  {"name":"Ada"}
    [paths] | length  ⇒  22
    [paths(type == "boolean")]  ⇒  [["flag"]]
    [..] | length  ⇒  23
    [.. | numbers] | length  ⇒  8
    [recurse(.a?; . != null)] | length  ⇒  2
    [limit(2; .a.b[])]  ⇒  [10,20]
    first(.a.b[])  ⇒  10
    [range(3)]  ⇒  [0,1,2]
    [range(0; 10; 4)]  ⇒  [0,4,8]
    "x" | until(. == 0; . - 1)  ⇒  an error
    1 | until(. > 100; . * 2)  ⇒  128
    [1 | while(. < 10; . * 3)]  ⇒  [1,3,9]
    [limit(3; 1 | repeat(. * 2))]  ⇒  [1,2,4]
    [.a.b | .[] | . / 10 | floor]  ⇒  [1,2,3]
    try error("x") catch .  ⇒  "x"
    .name.first?  ⇒  an error
    [.name.first?]  ⇒  []
    [.[]?] | length  ⇒  8
    try (1/0) catch 5  ⇒  an error
    label $out | foreach .a.b[] as $x (0; . + $x; if . > 25 then ., break $out else empty end)  ⇒  30
    .text | sub("(?<c>ü)"; "[\(.c)]")  ⇒  "gr[ü]n, blau"
    .text | gsub("[nl]"; "_")  ⇒  "grü_, b_au"
    "abc" | gsub(""; "-")  ⇒  "-a-b-c"
    .text | [match("a").offset]  ⇒  [8]
    "a1b2" | [scan("[0-9]")]  ⇒  ["1","2"]
    "aXbX" | gsub("x"; "y"; "i")  ⇒  "ayby"
    "abcabc" | index("c")  ⇒  2
    "abc" | indices("")  ⇒  []
    "abcabc" | rindex("c")  ⇒  5
    [1,2,1] | indices(1)  ⇒  [0,2]
    [[1,2],[3]] | [combinations]  ⇒  [[1,3],[2,3]]
    [0,1] | [combinations(2)] | length  ⇒  4
    [{"a":1,"b":[2]} | tostream] | fromstream(.[])  ⇒  {"a":1,"b":[2]}
    {"a":[1,2]} | walk(if type == "number" then . + 1 else . end)  ⇒  {"a":[2,3]}
    [3,1,2] | sort  ⇒  [1,2,3]
    .items | group_by(.tags | length) | length  ⇒  2
    .items | max_by(.id) | .id  ⇒  2
    [1,1,2] | unique  ⇒  [1,2]
    1425599507 | todate  ⇒  "2015-03-05T23:51:47Z"
    "2015-03-05T23:51:47Z" | fromdate  ⇒  1425599507
    getpath(["a","b",1])  ⇒  20
    [1,[2]] | flatten  ⇒  [1,2]
    .a.b as [$first] | {first: $first}  ⇒  {"first":10}
    $__v | .  ⇒  an error
    .a.["b"].[0]  ⇒  10
    nan | isnan  ⇒  true
    [nan]  ⇒  [null]
    infinite  ⇒  1.7976931348623157e+308
    1e2  ⇒  1e2
    .5  ⇒  0.5
    1.  ⇒  1
    007  ⇒  7
    .e0  ⇒  null
    {"a b":1}."a b"  ⇒  1
    [.["a","name"]?] | length  ⇒  2
    [{"a":1,"b":2} | (.a,.b) = 9] | .[0]  ⇒  {"a":9,"b":9}
    [1,2,3] | IN(.[]; 2)  ⇒  true
    [.a.b[] | IN(10, 30)]  ⇒  [true,false,true]
    "x" as $x | "a" | . + $x  ⇒  "ax"
    try error({code: 5}) catch .code  ⇒  5
    [.items[] as {id: $i, tags: [$t]} | [$i, $t]]  ⇒  [[1,"x"],[2,null]]
    . as [] ?// {name: $n} | $n  ⇒  an error
    .count as $a | .price as $b | $a + $b  ⇒  4.5
    """#

  /// What the jq manual says, by this engine and by libjq.
  @Test(arguments: Table.rows(of: table))
  func givesWhatJqGives(source: String, expected: String) throws {
    switch expected {
    case "an error": #expect(throws: ExpressionError.self) { try evaluate(source, Self.data) }
    case ".": #expect(try evaluate(source, Self.data) == Self.data)
    default:
      let result = try evaluate(source, Self.data)
      let wanted = try JSON.parse(expected)
      #expect(result.hasSameValue(as: wanted), "\(result)")
      let library = try Expression(source, variables: []).program.evaluateByLibrary(Self.data) { _ in nil }
      #expect(library.hasSameValue(as: wanted), "libjq: \(library)")
    }
  }

  /// libjq 1.6 by itself would catch these errors; jq's manual, and its later versions, do not.
  @Test(arguments: [
    "(try 1 catch 2) | error(\"late\")", "(try 1) | error(\"late\")", "(1 | first(.))? | error(\"late\")",
    "(try .a catch 0) as $x | error(\"late\")", "[(try 1) | error(\"late\")]", "{a: (try 1)} | error(\"late\")",
    ".a = (try 1 catch 2) | error(\"late\")", "def f: 1; (try f) | error(\"late\")",
  ])
  func tryCatchesOnlyWhatIsInside(source: String) throws {
    let error = #expect(throws: ExpressionError.self) { try evaluate(source, ["a": 1]) }
    #expect(error?.message.hasPrefix("late") == true)
  }

  @Test func tryKeepsValuesAndPaths() throws {
    #expect(try evaluate("[try (1, error(\"x\")) catch .]") == [1, "x"])
    #expect(try evaluate("[label $out | try (1, break $out, 2)]") == [1])
    #expect(try evaluate("[.[] | try tonumber catch \"no\"]", ["1", "x"]) == [1, "no"])
    #expect(try evaluate("(try .a catch .b) = 1", [:]) == ["a": 1])
    #expect(try evaluate("[path((.a)?)]", [:]) == [["a"]])
    #expect(try evaluate("def f: (.a)?; f |= 2", [:]) == ["a": 2])
    #expect(try evaluate("def f(p): p = 3; f(try .a)", [:]) == ["a": 3])
    #expect(try evaluate("try error(\"a\") catch (try error(\"b\") catch .)") == "b")
  }

  @Test func variablesAreWhatTheCallerSays() throws {
    let variables: [String: JSON] = ["context": ["n": 2], "input": [1, 2], "item": "x"]
    #expect(try evaluate("$context.n", nil, variables) == 2)
    #expect(try evaluate("[$input[] * $context.n]", nil, variables) == [2, 4])
    #expect(try evaluate("$item as $item | $item + $item", nil, variables) == "xx")
    #expect(try evaluate("def f($item): $item; f(1) as $x | [$x, $item]", nil, variables) == [1, "x"])
    #expect(try evaluate(#""\($item)-\($context.n)""#, nil, variables) == "x-2")
    let expression = try Expression("$context.n as $input | $input", variables: Set(variables.keys))
    #expect(expression.usedVariables == ["context"])
  }

  @Test func aVariableWithoutAValueIsNull() throws {
    let expression = try Expression("[$error, ($error | not)]", variables: ["error"])
    #expect(try expression.evaluate(nil) { _ in nil } == [nil, true])
  }

  @Test(arguments: [
    ("true", true), ("0", true), ("\"\"", true), ("false", false), ("null", false),
    (".x", false),
  ])
  func truthIsThatOfJq(source: String, expected: Bool) throws {
    #expect(try Expression(source, variables: []).isTrue([:]) { _ in nil } == expected)
  }

  @Test func exactlyOneValue() throws {
    for source in ["empty", ".[]", ".a?", "1, 2", "range(3)", "[] | .[]", "select(.a)"] {
      let error = #expect(throws: ExpressionError.self) { try evaluate(source, [1, 2]) }
      #expect(error?.code == .count || error?.code == .evaluation, "\(source): \(String(describing: error))")
    }
    #expect(try evaluate("empty // null") == nil)
    #expect(try evaluate("first(.[])", [1, 2]) == 1)
  }

  @Test func errorsHaveJqsOwnWordsAndAPlace() throws {
    let location = SourceLocation(file: "a.yaml", line: 3, column: 9)
    let expression = try Expression(".a.b", variables: [], location: location)
    let error = #expect(throws: ExpressionError.self) { try expression.evaluate(["a": 1]) { _ in nil } }
    #expect(error?.code == .evaluation)
    #expect(error?.message.contains("Cannot index number with string \"b\"") == true)
    #expect(error?.description.hasPrefix("a.yaml:3:9: ") == true)
  }

  @Test func severalThreadsShareOneProgram() async throws {
    let expression = try Expression("[.[] | . * 2] | add", variables: [])
    try await withThrowingTaskGroup(of: JSON.self) { group in
      for number in 0..<200 {
        group.addTask { try expression.evaluate([.number(JSONNumber(number)), 1]) { _ in nil } }
      }
      var sum = 0
      for try await value in group { sum += value.int ?? 0 }
      #expect(sum == (0..<200).reduce(0) { $0 + 2 * $1 + 2 })
    }
  }

  @Test(arguments: [
    ("${ .a }", ".a"), ("${.a}", ".a"), ("  ${ .a }\n", ".a"), ("${ {a: 1} }", "{a: 1}"), ("${}", ""),
    ("a ${ .a }", nil), ("${ .a } b", nil), ("{ .a }", nil), ("$ { .a }", nil), (".a", nil), ("${ .a", nil),
  ])
  func onlyAWholeStringIsAnExpression(text: String, source: String?) {
    #expect(Expression.source(of: text).map { String($0).trimmed } == source)
  }
}

extension String {
  fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
