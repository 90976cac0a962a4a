import Values
import Workflow

/// Events: what starts an instance, and what it listens to.
extension TaskCaption {
  func start(_ schedule: Schedule?) -> [String] {
    guard let schedule else { return ["when asked for"] }
    var lines: [String] = []
    if let on = schedule.on { lines += consumption(on, "on") }
    if let every = schedule.every { lines.append("every \(ISO8601Duration.format(every))") }
    if let cron = schedule.cron { lines.append("cron \(short(cron.expression.text)) \(short(cron.timeZone))") }
    if let after = schedule.after { lines.append("\(ISO8601Duration.format(after)) after the end of the one before") }
    return lines.isEmpty ? ["when asked for"] : lines
  }

  func listen(_ listen: Listen) -> [String] { consumption(listen.to, "listen to") }

  private func consumption(_ consumption: EventConsumption, _ verb: String) -> [String] {
    var lines: [String]
    switch consumption {
    case .one(let filter): return ["\(verb) \(self.filter(filter))"]
    case .all(let filters): lines = ["\(verb) all of"] + filters.map { "• \(filter($0))" }
    case .any(let filters, _):
      lines = filters.isEmpty ? ["\(verb) every event"] : ["\(verb) any of"] + filters.map { "• \(filter($0))" }
      if filters.count == 1 { lines = ["\(verb) \(filter(filters[0]))"] }
    }
    switch consumption.until {
    case .condition(let expression)?: lines.append("until \(self.expression(expression))")
    case .events(let events)?: lines += self.consumption(events, "until")
    case nil: break
    }
    return lines
  }

  private func filter(_ filter: EventFilter) -> String {
    var parts: [String] = []
    // The type says what an event is; everything else narrows that.
    if let type = filter.type { parts.append(short(type)) }
    for attribute in filter.attributes {
      switch attribute.test {
      case .equals(let value):
        if attribute.name == "type", value.string != nil { continue }
        parts.append("\(name(attribute.name)) = \(short(value.text))")
      case .expression(let expression): parts.append("\(name(attribute.name)): \(self.expression(expression))")
      }
    }
    let correlations = filter.correlations.map { name($0.name) }
    if !correlations.isEmpty { parts.append("by \(correlations.joined(separator: ", "))") }
    return parts.isEmpty ? "every event" : parts.joined(separator: ", ")
  }
}
