import Values
import YAML

/// Source: "Schedule".
struct ScheduleReader {
  let context: FileContext

  private var file: SourceFile { context.file }

  func schedule(_ node: YAMLNode) -> Schedule {
    if node.mapping?.isEmpty == true {
      file.error(.missingKey, node.position, "'schedule' needs one of: after, cron, every, on")
    }
    if let entry = node.mapping?.first(where: { $0.key == "cron" }) {
      file.unsupported("schedule.cron", entry.keyPosition)
    }
    return Schedule(
      on: node["on"].flatMap { EventReader(reader: context.reader, stage: .schedule).consumption($0) },
      every: node["every"].flatMap { duration($0, "every") }, cron: nil,
      after: node["after"].flatMap { duration($0, "after") })
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
}
