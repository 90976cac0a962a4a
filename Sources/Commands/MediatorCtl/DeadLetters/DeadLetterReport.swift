import Engine
import Kafka
import Mediator
import Toolchain
import Values
import Wire

/// Dead letters for people and for machines.
struct DeadLetterReport: Sendable {
  private let letter: DeadLetterDetail
  private let instances: [InstanceSummary]

  init(_ letter: DeadLetterDetail, instances: [InstanceSummary]) {
    self.letter = letter
    self.instances = instances
  }

  /// What would be sent.
  var value: [UInt8]? { (letter.edited ?? letter.original).value }

  // MARK: Lists

  static func json(_ page: Page<DeadLetterEntry>) -> JSON {
    ["letters": .array(page.items.map { .object($0.json) }), "hasMore": .bool(page.hasMore)]
  }

  static func text(_ page: Page<DeadLetterEntry>, _ style: Style) -> String {
    guard !page.items.isEmpty else { return "No dead letters." }
    var table = Table([
      .init(title: "ID"), .init(title: "REASON"), .init(title: "STATUS"), .init(title: "ROUNDS", alignment: .right),
      .init(title: "FROM", minimum: 12), .init(title: "KEY", minimum: 6), .init(title: "WORKFLOW", minimum: 8),
      .init(title: "SINCE"), .init(title: "DETAIL", minimum: 16),
    ])
    for entry in page.items {
      table.add([
        .init("\(entry.id)"), .init(entry.reason), .init(entry.status.rawValue, entry.status.colour),
        .init("\(entry.rounds)"), .init(entry.place), .init(entry.key.map(keyText) ?? ""),
        .init(entry.workflow ?? ""), .init(style.shortMoment(entry.createdAt)), .init(entry.detail),
      ])
    }
    return table.render(style) + (page.hasMore ? "\n… and older ones: raise --limit, or filter" : "")
  }

  // MARK: One, as JSON

  var json: JSON {
    var object = letter.entry.json
    object["headers"] = Self.headers(letter.original.headers)
    object["value"] = letter.original.value.bytesJSON
    object["timestamp"] = .time(time)
    object["edited"] =
      letter.edited.map { ["headers": Self.headers($0.headers), "value": $0.value.bytesJSON] } ?? .null
    object["history"] = .array(
      letter.history.map { event in
        [
          "at": .time(event.at), "action": .string(event.action), "actor": .string(event.actor),
          "round": .integer(event.round), "detail": .string(event.detail),
        ]
      })
    object["instances"] = .array(instances.map { .object($0.json) })
    return .object(object)
  }

  private static func headers(_ headers: [KafkaHeader]) -> JSON {
    .array(headers.map { ["name": .string($0.name), "value": $0.value.bytesJSON] })
  }

  private var time: Timestamp? {
    letter.original.timestamp < 0 ? nil : Timestamp(microseconds: letter.original.timestamp * 1000)
  }

  // MARK: One, as text

  func text(_ style: Style) -> String {
    var parts = [head(style)]
    if letter.original.headers.isEmpty == false { parts.append(section("Headers", lines(letter.original.headers))) }
    parts.append(section(valueTitle("Value", letter.original.value), Self.lines(letter.original.value)))
    if let edited = letter.edited {
      parts.append(section("Edited headers", lines(edited.headers)))
      parts.append(section(valueTitle("Edited value", edited.value), Self.lines(edited.value)))
    }
    if !letter.history.isEmpty { parts.append(section("History", letter.history.map { line($0, style) })) }
    if !instances.isEmpty { parts.append(section("Instances", instances.map(line))) }
    return parts.joined(separator: "\n\n")
  }

  private func head(_ style: Style) -> String {
    let entry = letter.entry
    var fields = FieldList()
    fields.add("Dead letter", style.painted("\(entry.id)", .bold))
    fields.add("Status", style.painted(entry.status.rawValue, entry.status.colour))
    fields.add("Reason", entry.reason)
    fields.add("Detail", TextWidth.plain(entry.detail))
    fields.add(entry.partition < 0 ? "For" : "From", entry.place)
    fields.add("Key", entry.key.map { TextWidth.plain(keyText($0)) })
    fields.add("Written", time.map(style.moment))
    fields.add("Since", style.moment(entry.createdAt))
    fields.add("Changed", style.moment(entry.changedAt))
    fields.add("Rounds", "\(entry.rounds)")
    fields.add("Instance", entry.instance.map { $0.text + (entry.workflow.map { " (\($0))" } ?? "") })
    fields.add("Topic", entry.unpublished.map { "not on \(Topics.deadLetters) yet: \(TextWidth.plain($0))" })
    fields.add("Next", next)
    return fields.render(style)
  }

  /// What to do about it.
  private var next: String? {
    let entry = letter.entry
    if entry.isProcessingEvent, [.open, .parked].contains(entry.status) {
      return entry.instance.map(RedriveRefusal.retry)
    }
    return switch entry.status {
    case .open: "mediatorctl dlq redrive \(entry.id)"
    case .parked: "mediatorctl dlq edit \(entry.id) --value FILE, then mediatorctl dlq redrive \(entry.id) --force"
    case .redriven, .resolved, .dropped: nil
    }
  }

  private func section(_ title: String, _ lines: [String]) -> String {
    "\(title)\n  " + lines.map { TextWidth.plain($0) }.joined(separator: "\n  ")
  }

  private func valueTitle(_ title: String, _ value: [UInt8]?) -> String {
    title + (value.map { " (\($0.count) bytes)" } ?? "")
  }

  private func lines(_ headers: [KafkaHeader]) -> [String] {
    headers.map { header in "\(header.name): \(header.value.map { Self.lines($0).joined(separator: " ") } ?? "(none)")"
    }
  }

  private static func lines(_ value: [UInt8]?) -> [String] {
    guard let value else { return ["(none)"] }
    if let text = String(validating: value, as: UTF8.self) {
      return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    return stride(from: 0, to: value.count, by: 32).map { start in
      value[start..<min(start + 32, value.count)].map(hex).joined(separator: " ")
    }
  }

  private func line(_ event: DeadLetterDetail.Event, _ style: Style) -> String {
    let detail = event.detail.isEmpty ? "" : ": \(event.detail)"
    return "\(style.shortMoment(event.at))  \(event.action) by \(event.actor), round \(event.round)\(detail)"
  }

  private func line(_ instance: InstanceSummary) -> String {
    "\(instance.id.text)  \(instance.namespace)/\(instance.name) \(instance.version)  \(instance.status.rawValue)"
  }
}

extension DeadLetterEntry {
  var place: String { partition < 0 ? topic : "\(topic)/\(partition)/\(offset)" }

  var json: JSONObject {
    [
      "id": .string("\(id)"), "status": .string(status.rawValue), "reason": .string(reason),
      "detail": .string(detail), "topic": .string(topic), "partition": partition < 0 ? .null : .integer(partition),
      "offset": offset < 0 ? .null : .integer(offset), "key": .text(key.map(keyText)), "bytes": .integer(bytes),
      "rounds": .integer(rounds), "isEdited": .bool(isEdited), "instance": .text(instance?.text),
      "workflow": .text(workflow), "unpublished": .text(unpublished), "createdAt": .time(createdAt),
      "changedAt": .time(changedAt),
    ]
  }
}

private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

extension [UInt8]? {
  /// `{text}` where it is UTF-8, else `{hex}`.
  fileprivate var bytesJSON: JSON {
    guard let bytes = self else { return .null }
    if let text = String(validating: bytes, as: UTF8.self) { return ["text": .string(text)] }
    return ["hex": .string(bytes.map(hex).joined())]
  }
}
