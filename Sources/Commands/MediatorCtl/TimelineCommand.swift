import ArgumentParser
import Engine
import Mediator
import Toolchain
import Values

struct TimelineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timeline", abstract: "Draws the tasks of an instance and their attempts over time.",
    discussion: """
      █ an attempt is under way, · between two attempts, ─ open without a call (a wait, a listener, the tasks inside of \
      it), ✗ it failed. Scaled to the terminal's width, else to 100 columns.

      Examples:
        mediatorctl timeline 3f2a
        mediatorctl timeline 3f2a --output json
      """)

  @OptionGroup var instance: InstanceArgument
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func run() async throws {
    let (detail, now) = try await database.withPool(file) { pool in
      let queries = InstanceQueries(pool: pool)
      guard let detail = try await queries.detail(try await instance.find(queries)) else { throw instance.absent }
      return (detail, try await ClusterQueries(pool: pool).now())
    }
    let report = TimelineReport(detail, now: now)
    try output.print(json: report.json, text: report.text)
  }
}

struct TimelineReport {
  private let detail: InstanceDetail
  private let timeline: Timeline

  init(_ detail: InstanceDetail, now: Timestamp) {
    self.detail = detail
    timeline = Timeline(detail, now: now)
  }

  var json: JSON {
    var object = detail.summary.json
    object["from"] = .time(timeline.start)
    object["to"] = .time(timeline.end)
    object["idleSeconds"] = .seconds(timeline.idle)
    object["tasksAreComplete"] = .bool(detail.isComplete)
    object["migrations"] = .array(detail.migrations.map(\.json))
    object["tasks"] = .array(
      timeline.rows.map { row in
        [
          "reference": .string(row.task.reference), "activity": .integer(row.task.activity),
          "status": .string(row.task.status.rawValue), "busySeconds": .seconds(row.time(.attempt)),
          "idleSeconds": .seconds(row.time(.idle)),
          "segments": .array(
            row.segments.map { segment in
              [
                "kind": .string(segment.kind.rawValue), "attempt": .integer(segment.number),
                "from": .time(segment.from), "to": .time(segment.to), "failed": .bool(segment.hasFailed),
              ]
            }),
        ]
      })
    return .object(object)
  }

  func text(_ style: Style) -> String {
    let summary = detail.summary
    let total = TimeText.duration(timeline.end - timeline.start)
    let head =
      "\(style.painted(summary.id.text, .bold))  \(summary.namespace)/\(summary.name) \(summary.version)  "
      + style.painted(summary.status.rawValue, summary.status.colour)
    guard !timeline.rows.isEmpty else { return head + "\n\nNo task has started." }
    let titles = timeline.rows.map { TextWidth.truncate(TextWidth.plain($0.task.reference), to: 32) }
    let titleWidth = titles.map { TextWidth.of($0) }.max() ?? 0
    let notes = timeline.rows.map(note)
    let noteWidth = notes.map { TextWidth.of($0) }.max() ?? 0
    let columns = max((style.width ?? 100) - titleWidth - noteWidth - 4, 10)
    func line(_ title: String, _ bar: String, _ note: String) -> String {
      let padded = title + String(repeating: " ", count: titleWidth - TextWidth.of(title))
      let filled = bar + String(repeating: " ", count: max(columns - bar.count, 0))
      return "\(padded)  \(filled)  \(note)"
    }
    let scale = "0 s" + String(repeating: " ", count: max(columns - 3 - total.count, 1)) + total
    var lines = [line("", scale, "")]
    for (index, row) in timeline.rows.enumerated() {
      lines.append(line(titles[index], timeline.bar(row, columns: columns), notes[index]))
    }
    let idle =
      timeline.idle > .zero
      ? "No attempt was under way for \(TimeText.duration(timeline.idle)) of \(total)."
      : "An attempt was under way all the time."
    let trimmed = lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    let migrations = detail.migrations.map { "Migrated \($0.line(style))." }
    return ([head, ""] + trimmed + ["", idle] + migrations).joined(separator: "\n")
  }

  private func note(_ row: Timeline.Row) -> String {
    let task = row.task
    guard task.attemptCount > 0 else {
      return "\(task.status.rawValue), \(TimeText.duration(row.time(.open)))"
    }
    let attempts = task.attemptCount == 1 ? "1 attempt" : "\(task.attemptCount) attempts"
    let idle = row.time(.idle) > .zero ? ", \(TimeText.duration(row.time(.idle))) idle" : ""
    return "\(task.status.rawValue), \(attempts), \(TimeText.duration(row.time(.attempt)))\(idle)"
  }
}
