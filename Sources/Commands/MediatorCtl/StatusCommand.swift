import ArgumentParser
import Engine
import Mediator
import Toolchain
import Values

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows mediators, shards, and what they did in the last hour.",
    discussion: """
      All times are the database's. UNPUBLISHED is how far publishing is behind the journal. At most \
      \(WorkflowQueries.countLimit) of each are counted, the newest; '+' tells that there are more.

      Examples:
        mediatorctl status
        mediatorctl status --output json
      """)

  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func run() async throws {
    let status = try await database.withPool(file) { try await ClusterQueries(pool: $0).status() }
    try output.print(json: StatusReport.json(status)) { StatusReport.text(status, $0) }
  }
}

enum StatusReport {
  static func json(_ status: ClusterStatus) -> JSON {
    var reasons = JSONObject()
    for (reason, count) in sorted(status.deadLetters) { reasons[reason] = .integer(count) }
    return [
      "now": .time(status.now),
      "mediators": .array(
        status.mediators.map {
          [
            "id": .string($0.id), "isAlive": .bool(status.isAlive($0)), "startedAt": .time($0.startedAt),
            "seenAt": .time($0.seenAt), "shards": .integer($0.shards),
          ]
        }),
      "shards": .array(
        status.shards.map {
          [
            "shard": .integer($0.shard), "owner": status.isOwned($0) ? .text($0.owner) : .null,
            "epoch": .integer($0.epoch), "leaseEndsAt": .time($0.leaseEndsAt), "batches": .integer($0.batches),
            "unpublished": .integer($0.unpublished),
          ]
        }),
      "instances": ["open": status.open.json, "startedInLastHour": status.recent.json],
      "deadLetters": [
        "inLastHour": .integer(status.deadLetters.byReason.values.reduce(0, +)), "byReason": .object(reasons),
        "newestAt": .time(status.deadLetters.newestAt),
      ],
    ]
  }

  static func text(_ status: ClusterStatus, _ style: Style) -> String {
    var style = style
    // The moments are the database's, and so must be what they relate to.
    style.now = status.now
    var fields = FieldList()
    fields.add("Open", status.open.text)
    fields.add("Last hour", status.recent.text)
    fields.add("Dead letters", deadLetters(status.deadLetters, style))
    return [mediators(status, style), shards(status, style), fields.render(style)].joined(separator: "\n\n")
  }

  private static func mediators(_ status: ClusterStatus, _ style: Style) -> String {
    guard !status.mediators.isEmpty else { return style.painted("No mediator is running.", .red) }
    var table = Table([
      .init(title: "MEDIATOR", minimum: 12), .init(title: "STATE"), .init(title: "SHARDS", alignment: .right),
      .init(title: "STARTED"), .init(title: "SEEN"),
    ])
    for mediator in status.mediators {
      let isAlive = status.isAlive(mediator)
      table.add([
        .init(mediator.id), .init(isAlive ? "alive" : "silent", isAlive ? .green : .red), .init("\(mediator.shards)"),
        .init(style.shortMoment(mediator.startedAt)), .init(style.shortMoment(mediator.seenAt)),
      ])
    }
    return table.render(style)
  }

  private static func shards(_ status: ClusterStatus, _ style: Style) -> String {
    guard !status.shards.isEmpty else { return "No shards: no mediator has run yet." }
    var table = Table([
      .init(title: "SHARD", alignment: .right), .init(title: "OWNER", minimum: 12),
      .init(title: "EPOCH", alignment: .right), .init(title: "LEASE", alignment: .right),
      .init(title: "BATCHES", alignment: .right), .init(title: "UNPUBLISHED", alignment: .right),
    ])
    for shard in status.shards {
      let isOwned = status.isOwned(shard)
      let lease = isOwned ? shard.leaseEndsAt.map { TimeText.duration($0 - status.now) } : nil
      table.add([
        .init("\(shard.shard)"), isOwned ? .init(shard.owner ?? "") : .init("nobody", .red), .init("\(shard.epoch)"),
        .init(lease ?? "-"), .init("\(shard.batches)"),
        .init("\(shard.unpublished)", shard.unpublished > 0 && !isOwned ? .red : nil),
      ])
    }
    return table.render(style)
  }

  private static func deadLetters(_ letters: ClusterStatus.DeadLetters, _ style: Style) -> String {
    let newest = letters.newestAt.map { ", newest \(style.moment($0))" } ?? ""
    guard !letters.byReason.isEmpty else { return "none in the last hour\(newest)" }
    let reasons = sorted(letters).map { "\($1) \(TextWidth.plain($0))" }.joined(separator: ", ")
    return "\(reasons) in the last hour\(newest)"
  }

  private static func sorted(_ letters: ClusterStatus.DeadLetters) -> [(String, Int)] {
    letters.byReason.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }
}
