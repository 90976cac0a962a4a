import Testing

@testable import Workflow

struct SuggestionTests {
  @Test(arguments: [
    ("", "", 0), ("a", "", 1), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "acb", 1), ("abc", "ab", 1),
    ("kitten", "sitting", 3),
    ("ca", "abc", 3),
  ])
  func distances(left: String, right: String, distance: Int) {
    #expect(Suggestion.editDistance(left, right) == distance)
    #expect(Suggestion.editDistance(right, left) == distance)
  }

  @Test(arguments: [
    ("documnet", "document"), ("Document", "document"), ("outptu", "output"), ("x", nil), ("banana", nil),
    ("iff", "if"), ("", nil), (String(repeating: "a", count: 10_000), nil),
  ])
  func closest(name: String, expected: String?) {
    #expect(Suggestion.closest(to: name, among: ["document", "input", "output", "if"]) == expected)
  }
}
