import Testing
import Values

@testable import Workflow

/// One expression against one input, both ways: as it is evaluated, and by libjq alone.
func evaluate(_ source: String, _ data: JSON = nil, _ variables: [String: JSON] = [:]) throws(ExpressionError) -> JSON {
  let expression = try Expression(source, variables: Set(variables.keys))
  return try expression.evaluate(data) { variables[$0] }
}

/// The error an expression is refused with.
func refusal(_ source: String, variables: Set<String> = []) -> JQProblem? {
  do throws(JQProblem) {
    _ = try JQParser.parse(source, variables: variables)
    return nil
  } catch {
    return error
  }
}

/// The same numbers for the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }
}

/// Test cases as text: many of them as Swift literals would take a minute to compile.
enum Table {
  static func lines(of text: String) -> [String] { text.split(separator: "\n").map(String.init) }

  /// Lines of the form `left  ⇒  right`.
  static func rows(of text: String) -> [(String, String)] {
    lines(of: text).map { line in
      let parts = line.split(separator: "  ⇒  ", maxSplits: 1).map(String.init)
      return (parts[0], parts.count > 1 ? parts[1] : "")
    }
  }
}
