import Values

/// Source: "Schedule", `cron`. The time zone is this engine's addition: `document.metadata.timeZone`, else UTC.
public struct CronSchedule: Sendable {
  public let expression: CronExpression
  /// The zone's name in the tz database.
  public let timeZone: String
  /// What this machine's tz database knew of the zone when the file was read.
  public let rules: TimeZoneRules

  /// The first time after the given one; nil when there is none.
  public func next(after time: Timestamp) -> Timestamp? { expression.next(after: time, in: rules) }
}
