import ArgumentParser
import Mediator
import Values

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Shows what operators did to instances: who, when, why, and what came of it.",
    discussion: """
      Rows are only ever added to the audit table, refused commands included.

      Examples:
        mediatorctl audit
        mediatorctl audit --instance 3f2a --since 7d --output json
      """)

  @Option(help: ArgumentHelp("Of this instance: its id, or how it begins.", valueName: "id"))
  var instance: String?
  @Option(help: ArgumentHelp("Done since then.", valueName: "moment|duration"))
  var since: MomentArgument?
  @Option(help: "How many rows to show at most, 1 to 1000.")
  var limit = 50
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 1000.") }
  }

  func run() async throws {
    let page = try await database.withPool(file) { pool in
      let id = instance == nil ? nil : try await InstanceQueries(pool: pool).find(instance ?? "").id
      return try await OperatorDesk(pool: pool).audit(of: id, since: since?.resolved(now: .now()), limit: limit)
    }
    try output.print(json: Self.json(page)) { Self.text(page, $0) }
  }

  private static func json(_ page: Page<AuditRow>) -> JSON {
    [
      "hasMore": .bool(page.hasMore),
      "operations": .array(
        page.items.map { row in
          [
            "request": .string(row.command.request.text), "instance": .string(row.command.instance.text),
            "verb": .string(row.command.verb), "arguments": row.command.arguments,
            "author": .string(row.command.author), "reason": .string(row.command.reason),
            "requestedAt": .time(row.command.requestedAt), "appliedAt": .time(row.at),
            "outcome": .string(row.outcome.word), "detail": .string(row.outcome.detail),
            "result": .text(row.outcome.result?.text),
          ]
        }),
    ]
  }

  private static func text(_ page: Page<AuditRow>, _ style: Style) -> String {
    guard !page.items.isEmpty else { return "Nothing was done yet." }
    var table = Table([
      .init(title: "WHEN"), .init(title: "WHO", minimum: 8), .init(title: "VERB"), .init(title: "INSTANCE"),
      .init(title: "OUTCOME"), .init(title: "REASON", minimum: 10), .init(title: "DETAIL", minimum: 10),
    ])
    for row in page.items {
      let result = row.outcome.result.map { "started \($0.text)" }
      table.add([
        .init(style.shortMoment(row.at)), .init(row.command.author), .init(row.command.verb),
        .init(style.isTerminal ? String(row.command.instance.text.prefix(13)) : row.command.instance.text),
        .init(row.outcome.word, row.outcome.result == nil && row.outcome.word == "refused" ? .red : .green),
        .init(row.command.reason), .init(result ?? row.outcome.detail),
      ])
    }
    return table.render(style) + (page.hasMore ? "\n… and older ones: raise --limit" : "")
  }
}
