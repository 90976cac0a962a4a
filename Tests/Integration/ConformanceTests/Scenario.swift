import Testing
import Values

/// One scenario of the standard's conformance kit (DSL 1.0.3, ctk/features), in our own words and with our own data: the
/// same constructs, and the same is asserted.
struct Scenario: Sendable, CustomTestStringConvertible {
  /// A file of the kit.
  enum Feature: String, CaseIterable, Sendable {
    case branch, call, dataFlow = "data-flow", `do`, emit, flow, `for`, raise, set, `switch`, `try`

    /// How many scenarios the kit's file has.
    var size: Int {
      switch self {
      case .call: 5
      case .dataFlow, .switch: 3
      case .flow, .try: 2
      case .branch, .do, .emit, .for, .raise, .set: 1
      }
    }
  }

  enum Expectation: Sendable {
    case completes
    case completesWith(JSON)
    case has([String])
    case value(JSON, at: String)
    case items(Int, at: String)
    case faults
    /// With these members at least.
    case faultsWith(JSONObject)
    case first(String)
    case last(String)
    case after(String, String)
  }

  let feature: Feature
  let title: String
  /// What follows `document`. `PETS` and `LOGIN` stand for the origins of the two servers.
  let definition: String
  let input: JSON
  let expected: [Expectation]

  init(_ feature: Feature, _ title: String, _ definition: String, input: JSON = [:], _ expected: [Expectation]) {
    self.feature = feature
    self.title = title
    self.definition = definition
    self.input = input
    self.expected = expected
  }

  var testDescription: String { "\(feature.rawValue): \(title)" }

  static let all = order + choices + data + calls + errors
}
