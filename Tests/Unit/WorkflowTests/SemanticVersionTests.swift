import Testing

@testable import Workflow

struct SemanticVersionTests {
  /// The order of semver.org, section 11, and beyond.
  private static let ordered = [
    "0.0.0", "0.0.1", "0.9.0", "1.0.0-0", "1.0.0-1", "1.0.0-11", "1.0.0--", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+a", "1.0.0+b",
    "1.0.1", "1.9.0", "1.10.0", "2.0.0", "99999999999999999999.0.0", "100000000000000000000.0.0",
  ]

  @Test func theOrderIsThatOfTheStandard() throws {
    let versions = Self.ordered.compactMap { SemanticVersion($0) }
    #expect(versions.count == Self.ordered.count)
    #expect(versions.shuffled().sorted().map(\.description) == Self.ordered)
    for (index, version) in versions.enumerated() {
      for (other, otherVersion) in versions.enumerated() {
        #expect((version < otherVersion) == (index < other))
        #expect((version == otherVersion) == (index == other))
      }
    }
  }

  @Test(arguments: [
    "", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.00.0", "1.0.x", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+",
    "1.0.0+a+b", "1.0.0-é", " 1.0.0", "1.0.0 ", "-1.0.0", "1.-0.0", "１.0.0", "1.0.0-a_b",
  ])
  func whatIsNoVersion(text: String) {
    #expect(SemanticVersion(text) == nil)
  }

  @Test(arguments: ["1.0.0-01a", "1.0.0+001", "1.0.0-a-b.c--d+e.0f"])
  func whatIsOne(text: String) {
    #expect(SemanticVersion(text)?.description == text)
  }
}
