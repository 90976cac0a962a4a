import ArgumentParser
import Engine
import Mediator
import Toolchain
import Values

struct AtCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "at", abstract: "Shows an instance as it was after one row of its journal.",
    discussion: """
      The state is folded from the journal, which tells what happened: tasks, attempts, outputs, events, other instances. \
      It cannot tell \(JournalFold.unknown.joined(separator: ", ")). Without --seq the rows are listed. A number between \
      two rows means the one before it.

      Examples:
        mediatorctl at 3f2a
        mediatorctl at 3f2a --seq 1042
        mediatorctl at 3f2a --seq 1042 --output json
      """)

  @OptionGroup var instance: InstanceArgument
  @Option(help: ArgumentHelp("A row of the journal, by its sequence.", valueName: "number"))
  var seq: Int64?
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func run() async throws {
    let detail = try await database.withPool(file) { pool in
      let queries = InstanceQueries(pool: pool)
      guard let detail = try await queries.detail(try await instance.find(queries)) else { throw instance.absent }
      return detail
    }
    guard let seq else {
      let list = JournalList(detail)
      return try output.print(json: list.json, text: list.text)
    }
    guard let fold = JournalFold(detail.journal, until: seq) else {
      let first = detail.journal.first.map { "\($0.sequence)" } ?? "none"
      throw CommandFailure(
        "the instance has no row of the journal at or before \(seq)",
        why: detail.isComplete
          ? "its first row is \(first)" : "the first row that was read is \(first); older ones are there",
        next: "'mediatorctl at \(instance.id)' lists the rows", status: .notFound)
    }
    let report = FoldReport(fold, of: detail)
    try output.print(json: report.json, text: report.text)
  }
}

/// The rows of an instance's journal.
struct JournalList {
  private let detail: InstanceDetail

  init(_ detail: InstanceDetail) { self.detail = detail }

  var json: JSON {
    [
      "id": .string(detail.summary.id.text), "isComplete": .bool(detail.isComplete),
      "rows": .array(
        detail.journal.map { row in
          [
            "sequence": .integer(row.sequence), "at": .time(row.at),
            "entries": .array(row.entries.map { .string($0.line) }),
          ]
        }),
    ]
  }

  func text(_ style: Style) -> String {
    var table = Table([
      .init(title: "SEQ", alignment: .right), .init(title: "AT"), .init(title: "WHAT HAPPENED", minimum: 20),
    ])
    for row in detail.journal {
      for (place, entry) in row.entries.enumerated() {
        table.add([
          .init(place == 0 ? "\(row.sequence)" : ""),
          .init(place == 0 ? style.timeOfDay(row.at, on: detail.summary.startedAt) : ""), .init(entry.line),
        ])
      }
    }
    return table.render(style) + (detail.isComplete ? "" : "\n… and older rows, which were not read")
  }
}

struct FoldReport {
  private let fold: JournalFold
  private let detail: InstanceDetail

  init(_ fold: JournalFold, of detail: InstanceDetail) {
    self.fold = fold
    self.detail = detail
  }

  var json: JSON {
    [
      "id": .string(detail.summary.id.text), "sequence": .integer(fold.sequence), "at": .time(fold.at),
      "version": .string(detail.version(after: fold.sequence)), "status": .string(fold.status.rawValue),
      "output": fold.output ?? .null, "error": fold.problem?.json ?? .null,
      "tasks": .array(fold.history.tasks.map(\.json)),
      "emitted": .array(fold.emitted.map { ["id": .string($0.id), "type": .string($0.type)] }),
      "children": .array(
        fold.children.map {
          ["id": .string($0.id.text), "workflow": .string($0.workflow), "awaited": .bool($0.isAwaited)]
        }),
      "unknown": .array(JournalFold.unknown.map { .string($0) }), "isComplete": .bool(detail.isComplete),
    ]
  }

