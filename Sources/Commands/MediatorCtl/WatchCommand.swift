import ArgumentParser
import Engine
import Mediator
import Toolchain
import Values

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Follows what happens to instances, live.",
    discussion: """
      One line per entry of the journal, from now on until Ctrl-C; of a single instance from its beginning until its end. \
      With --output json one object per line.

      Examples:
        mediatorctl watch
        mediatorctl watch 3f2a
        mediatorctl watch --workflow equipment-status
        mediatorctl watch --workflow factory/equipment-status --output json
      """)

  @Argument(help: ArgumentHelp("An instance id, or how it begins.", valueName: "instance"))
  var id: String?
  @Option(help: ArgumentHelp("Of this workflow: NAMESPACE/NAME or NAME.", valueName: "workflow"))
  var workflow: WorkflowArgument?
  @Option(help: ArgumentHelp("How often to look.", valueName: "duration"))
  var interval = DurationArgument(.seconds(1))
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    if id != nil, workflow != nil { throw ValidationError("Give an instance or --workflow, not both.") }
    guard interval.duration >= .milliseconds(100) else { throw ValidationError("--interval must be at least 100ms.") }
  }

  func run() async throws {
    try await database.withPool(file) { pool in
      let journal = JournalQueries(pool: pool)
      guard let id else { return try await follow(journal) }
      var argument = InstanceArgument()
      argument.id = id
      let instances = InstanceQueries(pool: pool)
      try await follow(try await argument.find(instances), instances, journal)
    }
  }

  private func follow(_ journal: JournalQueries) async throws {
    var heads = try await journal.heads()
    while true {
      let changes = try await journal.changes(after: heads)
      for change in changes {
        heads[change.shard] = max(heads[change.shard] ?? 0, change.row.sequence)
        if workflow.map({ $0.matches(change.workflow) }) ?? true { try show(change) }
      }
      // What is left goes on at once.
      if changes.count >= JournalQueries.batch { continue }
      // Shards that are new since.
      for (shard, head) in try await journal.heads() where heads[shard] == nil { heads[shard] = head }
      // The journal is asked as often as the user chose: nobody tells of its rows.
      try await Task.sleep(for: interval.duration)
    }
  }

  private func follow(_ id: UUIDValue, _ instances: InstanceQueries, _ journal: JournalQueries) async throws {
    guard let summary = try await instances.summaries(of: [id]).first else { return }
    var head: Int64 = 0
    var hasEnded = false
    while !hasEnded {
      // Asked before the rows: what it says has its row then.
      hasEnded = try await instances.summaries(of: [id]).first?.status.isTerminal ?? true
      var changes: [JournalChange]
      repeat {
        changes = try await journal.changes(after: [summary.shard: head], instance: id)
        for change in changes {
          head = change.row.sequence
          try show(change)
        }
      } while changes.count >= JournalQueries.batch
      // As often as the user chose, as above.
      if !hasEnded { try await Task.sleep(for: interval.duration) }
    }
  }

  private func show(_ change: JournalChange) throws {
    switch output.output {
    case .json: try writeOutput(change.json.text)
    case .text: try writeOutput(change.lines(.current()).joined(separator: "\n"))
    }
  }
}

extension WorkflowArgument {
  /// - Parameter workflow: `namespace/name`.
  func matches(_ workflow: String) -> Bool {
    workflow == text || (namespace == nil && workflow.hasSuffix("/\(name)"))
  }
}

extension JournalChange {
  var json: JSON {
    [
      "at": .time(row.at), "shard": .integer(shard), "sequence": .integer(row.sequence),
      "instance": .string(row.instance.text), "workflow": .string(workflow),
      "entries": .array(row.entries.map(\.json)),
    ]
  }

  func lines(_ style: Style) -> [String] {
    let id = String(row.instance.text.prefix(13))
    return row.entries.map { entry in
      let line = TextWidth.plain("\(style.timeOfDay(row.at, on: style.now))  \(id)  \(workflow)  \(entry.line)")
      return style.width.map { TextWidth.truncate(line, to: $0) } ?? line
    }
  }
}
