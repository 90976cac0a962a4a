import Testing
import Values

@Suite("JSON: numbers")
struct JSONNumberTests {
  @Test(arguments: [
    ("0", 0), ("-0", 0), ("-0.0e5", 0), ("42", 42), ("-42", -42), ("3.0", 3), ("3e0", 3), ("0.3e1", 3),
    ("120e-1", 12),
    ("1E+3", 1_000), ("9007199254740993", 9_007_199_254_740_993), ("9223372036854775807", Int.max),
    ("-9223372036854775808", Int.min), ("-9.223372036854775808e18", Int.min),
    ("9.223372036854775807e18", Int.max),
    ("0e99999999999999999999", 0),
  ])
  func wholeNumbers(text: String, value: Int) { #expect(JSONNumber(text: text)?.int == value) }

  @Test(arguments: [
    "0.5", "3.14", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1e400",
    "1e99999999999999999999",
    "1e-99999999999999999999", "9.2233720368547758070001e18",
  ])
  func notWholeNumbersThatFit(text: String) throws { #expect(try #require(JSONNumber(text: text)).int == nil) }

  @Test(arguments: ["", " 1", "1 ", "01", "+1", ".5", "1.", "1e", "NaN", "0x1", "1_000", "１", "--1", "1e1.5"])
  func textsThatAreNoNumbers(text: String) { #expect(JSONNumber(text: text) == nil) }

  @Test(arguments: [
    (1.0 as Double, "1"), (-0.0, "-0"), (0.1, "0.1"), (1.5, "1.5"), (100, "100"),
    (.leastNonzeroMagnitude, "5e-324"),
    (Double.infinity, "1.7976931348623157e+308"), (-Double.infinity, "-1.7976931348623157e+308"),
    (Double.nan, "0"),
  ])
  func doublesAreWrittenShortest(value: Double, text: String) {
    #expect(JSONNumber(value).text == text)
    #expect(JSONNumber(text: text) != nil)
  }

  @Test func everyDoubleSurvives() {
    var random = Generator(seed: 1)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let number = JSONNumber(value)
      if number.double != value || JSONNumber(text: number.text) != number || !number.isExactDouble {
        Issue.record("\(value) became \(number.text)")
      }
    }
  }

  @Test(arguments: [
    ("0.1", true), ("1e3", true), ("1.000", true), ("9007199254740992", true), ("9007199254740993", false),
    ("0.1000000000000000055511151231257827", false), ("1e308", true), ("1e309", false), ("1e-400", false),
    ("0e-400", true),
    ("123456789012345678", false), ("100000000000000000000000", true), ("1e99999999999999999999", false),
  ])
  func knowsWhatADoubleCanHold(text: String, exact: Bool) {
    #expect(JSONNumber(text: text)?.isExactDouble == exact)
  }

  @Test(arguments: [
    ("1", "1.0", true), ("1", "10e-1", true), ("0", "-0.0", true), ("1e3", "1000", true), ("1", "-1", false),
    ("0.10", "0.1", true), ("9007199254740992", "9007199254740993", false), ("1e400", "10e399", true),
    ("1e99999999999999999999", "1e99999999999999999998", false),
    (
      "1e99999999999999999999",
      "1e99999999999999999999", true
    ),
  ])
  func comparesWhatNumbersMean(left: String, right: String, same: Bool) throws {
    let (left, right) = try (#require(JSONNumber(text: left)), #require(JSONNumber(text: right)))
    #expect(left.hasSameValue(as: right) == same)
    #expect(right.hasSameValue(as: left) == same)
  }

  @Test func equalityIsOfTheText() {
    #expect(JSON.number(JSONNumber(1)) == 1)
    #expect(JSONNumber(text: "1.0") != JSONNumber(1))
    #expect(JSONNumber(text: "1e400")?.double == .infinity)
  }
}
