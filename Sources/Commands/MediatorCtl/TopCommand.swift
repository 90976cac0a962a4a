import ArgumentParser
import Engine
import Kafka
import Mediator
import Postgres
import Toolchain
import Values

struct TopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Shows what the cluster does now, again and again.",
    discussion: """
      Rates are those of the last \(Int(Snapshot.window / .seconds(1))) s, from at most \(Snapshot.rows) newest rows of \
      each shard's journal; so are the slowest tasks (from the first processing event to the end). Until Ctrl-C, or once.

      Examples:
        mediatorctl top
        mediatorctl top --once
        mediatorctl top --once --output json
      """)

  @Flag(help: "Once, instead of again and again.")
  var once = false
  @Option(help: ArgumentHelp("How often to look.", valueName: "duration"))
  var interval = DurationArgument(.seconds(2))
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var kafka: KafkaOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    guard interval.duration >= .milliseconds(500) else { throw ValidationError("--interval must be at least 500ms.") }
  }

  func run() async throws {
    try await database.withPool(file) { pool in
      try await kafka.withChannelReader(file) { reader, problem in
        while true {
          let snapshot = try await Snapshot.take(pool, reader, problem)
          let style = Style.current()
          // From the top of a cleared screen (ECMA-48, CUP and ED), where it is one.
          let clear = style.isTerminal && !once && output.output == .text ? "\u{1B}[H\u{1B}[2J" : ""
          switch output.output {
          case .json: try writeOutput(once ? snapshot.json.pretty() : snapshot.json.text)
          case .text: try writeOutput(clear + snapshot.text(style))
          }
          if once { return }
          // How often it is drawn again, as the user chose.
          try await Task.sleep(for: interval.duration)
        }
      }
    }
  }

  struct Snapshot: Sendable {
    static let window = Duration.seconds(10)
    static let rows = 2_000
    private static let listed = 10

    let now: Timestamp
    let overview: Overview
    let open: [(workflow: String, count: Int)]
    let channels: [ChannelFacts]
    let kafkaProblem: String?

    static func take(_ pool: PostgresPool, _ reader: ChannelReader?, _ problem: String?) async throws -> Snapshot {
      let now = try await ClusterQueries(pool: pool).now()
      let changes = try await JournalQueries(pool: pool).newest(limit: rows)
      let perShard = Dictionary(grouping: changes, by: \.shard)
      let versions = try await WorkflowQueries(pool: pool).list(limit: 1_000).items
      var open: [String: Int] = [:]
      for version in versions {
        open["\(version.definition.namespace)/\(version.definition.name)", default: 0] += version.counts.open
      }
      var channels: [ChannelFacts] = []
      var kafkaProblem = problem
      if let reader {
        do throws(KafkaError) {
          channels = Array(try await reader.facts(of: try await reader.channels()).values)
        } catch {
          kafkaProblem = "\(error)"
        }
      }
      return Snapshot(
        now: now,
        overview: Overview(
          changes, now: now, window: window, isComplete: perShard.values.allSatisfy { $0.count < rows }),
        open: open.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
          .map { ($0.key, $0.value) },
        channels: channels.sorted { ($1.lag, $0.channel) < ($0.lag, $1.channel) }, kafkaProblem: kafkaProblem)
    }

    var json: JSON {
      [
        "now": .time(now), "spanSeconds": .seconds(overview.span),
        "perSecond": [
          "started": .rate(overview.started), "ended": .rate(overview.ended),
          "processingEvents": .rate(overview.requests), "failures": .rate(overview.failures),
        ],
        "open": .array(open.map { ["workflow": .string($0.workflow), "instances": .integer($0.count)] }),
        "channels": .array(
          channels.map {
            [
              "channel": .string($0.channel), "lag": .integer($0.lag), "group": .text($0.consumer?.group),
              "members": .integer($0.consumer?.members ?? 0),
            ]
          }),
        "tasks": .array(
          overview.tasks.prefix(Self.listed).map {
            [
              "workflow": .string($0.workflow), "task": .string($0.reference), "count": .integer($0.count),
              "slowestSeconds": .seconds($0.slowest), "meanSeconds": .seconds($0.mean),
            ]
          }),
        "kafkaProblem": .text(kafkaProblem),
      ]
    }

    func text(_ style: Style) -> String {
      let rates =
        "per second (last \(TimeText.duration(overview.span)))  started \(rate(overview.started))  "
        + "ended \(rate(overview.ended))  processing events \(rate(overview.requests))  "
        + "failures \(rate(overview.failures))"
      var parts = ["\(now.rfc3339)  \(rates)", opened(style), lags(style), slowest(style)]
      if let kafkaProblem { parts.append("Channels were not looked at: \(TextWidth.plain(kafkaProblem))") }
      return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private func rate(_ value: Double) -> String {
      let tenths = Int((value * 10).rounded())
      return "\(tenths / 10).\(tenths % 10)"
    }

    private func opened(_ style: Style) -> String {
      guard !open.isEmpty else { return "No instance is open." }
      var table = Table([.init(title: "OPEN", alignment: .right), .init(title: "WORKFLOW", minimum: 12)])
      for item in open.prefix(Self.listed) { table.add([.init("\(item.count)"), .init(item.workflow)]) }
      return table.render(style)
    }

    private func lags(_ style: Style) -> String {
      guard !channels.isEmpty else { return "" }
      var table = Table([
        .init(title: "LAG", alignment: .right), .init(title: "CHANNEL", minimum: 8), .init(title: "GROUP", minimum: 8),
        .init(title: "MEMBERS", alignment: .right),
      ])
      for channel in channels.prefix(Self.listed) {
        let isUnserved = channel.lag > 0 && (channel.consumer?.members ?? 0) == 0
        table.add([
          .init("\(channel.lag)", isUnserved ? .red : nil), .init(channel.channel),
          .init(channel.consumer?.group ?? "nobody", channel.consumer == nil ? .red : nil),
          .init("\(channel.consumer?.members ?? 0)"),
        ])
      }
      return table.render(style)
    }

    private func slowest(_ style: Style) -> String {
      guard !overview.tasks.isEmpty else { return "" }
      var table = Table([
        .init(title: "SLOWEST", alignment: .right), .init(title: "MEAN", alignment: .right),
        .init(title: "COUNT", alignment: .right), .init(title: "TASK", minimum: 12),
        .init(title: "WORKFLOW", minimum: 12),
      ])
      for task in overview.tasks.prefix(Self.listed) {
        table.add([
          .init(TimeText.duration(task.slowest)), .init(TimeText.duration(task.mean)), .init("\(task.count)"),
          .init(task.reference), .init(task.workflow),
        ])
      }
      return table.render(style)
    }
  }
}

extension JSON {
  fileprivate static func rate(_ value: Double) -> JSON { .number(JSONNumber((value * 10).rounded() / 10)) }
}
