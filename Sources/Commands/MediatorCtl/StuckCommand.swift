import ArgumentParser
import Mediator
import Toolchain
import Values

struct StuckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stuck", abstract: "Lists open instances that make no progress, by cause.",
    discussion: """
      Shards without an owner, halted partitions, channels that nobody reads, that are not read on, or that are full, \
      timers that were missed, order keys that are held for long, suspended instances, and those that nothing would ever \
      wake. At most \
      \(StuckQueries.countLimit) instances are counted per cause; '+' tells that there are more. Without Kafka's address \
      channels are left out.

      Exit status: 0 nothing is stuck, 1 something is.

      Examples:
        mediatorctl stuck
        mediatorctl stuck --older-than 10m --bootstrap-servers 127.0.0.1:9092
        mediatorctl stuck --output json
      """)

  @Option(help: ArgumentHelp("What stands still for less is left out: 30s, 5m, 2h.", valueName: "duration"))
  var olderThan = DurationArgument(.seconds(60))
  @Option(help: "How many causes to list at most, 1 to 1000.")
  var limit = 50
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var kafka: KafkaOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 1000.") }
  }

  func run() async throws {
    let facts = try await database.withPool(file) { pool in
      try await kafka.withChannelReader(file) { reader, problem in
        try await StuckQueries(pool: pool).facts(
          patience: olderThan.duration, channels: reader, kafkaProblem: problem)
      }
    }
    let list = StuckList(facts, limit: limit)
    try output.print(json: list.json, text: list.text)
    if !list.isEmpty { throw ExitCode(ExitStatus.failure.rawValue) }
  }
}

/// What is stuck, for people and for machines.
struct StuckList {
  private let facts: StuckFacts
  private let groups: [StuckReport.Group]
  private let hasMore: Bool

  init(_ facts: StuckFacts, limit: Int) {
    self.facts = facts
    let groups = StuckReport(facts).groups
    self.groups = Array(groups.prefix(limit))
    hasMore = groups.count > limit
  }

  var isEmpty: Bool { groups.isEmpty }

  var json: JSON {
    [
      "now": .time(facts.now), "olderThanSeconds": .seconds(facts.patience), "kafkaProblem": .text(facts.kafkaProblem),
      "hasMore": .bool(hasMore),
      "causes": .array(
        groups.map { group in
          [
            "code": .string(group.code), "summary": .string(group.summary), "count": .integer(group.count),
            "isComplete": .bool(group.isComplete), "since": .time(group.since),
            "examples": .array(group.examples.map { .string($0.text) }),
            "next": .array(group.next.map { .string($0) }),
          ]
        }),
    ]
  }

  func text(_ style: Style) -> String {
    var style = style
    style.now = facts.now
    var parts: [String] = groups.map { group in
      var fields = FieldList()
      fields.add("since", group.since.map(style.moment))
      fields.add("examples", lines: group.examples.map(\.text))
      fields.add("next", lines: group.next.map { style.painted(TextWidth.plain($0), .bold) })
      let body = fields.render(style).split(separator: "\n").map { "  \($0)" }
      let count = "\(group.count)\(group.isComplete ? "" : "+")"
      let title = style.painted("\(count)  \(TextWidth.plain(group.summary))", .red) + "  [\(group.code)]"
      return ([title] + body).joined(separator: "\n")
    }
    if groups.isEmpty { parts.append("Nothing is stuck.") }
    if hasMore { parts.append("… and more causes: raise --limit") }
    if let problem = facts.kafkaProblem {
      parts.append("Channels were not looked at: \(TextWidth.plain(problem))")
    }
    return parts.joined(separator: "\n\n")
  }
}
