import Engine
import Mediator
import Values

/// Instances as a list.
enum InstanceList {
  static func json(_ page: Page<InstanceSummary>) -> JSON {
    ["instances": .array(page.items.map { .object($0.json) }), "hasMore": .bool(page.hasMore)]
  }

  static func text(_ page: Page<InstanceSummary>, _ style: Style) -> String {
    guard !page.items.isEmpty else { return "No instances." }
    var table = Table([
      .init(title: "ID"), .init(title: "WORKFLOW", minimum: 10), .init(title: "VERSION", minimum: 7),
      .init(title: "STATUS"), .init(title: "KEY", minimum: 6), .init(title: "STARTED"),
      .init(title: "DURATION", alignment: .right), .init(title: "ERROR", minimum: 12),
    ])
    for instance in page.items {
      table.add([
        // Enough of the id for 'instances show', where there is no room for all of it.
        .init(style.isTerminal ? String(instance.id.text.prefix(13)) : instance.id.text),
        .init("\(instance.namespace)/\(instance.name)"), .init(instance.version),
        .init(instance.status.rawValue, instance.status.colour), .init(instance.key.map(keyText) ?? ""),
        .init(style.shortMoment(instance.startedAt)),
        .init(instance.duration(until: style.isTerminal ? style.now : nil)),
        .init(instance.error?.summary ?? ""),
      ])
    }
    return table.render(style) + (page.hasMore ? "\n… and older ones: raise --limit, or filter" : "")
  }
}

extension InstanceSummary {
  var json: JSONObject {
    [
      "id": .string(id.text), "status": .string(status.rawValue),
      "workflow": ["namespace": .string(namespace), "name": .string(name), "version": .string(version)],
      "shard": .integer(shard),
      "key": .text(key.map(keyText)), "event": ["id": .text(eventID), "source": .text(eventSource)],
      "startedAt": .time(startedAt), "updatedAt": .time(updatedAt), "endedAt": .time(endedAt),
      "durationSeconds": .seconds(endedAt.map { $0 - startedAt }), "error": error?.json ?? .null,
    ]
  }

  /// Of an open one, until now; or nothing where the output is no terminal and would be old when it is read.
  func duration(until now: Timestamp?) -> String {
    (endedAt ?? now).map { TimeText.duration($0 - startedAt) } ?? ""
  }
}

extension ProblemDetails {
  /// `Timeout: no result from channel 'x'`
  var summary: String {
    let parts = [title ?? String(type.split(separator: "/").last ?? "error"), detail].compactMap(\.self)
    return parts.joined(separator: ": ")
  }
}