  func text(_ style: Style) -> String {
    let summary = detail.summary
    var head = FieldList()
    head.add("Instance", style.painted(summary.id.text, .bold))
    head.add("After row", "\(fold.sequence) at \(style.moment(fold.at))")
    let version = detail.version(after: fold.sequence)
    head.add("Workflow", "\(summary.namespace)/\(summary.name) \(version)")
    head.add("Status", fold.status.rawValue)
    let newer = summary.version == version ? "" : "\(summary.version), "
    let later = detail.journal.count { $0.sequence > fold.sequence }
    head.add("Now", "\(newer)\(summary.status.rawValue), \(later) rows later")
    head.add("Output", fold.output.map { TextWidth.plain($0.text) })
    head.add("Error", fold.problem.map { TextWidth.plain($0.summary) })
    head.add("Emitted", lines: fold.emitted.map { TextWidth.plain("\($0.type) \($0.id)") })
    head.add("Started", lines: fold.children.map { TextWidth.plain("\($0.workflow) \($0.id.text)") })
    var parts = [head.render(style)]
    parts.append(fold.history.tasks.isEmpty ? "No task had started." : tasks(style))
    parts.append("Not in the journal: \(JournalFold.unknown.joined(separator: ", ")).")
    return parts.joined(separator: "\n\n")
  }

  private func tasks(_ style: Style) -> String {
    var table = Table([
      .init(title: "TASK", minimum: 12), .init(title: "STATUS"), .init(title: "ATTEMPTS", alignment: .right),
      .init(title: "STARTED"), .init(title: "OUTPUT OR ERROR", minimum: 12),
    ])
    for task in fold.history.tasks {
      table.add([
        .init(task.reference), .init(task.status.rawValue),
        .init(task.attemptCount > 0 ? "\(task.attemptCount)" : ""),
        .init(task.startedAt.map { style.timeOfDay($0, on: detail.summary.startedAt) } ?? ""),
        .init(task.output.map(\.text) ?? task.problem?.summary ?? ""),
      ])
    }
    return table.render(style)
  }
}

extension MigrationRecord {
  var path: String { "\(from) → \(to)" }
}

extension InstanceMigration {
  var json: JSON {
    [
      "sequence": .integer(sequence), "at": .time(at), "from": .string(record.from), "to": .string(record.to),
      "reason": .string(reason),
    ]
  }

  func line(_ style: Style) -> String { "\(record.path) at \(style.moment(at))" }
}

extension JournalEntry {
  /// What happened, in one line.
  var line: String {
    switch self {
    case .workflowPending: "… waits for its turn"
    case .workflowStarted: "▶ started"
    case .taskStarted(_, let reference): "○ \(reference)"
    case .taskSkipped(let reference): "- \(reference) skipped"
    case .requested(let request):
      "→ \(request.reference) \(request.channel)" + (request.attempt > 1 ? " attempt \(request.attempt)" : "")
    case .callQueued(_, let reference, let channel): "… \(reference) waits for room on \(channel)"
    case .attemptFailed(_, let reference, _, let problem, let retryAt):
      "↻ \(reference) \(problem.summary); again at \(retryAt.rfc3339)"
    case .taskCompleted(_, let reference, _): "✓ \(reference)"
    case .taskFaulted(_, let reference, let problem): "✗ \(reference) \(problem.summary)"
    case .taskCancelled(_, let reference): "⊘ \(reference)"
    case .emitted(let emitted): "◆ \(emitted.reference) emits \(emitted.event["type"]?.string ?? "")"
    case .childStarted(let child): "▷ \(child.reference) starts \(child.namespace)/\(child.name) \(child.id.text)"
    case .childCancelled(let id): "⊘ cancels \(id.text)"
    case .compensating(let reference): "↶ \(reference)"
    case .contextExported: "≔ $context"
    case .taskReopened(_, let reference): "○ \(reference) again"
    case .operated(let operation, let reason): "✎ \(operation.verb)" + (reason.isEmpty ? "" : ": \(reason)")
    case .migrated(let record, let reason): "✎ migrated \(record.path)" + (reason.isEmpty ? "" : ": \(reason)")
    case .workflowSuspended(let reason): "⏸ suspended" + (reason.isEmpty ? "" : ": \(reason)")
    case .workflowResumed(let reason): "▶ resumed" + (reason.isEmpty ? "" : ": \(reason)")
    case .workflowCompleted: "■ completed"
    case .workflowFaulted(let problem): "■ faulted: \(problem.summary)"
    case .workflowCancelled(let reason): "■ cancelled: \(reason)"
    }
  }
}
