import Synchronization
import Testing

/// All that the standard's conformance kit asks for. docs/workflow-language.md lists the scenarios.
@Suite struct ConformanceTests {
  @Test(CountingCases(Scenario.all.count), arguments: Scenario.all)
  func behavesAsTheStandardSays(_ scenario: Scenario) async throws { try await scenario.check() }

  @Test func everyScenarioOfTheKitIsHere() {
    let sizes = Dictionary(grouping: Scenario.all, by: \.feature).mapValues(\.count)
    for feature in Scenario.Feature.allCases { #expect(sizes[feature] == feature.size, "\(feature)") }
    #expect(Scenario.all.count == 21)
    #expect(Set(Scenario.all.map(\.testDescription)).count == 21)
  }
}

/// Says how many cases of a parameterised test ran, and that it was every one.
struct CountingCases: TestTrait, TestScoping {
  private final class Counter: Sendable {
    let count = Mutex(0)
  }

  private let expected: Int
  private let counter = Counter()

  init(_ expected: Int) { self.expected = expected }

  func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { self }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await function()
    guard testCase == nil else { return counter.count.withLock { $0 += 1 } }
    let ran = counter.count.withLock { $0 }
    print("conformance: \(ran) of \(expected) scenarios ran")
    #expect(ran == expected)
  }
}
