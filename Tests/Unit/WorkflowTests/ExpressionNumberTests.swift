import Testing
import Values

@testable import Workflow

/// libjq calculates in doubles. A number passes through unaltered, or is refused.
struct ExpressionNumberTests {
  private let data: JSON = .object([
    "id": .number(JSONNumber(text: "9007199254740993") ?? JSONNumber(0)),
    "precise": .number(JSONNumber(text: "0.12345678901234567890123") ?? JSONNumber(0)),
    "huge": .number(JSONNumber(text: "1e400") ?? JSONNumber(0)),
    "fine": .number(JSONNumber(text: "1.50") ?? JSONNumber(0)),
    "list": [1, 2],
  ])

  @Test(arguments: [
    (".id", "9007199254740993"), ("[.precise, .huge]", "[0.12345678901234567890123,1e400]"),
    ("{n: .id}", #"{"n":9007199254740993}"#), (".missing // .id", "9007199254740993"), (".fine", "1.50"),
    ("if .id then .huge else 0 end", "1e400"), (".id as $x | [$x]", "[9007199254740993]"),
    ("9007199254740993", "9007199254740993"),
  ])
  func pathsAreExact(source: String, expected: String) throws {
    #expect(try evaluate(source, data).text == expected)
  }

  @Test(arguments: [
    ".id | tonumber", "[.id, .list[]] ", ".list[0] = .id", ".huge | [., 1] | .[0] | tonumber",
    "[.precise] | first",
    #"(.list | add | tostring) + "\(.id)""#, "{(.id | tostring): 1}", ". | tojson | fromjson",
    "[range(1)] | 9007199254740993",
  ])
  func aRoundedNumberIsRefused(source: String) throws {
    let error = #expect(throws: ExpressionError.self) { try evaluate(source, data) }
    #expect(error?.code == .inexactNumber, "\(String(describing: error))")
  }

  @Test(arguments: [
    ("[.list[] | . + 1]", "[2,3]"), (".fine * 2", "3"), ("[.fine, .list[]]", "[1.5,1,2]"),
    (
      "[.list[], 0.1]",
      "[1,2,0.1]"
    ),
  ])
  func othersPassEvenWhenARoundedOneIsNear(source: String, expected: String) throws {
    #expect(try evaluate(source, data).text == expected)
  }

  @Test func comparisonsOfPathsAreExact() throws {
    let other: JSON = .object(["a": data["id"] ?? nil, "b": 9_007_199_254_740_992])
    #expect(try evaluate(".a == .b", other) == false)
    #expect(try evaluate(".a > .b", other) == true)
    #expect(try evaluate(".a == 9007199254740993", other) == true)
  }

  @Test(arguments: [
    ("1", "1.0", 0), ("1e2", "100", 0), ("-0", "0", 0), ("0.1", "0.10", 0), ("2", "10", -1), ("-2", "-10", 1),
    ("9007199254740993", "9007199254740992", 1), ("1e400", "1e400", 0), ("1e400", "1e308", 1),
    ("0.1000000000000000000001", "0.1000000000000000000001", 0),
  ])
  func numbersAreOrderedByValue(left: String, right: String, expected: Int) throws {
    let order = JQOrder.compare(try JSON.parse(left), try JSON.parse(right))
    #expect(order.map { $0.signum() } == expected)
  }

  @Test func whatCannotBeOrderedIsLeftToJq() throws {
    let left = try JSON.parse("0.10000000000000000000001")
    #expect(JQOrder.compare(left, 0.1) == nil)
  }
}
