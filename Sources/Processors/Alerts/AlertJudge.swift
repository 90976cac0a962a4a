import Values
import Wire

/// One reading of an equipment.
public struct AlertReading: Sendable, Hashable {
  let equipment: String
  let values: JSON
  /// nil: readings are taken in the order in which they come.
  let position: ReadingPosition?
}

/// Where a reading stands among those of its equipment.
struct ReadingPosition: Sendable, Hashable, Comparable {
  let time: Timestamp
  let sequence: Int64

  static func < (left: ReadingPosition, right: ReadingPosition) -> Bool {
    (left.time, left.sequence) < (right.time, right.sequence)
  }
}

/// What is known of an equipment.
struct EquipmentState: Sendable, Hashable {
  /// Of the newest reading.
  var position: ReadingPosition?
  /// The rules whose alert is raised.
  var raised: Set<String> = []
}

struct AlertTransition: Sendable, Hashable {
  let rule: String
  let isRaised: Bool
  let value: JSON
  /// The bound that was crossed.
  let threshold: JSON
  let severity: String
  let message: String

  var state: String { isRaised ? "raised" : "cleared" }

  var json: JSON {
    [
      "rule": .string(rule), "state": .string(state), "value": value, "threshold": threshold,
      "severity": .string(severity), "message": .string(message),
    ]
  }
}

/// Judges readings by rules. Pure.
struct AlertJudge: Sendable {
  let rules: [AlertRule]
  private let messages: [(raised: Placeholders, cleared: Placeholders)]

  init(rules: [AlertRule]) {
    self.rules = rules
    messages = rules.map { (Placeholders($0.message), Placeholders($0.clearedMessage)) }
  }

  /// A reading that is older than the newest known of its equipment changes nothing: it tells how things were, and an
  /// alert is about how they are.
  func judge(_ reading: AlertReading, _ state: inout EquipmentState) -> [AlertTransition] {
    if let position = reading.position {
      if let newest = state.position, position < newest { return [] }
      state.position = position
    }
    var transitions: [AlertTransition] = []
    for (rule, messages) in zip(rules, messages) {
      let value = reading.values.value(at: rule.field)
      guard let value, let (raises, threshold) = rule.transition(value, isRaised: state.raised.contains(rule.name))
      else { continue }
      if raises { state.raised.insert(rule.name) } else { state.raised.remove(rule.name) }
      let message = (raises ? messages.raised : messages.cleared).fill { name in
        switch name {
        case "equipment": .string(reading.equipment)
        case "value": value
        case "threshold": threshold
        case "rule": .string(rule.name)
        case "severity": .string(rule.severity)
        case "time": reading.position.map { .string($0.time.rfc3339) }
        default:
          name.hasPrefix("values.")
            ? reading.values.value(at: name.dropFirst(7).split(separator: ".").map(String.init)) : nil
        }
      }
      transitions.append(
        AlertTransition(
          rule: rule.name, isRaised: raises, value: value, threshold: threshold, severity: rule.severity,
          // Postgres stores no U+0000 in a text.
          message: message.replacing("\0", with: "\u{FFFD}")))
    }
    return transitions
  }

  /// The task's output. With several transitions a raised alert outweighs a cleared one.
  static func output(_ transitions: [AlertTransition]) -> JSON {
    let state = transitions.contains(where: \.isRaised) ? "raised" : transitions.isEmpty ? "none" : "cleared"
    return ["state": .string(state), "transitions": .array(transitions.map(\.json))]
  }

  /// Reads `with: {equipment, values, time, sequence}`.
  func read(_ data: JSON) -> Validated<AlertReading> {
    guard case .object(let members) = data else {
      return .refused(.invalid(400, "with must be an object {equipment, values, time}"))
    }
    if let other = members.first(where: { !["equipment", "values", "time", "sequence"].contains($0.key) }) {
      return .refused(
        .invalid(400, "with has a member '\(other.key)'; equipment, values, time and sequence are understood"))
    }
    guard let equipment = members["equipment"]?.string, !equipment.isEmpty, !equipment.utf8.contains(0) else {
      return .refused(.invalid(400, "with.equipment must be a text that is not empty and has no U+0000"))
    }
    guard let values = members["values"], case .object = values else {
      return .refused(.invalid(400, "with.values must be an object"))
    }
    for rule in rules {
      if let complaint = rule.complaint(about: values.value(at: rule.field)) {
        return .refused(.invalid(422, complaint))
      }
    }
    let sequence = members["sequence"] ?? .null
    guard sequence.isNull || sequence.int != nil else {
      return .refused(.invalid(422, "with.sequence must be a whole number"))
    }
    var position: ReadingPosition?
    if let time = members["time"], !time.isNull {
      guard let moment = time.string.flatMap({ Timestamp(rfc3339: $0) }) else {
        return .refused(.invalid(422, "with.time must be a time like 2024-02-29T12:34:56Z"))
      }
      position = ReadingPosition(time: moment, sequence: Int64(sequence.int ?? 0))
    }
    return .work(AlertReading(equipment: equipment, values: values, position: position))
  }
}
