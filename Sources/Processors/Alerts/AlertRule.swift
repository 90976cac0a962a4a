import Values

/// When an alert is raised, and when it is cleared.
public struct AlertRule: Sendable, Hashable {
  public enum Condition: Sendable, Hashable {
    /// Raised above the threshold, cleared at or below the bound.
    case above(JSONNumber, clear: JSONNumber)
    /// Raised below the threshold, cleared at or above the bound.
    case below(JSONNumber, clear: JSONNumber)
    /// Raised while the value is this one, cleared when it is another.
    case equals(JSON)
  }

  public let name: String
  /// Member names that lead to the value within `values`.
  public let field: [String]
  public let condition: Condition
  /// A word such as `warning`; only passed on.
  public let severity: String
  /// With `{equipment}`, `{value}`, `{threshold}`, `{rule}`, `{severity}`, `{time}` and `{values.…}`.
  public let message: String
  public let clearedMessage: String

  /// - Throws: `configuration` when the bound for clearing lies on the wrong side of the threshold.
  public init(
    name: String, field: String, condition: Condition, severity: String = "warning", message: String? = nil,
    clearedMessage: String? = nil
  ) throws(ProcessorError) {
    self.name = name
    self.field = field.split(separator: ".").map(String.init)
    self.condition = condition
    self.severity = severity
    self.message = message ?? "{equipment}: \(field) is {value} ({rule})"
    self.clearedMessage = clearedMessage ?? "{equipment}: \(field) is {value} again ({rule} cleared)"
    guard !name.isEmpty, !self.field.isEmpty else {
      throw ProcessorError(.configuration, "an alert rule needs a name and a field")
    }
    switch condition {
    case .above(let threshold, let clear) where clear.double > threshold.double:
      throw ProcessorError(.configuration, "alert rule '\(name)': clear must not lie above the threshold")
    case .below(let threshold, let clear) where clear.double < threshold.double:
      throw ProcessorError(.configuration, "alert rule '\(name)': clear must not lie below the threshold")
    default: break
    }
  }

  /// What a configuration without rules gets: a job that is nearly done, and an equipment that stands still.
  public static let builtIn: [AlertRule] = {
    let rules: [AlertRule?] = [
      try? AlertRule(
        name: "job-nearly-finished", field: "jobPercentFinished",
        condition: .above(JSONNumber(95), clear: JSONNumber(50)),
        severity: "info", message: "{equipment}: the job is at {value} %",
        clearedMessage: "{equipment}: a new job is at {value} %"),
      try? AlertRule(
        name: "not-producing", field: "producing", condition: .equals(false), severity: "warning",
        message: "{equipment} has stopped producing", clearedMessage: "{equipment} is producing again"),
    ]
    return rules.compactMap { $0 }
  }()

  /// What the value does to a rule in this state; nil: nothing, or the value says nothing about it.
  func transition(_ value: JSON?, isRaised: Bool) -> (raises: Bool, threshold: JSON)? {
    guard let value, !value.isNull else { return nil }
    switch condition {
    case .above(let threshold, let clear):
      guard let number = value.double else { return nil }
      if !isRaised { return number > threshold.double ? (true, .number(threshold)) : nil }
      return number <= clear.double ? (false, .number(clear)) : nil
    case .below(let threshold, let clear):
      guard let number = value.double else { return nil }
      if !isRaised { return number < threshold.double ? (true, .number(threshold)) : nil }
      return number >= clear.double ? (false, .number(clear)) : nil
    case .equals(let expected):
      let isEqual = Self.isSame(value, expected)
      return isEqual == isRaised ? nil : (isEqual, expected)
    }
  }

  /// nil: it can be judged.
  func complaint(about value: JSON?) -> String? {
    guard let value, !value.isNull else { return nil }
    switch condition {
    case .equals: return nil
    case .above, .below:
      guard let number = value.double, number.isFinite else {
        return "values.\(field.joined(separator: ".")) must be a number for rule '\(name)'"
      }
      return nil
    }
  }

  private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
    if case .number(let left) = left, case .number(let right) = right { return left.hasSameValue(as: right) }
    return left == right
  }
}
