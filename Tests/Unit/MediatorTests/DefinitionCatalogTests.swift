import Testing
import Values
import Workflow

@testable import Mediator

@Suite struct DefinitionCatalogTests {
  private func triggered(_ catalog: DefinitionCatalog, type: String = "go", data: JSON = [:]) -> [Int32] {
    let event: JSON = ["type": .string(type), "source": "/tests", "id": "1", "data": data]
    return catalog.triggered(by: event, type: type).entries.map(\.number)
  }

  /// By semantic version, not by the order of deployment, nor as text.
  @Test func theLatestVersionIsStarted() throws {
    for order in [["1.2.0", "1.10.0", "1.9.9"], ["1.10.0", "1.9.9", "1.2.0"], ["1.9.9", "1.2.0", "1.10.0"]] {
      let entries = try order.enumerated().map { try entry(Int32($0.offset + 1), noCall, version: $0.element) }
      let latest = try #require(order.firstIndex(of: "1.10.0")) + 1
      #expect(triggered(DefinitionCatalog(entries)) == [Int32(latest)])
    }
  }

  @Test func aReleaseComesAfterItsPreReleases() throws {
    let catalog = DefinitionCatalog([
      try entry(1, noCall, version: "2.0.0"), try entry(2, noCall, version: "2.0.0-rc.1"),
      try entry(3, noCall, version: "1.9.0"),
    ])
    #expect(triggered(catalog) == [1])
  }

  /// Instances are pinned to their version, whatever was deployed since.
  @Test func everyVersionCanBeFound() throws {
    let catalog = DefinitionCatalog([try entry(7, noCall, version: "1.0.0"), try entry(9, oneCall, version: "2.0.0")])
    #expect(catalog[7]?.source == "/workflows/tests/example/1.0.0")
    #expect(catalog[9]?.source == "/workflows/tests/example/2.0.0")
    #expect(catalog[8] == nil)
    #expect(catalog.count == 2)
    #expect(catalog.all.map(\.number) == [7, 9])
    #expect(catalog.channels == ["oracle"])
  }

  @Test func aNewVersionMayWantOtherEvents() throws {
    let other = noCall.replacing("type: go", with: "type: walk")
    let catalog = DefinitionCatalog([try entry(1, noCall, version: "1.0.0"), try entry(2, other, version: "1.1.0")])
    #expect(triggered(catalog) == [])
    #expect(triggered(catalog, type: "walk") == [2])
  }

  @Test func aNewVersionMayWantNoEvents() throws {
    let silent = "do: [{answer: {set: {answer: 42}}}]"
    let catalog = DefinitionCatalog([try entry(1, noCall, version: "1.0.0"), try entry(2, silent, version: "1.1.0")])
    #expect(triggered(catalog) == [])
  }

  /// Events go back to the version before; what runs, and whoever names the version, has it still.
  @Test func aRetiredVersionIsStartedNoMore() throws {
    let entries = [try entry(1, noCall, version: "1.0.0"), try entry(2, noCall, version: "2.0.0")]
    let one = DefinitionCatalog(entries, newest: 3, retired: [2])
    #expect(triggered(one) == [1])
    #expect(one.latest(of: "tests/example")?.number == 1)
    #expect(one.entry("tests/example", version: "latest")?.number == 1)
    #expect(one.entry("tests/example", version: "2.0.0")?.number == 2)
    #expect(one[2] != nil)
    let none = DefinitionCatalog(entries, newest: 4, retired: [1, 2])
    #expect(triggered(none) == [])
    #expect(none.latest(of: "tests/example") == nil)
    #expect(none.latest.isEmpty)
    // Its parents end as they began.
    #expect(none.entry("tests/example", version: "latest")?.number == 2)
    #expect(none.retired([1: false, 2: true]) == [2])
    #expect(triggered(DefinitionCatalog(entries, newest: 5, retired: none.retired([1: false]))) == [1])
  }

  @Test func filtersWithoutALiteralTypeAreAsked() throws {
    func filtered(_ filter: String) -> String {
      "schedule: {on: {one: {with: \(filter)}}}\ndo: [{answer: {set: {answer: 42}}}]"
    }
    let catalog = DefinitionCatalog([
      try entry(1, filtered("{type: go}"), name: "literal"),
      try entry(2, filtered("{type: \"${ startswith(\\\"g\\\") }\"}"), name: "expression"),
      try entry(3, filtered("{source: /tests}"), name: "source"),
      try entry(4, filtered("{type: go, data: \"${ .n > 5 }\"}"), name: "data"),
      try entry(5, filtered("{source: /elsewhere}"), name: "elsewhere"),
    ])
    #expect(triggered(catalog).sorted() == [1, 2, 3])
    #expect(triggered(catalog, data: ["n": 6]).sorted() == [1, 2, 3, 4])
    #expect(triggered(catalog, type: "get").sorted() == [2, 3])
    #expect(triggered(catalog, type: "walk").sorted() == [3])
  }

  @Test func aFilterThatFailsDoesNotKeepOthersFromStarting() throws {
    let failing = """
      schedule: {on: {one: {with: {type: go, data: "${ .amount + 1 > 0 }"}}}}
      do: [{answer: {set: {answer: 42}}}]
      """
    let catalog = DefinitionCatalog([try entry(1, failing, name: "failing"), try entry(2, noCall, name: "sound")])
    let event: JSON = ["type": "go", "data": ["amount": [:]]]
    let result = catalog.triggered(by: event, type: "go")
    #expect(result.entries.map(\.number) == [2])
    #expect(result.failures.count == 1)
    #expect(result.failures.first?.contains("tests/failing") == true)
  }

  @Test func anEmptyCatalogStartsNothing() {
    #expect(triggered(DefinitionCatalog()) == [])
    #expect(DefinitionCatalog().all.isEmpty)
  }
}
