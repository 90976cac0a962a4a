import Values
import YAML

/// Source: "Schedule".
struct ScheduleReader {
  let context: FileContext
  /// `document.metadata`.
  let metadata: YAMLNode?

  private var file: SourceFile { context.file }

  func schedule(_ node: YAMLNode?) -> Schedule? {
    let zone = timeZone(metadata?["timeZone"])
    guard let node else { return nil }
    if node.mapping?.isEmpty == true {
      file.error(.missingKey, node.position, "'schedule' needs one of: after, cron, every, on")
    }
    let events = EventReader(reader: context.reader, stage: .schedule)
    let isRefused = refuseUntil(node["on"])
    return Schedule(
      on: isRefused ? nil : node["on"].flatMap { events.consumption($0) },
      every: node["every"].flatMap { duration($0, "every") },
      cron: node["cron"].flatMap { cron($0, zone) }, after: node["after"].flatMap { duration($0, "after") })
  }

  /// With `any`, each event starts an instance: there is no listening that could come to an end.
  private func refuseUntil(_ on: YAMLNode?) -> Bool {
    guard on?["any"] != nil, let until = on?.mapping?.first(where: { $0.key == "until" }) else { return false }
    file.unsupported(
      "'until' in 'schedule.on'", until.keyPosition,
      hint: "each of these events starts an instance of its own; gather events with a 'listen' task, which can end so")
    return true
  }

  private func duration(_ node: YAMLNode, _ key: String) -> Duration? {
    if case .string(let text)? = node.scalar, Expression.source(of: text) != nil {
      file.error(
        .invalidValue, node.position, "'\(key)' must be a constant: there is nothing yet to compute it from",
        hint: "such as PT15M or {minutes: 15}")
      return nil
    }
    let value = DurationReader(context: context).duration(node, context.reader, .schedule)
    guard case .constant(let duration)? = value else { return nil }
    if duration <= .zero { file.error(.invalidValue, node.position, "'\(key)' must be more than zero") }
    return duration
  }

  // MARK: cron

  private typealias Zone = (name: String, rules: TimeZoneRules)

  private func cron(_ node: YAMLNode, _ zone: Zone?) -> CronSchedule? {
    guard case .string(let text)? = node.scalar else { return nil }
    do throws(CronError) {
      let expression = try CronExpression(text)
      guard expression.next(after: Timestamp(microseconds: 0), in: .utc) != nil else {
        file.error(.invalidValue, node.position, "'\(text)' names a day that no year has: it would never start")
        return nil
      }
      return zone.map { CronSchedule(expression: expression, timeZone: $0.name, rules: $0.rules) }
    } catch {
      let position = file.position(of: error.offset, in: text, at: node)
      file.error(.invalidValue, position, "no cron schedule: \(error.message)", hint: error.hint)
      return nil
    }
  }

  /// UTC unless the file names a zone; nil when it names none that is known here.
  private func timeZone(_ node: YAMLNode?) -> Zone? {
    guard let node else { return ("UTC", .utc) }
    guard case .string(let name)? = node.scalar else {
      file.error(.invalidValue, node.position, "'timeZone' must be text", hint: "such as Europe/Berlin")
      return nil
    }
    do throws(TimeZoneError) {
      return (name, try TimeZoneRules.load(name))
    } catch {
      file.error(.invalidValue, node.position, error.message, hint: error.hint)
      return nil
    }
  }
}
