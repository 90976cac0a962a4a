import Engine
import Mediator
import Toolchain
import Values

/// Everything about one instance, for people and for machines.
struct InstanceReport {
  private let detail: InstanceDetail
  private let showsData: Bool

  init(_ detail: InstanceDetail, showsData: Bool) {
    self.detail = detail
    self.showsData = showsData
  }

  // MARK: JSON

  var json: JSON {
    var object = detail.summary.json
    object["deadline"] = .time(detail.deadline)
    object["input"] = detail.input
    object["context"] = detail.context
    object["output"] = detail.output ?? .null
    object["tasks"] = .array(detail.history.tasks.map(\.json))
    object["tasksAreComplete"] = .bool(detail.isComplete)
    object["migrations"] = .array(detail.migrations.map(\.json))
    return .object(object)
  }

  // MARK: Text

  func text(_ style: Style) -> String {
    var parts = [head(style)]
    parts.append(detail.history.tasks.isEmpty ? "No task has started." : tasks(style))
    if showsData { parts += detail.history.tasks.compactMap(data) }
    parts.append(section("Input", detail.input))
    if detail.context != .null { parts.append(section("Context", detail.context)) }
    if let output = detail.output { parts.append(section("Output", output)) }
    if let error = detail.summary.error { parts.append(section("Error", error.json)) }
    return parts.joined(separator: "\n\n")
  }

  private func head(_ style: Style) -> String {
    let summary = detail.summary
    var fields = FieldList()
    fields.add("Instance", style.painted(summary.id.text, .bold))
    fields.add("Status", style.painted(summary.status.rawValue, summary.status.colour))
    fields.add("Workflow", "\(summary.namespace)/\(summary.name) \(summary.version)")
    fields.add("Migrated", lines: detail.migrations.map { $0.line(style) })
    fields.add("Key", summary.key.map { TextWidth.plain(keyText($0)) })
    if let id = summary.eventID {
      fields.add("Event", TextWidth.plain(id) + (summary.eventSource.map { " from \(TextWidth.plain($0))" } ?? ""))
    }
    fields.add("Shard", "\(summary.shard)")
    fields.add("Started", style.moment(summary.startedAt))
    fields.add("Updated", style.moment(summary.updatedAt))
    fields.add("Ended", summary.endedAt.map(style.moment))
    fields.add("Duration", summary.endedAt.map { TimeText.duration($0 - summary.startedAt) })
    fields.add("Deadline", detail.deadline.map(style.moment))
    fields.add("Error", summary.error.map { style.painted(TextWidth.plain($0.summary), .red) })
    return fields.render(style)
  }

  private func tasks(_ style: Style) -> String {
    var table = Table([
      .init(title: "TASK", minimum: 12), .init(title: "STATUS"), .init(title: "ATTEMPTS", alignment: .right),
      .init(title: "STARTED"), .init(title: "ENDED"), .init(title: "DURATION", alignment: .right),
      .init(title: "CHANNEL", minimum: 8), .init(title: "NOTE", minimum: 12),
    ])
    let start = detail.summary.startedAt
    for task in detail.history.tasks {
      table.add([
        .init(task.reference), .init(task.status.rawValue, task.status.colour),
        .init(task.attemptCount > 0 ? "\(task.attemptCount)" : ""),
        .init(task.startedAt.map { style.timeOfDay($0, on: start) } ?? ""),
        .init(task.endedAt.map { style.timeOfDay($0, on: start) } ?? ""),
        .init(task.duration.map(TimeText.duration) ?? ""), .init(task.channel ?? ""), .init(task.note(style, start)),
      ])
    }
    let missing = "\nThe journal is longer: only its newest \(InstanceQueries.journalLimit) steps are shown."
    return table.render(style) + (detail.isComplete ? "" : missing)
  }

  private func section(_ title: String, _ value: JSON) -> String {
    let lines = value.pretty().split(separator: "\n").map { TextWidth.plain(String($0)) }
    return "\(title)\n  " + lines.joined(separator: "\n  ")
  }

  private func data(_ task: TaskRecord) -> String? {
    var parts: [String] = []
    if let data = task.data { parts.append(section("\(task.reference) sent", data)) }
    if let output = task.output { parts.append(section("\(task.reference) gave", output)) }
    if let problem = task.problem { parts.append(section("\(task.reference) failed", problem.json)) }
    return parts.isEmpty ? nil : parts.joined(separator: "\n")
  }
}

extension TaskRecord {
  var duration: Duration? {
    guard let startedAt, let endedAt, status != .skipped else { return nil }
    return endedAt - startedAt
  }

  var json: JSON {
    [
      "name": .string(name), "reference": .string(reference), "activity": .integer(activity),
      "status": .string(status.rawValue), "startedAt": .time(startedAt), "endedAt": .time(endedAt),
      "durationSeconds": .seconds(duration), "channel": .text(channel), "deadline": .time(deadline),
      "attempts": .integer(attemptCount), "attemptLog": .array(attempts.map(\.json)), "retryAt": .time(retryAt),
      "progress": progress.map { ["percent": .number($0.percent), "message": .text($0.message)] } ?? .null,
      "data": data ?? .null, "output": output ?? .null, "error": problem?.json ?? .null,
    ]
  }

  /// What is to be known of it in one line.
  func note(_ style: Style, _ start: Timestamp) -> String {
    switch status {
    case .running: runningNote(style, start)
    case .retrying:
      "next attempt \(retryAt.map { style.timeOfDay($0, on: start) } ?? "")"
        + (problem.map { " after \($0.summary)" } ?? "")
    case .faulted: problem?.summary ?? ""
    case .skipped: "its 'if' was false"
    case .cancelled: "the workflow ended first"
    case .completed: ""
    }
  }

  private func runningNote(_ style: Style, _ start: Timestamp) -> String {
    var parts: [String] = []
    if let percent = progress?.percent { parts.append("\(JSONNumber(percent).text) %") }
    if let message = progress?.message { parts.append(message) }
    switch waitingFor {
    case .time(let until): parts.append("waits until \(style.timeOfDay(until, on: start))")
    case .events(let consumed): parts.append("listens" + (consumed > 0 ? ", \(consumed) consumed" : ""))
    case .instance(let id): parts.append("waits for instance \(id.text)")
    case .channel: parts.append("waits for room on its channel")
    case .passes(let done, let count): parts.append("pass \(done + 1) of \(count)")
    case nil: break
    }
    if let deadline { parts.append("deadline \(style.timeOfDay(deadline, on: start))") }
    return parts.joined(separator: ", ")
  }
}

extension TaskRecord.Attempt {
  fileprivate var json: JSON {
    [
      "number": .integer(number), "id": .string(id), "requestedAt": .time(requestedAt), "endedAt": .time(endedAt),
      "error": problem?.json ?? .null,
    ]
  }
}

extension TaskRecord.Status {
  fileprivate var colour: Colour? {
    switch self {
    case .running: .blue
    case .retrying, .cancelled: .yellow
    case .completed: .green
    case .faulted: .red
    case .skipped: .faint
    }
  }
}

extension JSON {
  fileprivate static func number(_ value: Double?) -> JSON { value.map { .number(JSONNumber($0)) } ?? .null }
}
