import JSONSchema
import Testing
import Values

/// The required cases for draft 2020-12 of the public JSON-Schema-Test-Suite. Those in its folder `optional` are not
/// looked at.
@Suite("JSON Schema: public suite")
struct SuiteTests {
  /// Groups whose schema needs a document that the suite wants served over HTTP: this module reads none, and must say so.
  private static let remote: [String: Set<String>] = [
    "dynamicRef.json": [
      "strict-tree schema, guards against misspelled properties",
      "tests for implementation dynamic anchor and reference link",
      "$ref and $dynamicAnchor are independent of order - $defs first",
      "$ref and $dynamicAnchor are independent of order - $ref first",
      "$ref to $dynamicRef finds detached $dynamicAnchor",
    ],
    "refRemote.json": [
      "remote ref", "fragment within remote ref", "anchor within remote ref", "ref within remote ref",
      "base URI change", "base URI change - change folder", "base URI change - change folder in subschema",
      "root ref in remote ref", "remote ref with ref to defs", "Location-independent identifier in remote ref",
      "retrieved nested refs resolve relative to their URI not $id", "remote HTTP ref with different $id",
      "remote HTTP ref with different URN $id", "remote HTTP ref with nested absolute ref",
      "$ref to $ref finds detached $anchor",
    ],
    // Here it is `$schema` that names such a document.
    "vocabulary.json": [
      "schema that uses custom metaschema with with no validation vocabulary",
      "ignore unrecognized optional vocabulary",
    ],
  ]

  @Test func requiredCases() throws {
    let folder = try SuiteFolder()
    var tally = Tally()
    for file in folder.files {
      for group in try #require(try folder.read(file).array) {
        let name = group["description"]?.string ?? ""
        let needsRemote = Self.remote[file]?.contains(name) == true
        try run(group, "\(file), \(name)", needsRemote: needsRemote, &tally)
      }
    }
    let groups = Self.remote.map { "\($0.key) (\($0.value.count) groups)" }.sorted().joined(separator: ", ")
    print(
      "JSON-Schema-Test-Suite: \(tally.passed) passed, \(tally.failed) failed, \(tally.leftOut) left out, "
        + "which need documents from elsewhere: \(groups)")
    #expect(tally.failed == 0)
    // 1,208 at the time of writing; far fewer mean that something else was read.
    #expect(tally.passed > 1_000)
    #expect(tally.groupsLeftOut == Self.remote.values.reduce(0) { $0 + $1.count })
  }

  private struct Tally {
    var passed = 0
    var failed = 0
    var leftOut = 0
    var groupsLeftOut = 0
  }

  private func run(_ group: JSON, _ name: String, needsRemote: Bool, _ tally: inout Tally) throws {
    let document = try #require(group["schema"])
    let tests = try #require(group["tests"]?.array)
    if needsRemote {
      let error = #expect(throws: JSONSchemaError.self, "\(name)") { try JSONSchema(document) }
      #expect(error?.code == .remoteReference || error?.code == .dialect, "\(name)")
      tally.leftOut += tests.count
      tally.groupsLeftOut += 1
      return
    }
    guard let schema = try? JSONSchema(document) else {
      tally.failed += tests.count
      Issue.record("\(name): the schema is refused")
      return
    }
    for test in tests {
      let data = try #require(test["data"])
      guard let isValid = test["valid"]?.bool else {
        Issue.record("\(name): a test without a verdict")
        continue
      }
      let violations = schema.validate(data)
      if violations.isEmpty == isValid {
        tally.passed += 1
      } else {
        tally.failed += 1
        Issue.record("\(name), \(test["description"]?.string ?? ""): \(violations)")
      }
    }
  }
}
