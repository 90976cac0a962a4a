import Values
import Workflow

/// An event of the type that an instance waits for, and why the instance did not get it. Pure.
public struct NearMiss: Sendable, Hashable {
  /// What was seen of an event.
  public struct Sighting: Sendable, Hashable {
    public let id: String
    public let source: String
    /// The CloudEvents JSON form.
    public let event: JSON
    public let at: Timestamp
    public let fate: Fate

    public init(id: String, source: String, event: JSON, at: Timestamp, fate: Fate) {
      self.id = id
      self.source = source
      self.event = event
      self.at = at
      self.fate = fate
    }
  }

  public enum Fate: Sendable, Hashable {
    /// It is kept for whoever comes to wait for it.
    case kept
    case consumed
    /// It became a dead letter.
    case deadLetter(reason: String)
  }

  public enum Mismatch: Sendable, Hashable {
    case attribute(name: String, is: JSON, wanted: JSON)
    /// The attribute's expression did not agree with it.
    case expression(attribute: String, source: String)
    case correlation(name: String, is: JSON?, wanted: JSON)
    /// It has nothing to correlate by.
    case nothingToCorrelate(name: String)
    case consumed
    case deadLetter(reason: String)
  }

  public let id: String
  public let source: String
  public let at: Timestamp
  /// Empty when it matches: then it is on its way.
  public let mismatches: [Mismatch]

  /// - Parameter expected: the values that correlate, as far as they are known.
  public init(_ sighting: Sighting, filter: EventFilter, expected: JSONObject) {
    id = sighting.id
    source = sighting.source
    at = sighting.at
    var mismatches = Self.attributes(sighting.event, filter) + Self.correlations(sighting.event, filter, expected)
    switch sighting.fate {
    case .kept: break
    case .consumed: mismatches.append(.consumed)
    case .deadLetter(let reason): mismatches.append(.deadLetter(reason: reason))
    }
    self.mismatches = mismatches
  }

  /// The nearest ones: of those that miss least, the newest first.
  public static func nearest(
    _ sightings: [Sighting], filter: EventFilter, expected: JSONObject, limit: Int = 3
  ) -> [NearMiss] {
    let misses = sightings.map { NearMiss($0, filter: filter, expected: expected) }
    return Array(misses.sorted { ($0.mismatches.count, $1.at) < ($1.mismatches.count, $0.at) }.prefix(limit))
  }

  private static func attributes(_ event: JSON, _ filter: EventFilter) -> [Mismatch] {
    filter.attributes.compactMap { attribute in
      let value = event[attribute.name] ?? .null
      switch attribute.test {
      case .equals(let wanted):
        return value.hasSameValue(as: wanted) ? nil : .attribute(name: attribute.name, is: value, wanted: wanted)
      case .expression(let expression):
        // What the expression takes from the instance is not known here: it is given the benefit of the doubt.
        guard let result = try? expression.evaluate(value, variables: { _ in nil }) else { return nil }
        let agrees = if case .bool(let agrees) = result { agrees } else { result.hasSameValue(as: value) }
        return agrees ? nil : .expression(attribute: attribute.name, source: expression.source)
      }
    }
  }

  private static func correlations(_ event: JSON, _ filter: EventFilter, _ expected: JSONObject) -> [Mismatch] {
    filter.correlations.compactMap { correlation in
      let value = try? correlation.from.evaluate(event, variables: { _ in nil })
      guard let wanted = expected[correlation.name] else {
        return value == nil || value == .null ? .nothingToCorrelate(name: correlation.name) : nil
      }
      guard let value, value.hasSameValue(as: wanted) else {
        return .correlation(name: correlation.name, is: value, wanted: wanted)
      }
      return nil
    }
  }
}
