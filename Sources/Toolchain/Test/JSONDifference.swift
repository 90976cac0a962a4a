import Values
import Workflow

/// One place where a value is not as it was expected.
public struct JSONDifference: Sendable, Hashable {
  /// JSON pointer; empty for the whole value.
  public let pointer: String
  /// Nil: nothing was expected there.
  public let expected: JSON?
  /// Nil: there is nothing.
  public let actual: JSON?

  /// What differs, as deep inside as possible. Numbers are compared by value (`1` and `1.0` are one).
  ///
  /// - Parameter isPartial: whether objects may have members that are not expected, at any depth.
  public static func between(
    expected: JSON, actual: JSON, isPartial: Bool = false, at pointer: String = ""
  ) -> [JSONDifference] {
    switch (expected, actual) {
    case (.object(let wanted), .object(let found)):
      var differences: [JSONDifference] = []
      for (key, value) in wanted {
        let place = "\(pointer)/\(MemberChange.escaped(key))"
        if let other = found[key] {
          differences += between(expected: value, actual: other, isPartial: isPartial, at: place)
        } else {
          differences.append(JSONDifference(pointer: place, expected: value, actual: nil))
        }
      }
      for (key, value) in found where !isPartial && wanted[key] == nil {
        differences.append(
          JSONDifference(pointer: "\(pointer)/\(MemberChange.escaped(key))", expected: nil, actual: value))
      }
      return differences
    case (.array(let wanted), .array(let found)):
      var differences: [JSONDifference] = []
      for place in 0..<max(wanted.count, found.count) {
        let inside = "\(pointer)/\(place)"
        if place < wanted.count, place < found.count {
          differences += between(expected: wanted[place], actual: found[place], isPartial: isPartial, at: inside)
        } else {
          differences.append(
            JSONDifference(
              pointer: inside, expected: place < wanted.count ? wanted[place] : nil,
              actual: place < found.count ? found[place] : nil))
        }
      }
      return differences
    default:
      if expected.hasSameValue(as: actual) { return [] }
      return [JSONDifference(pointer: pointer, expected: expected, actual: actual)]
    }
  }

  /// `/a/b: expected 1, got 2`
  public var text: String {
    let place = pointer.isEmpty ? "" : "\(pointer): "
    return switch (expected, actual) {
    case (let expected?, let actual?): "\(place)expected \(expected.text), got \(actual.text)"
    case (let expected?, nil): "\(place)expected \(expected.text), got nothing"
    case (nil, let actual): "\(place)not expected: \(actual?.text ?? "nothing")"
    }
  }
}
