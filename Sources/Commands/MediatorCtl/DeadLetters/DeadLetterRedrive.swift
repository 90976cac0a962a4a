import ArgumentParser
import Hosting
import Kafka
import Mediator
import Values
import Wire

struct DeadLetterRedrive: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redrive", abstract: "Sends dead letters again to where they came from.",
    discussion: """
      To the original topic and partition, with the original key, headers and value, or the edited ones. Named by id, or \
      all open ones that the filters let through, oldest first. The same event sent again three times has its effect \
      once: it keeps its identity.

      One that comes back is the same dead letter, with one round more. After --max-rounds it is refused without --force. \
      SIGINT ends it after what is under way; what was sent is marked. A crash between the two can only send a letter twice.

      Examples:
        mediatorctl dlq redrive 3-17
        mediatorctl dlq redrive --reason unknownType --since 1h --dry-run
        mediatorctl dlq redrive --workflow order-fulfilment --rate 50/s --yes
        mediatorctl dlq redrive 3-17 --force
      """)

  @OptionGroup var selection: DeadLetterSelection
  @Option(help: ArgumentHelp("How many a second at most.", valueName: "n/s"))
  var rate: RateArgument?
  @Option(help: "Refuses what was sent again so many times. (mediator.maxRedrives, 3)")
  var maxRounds: Int?
  @Flag(help: "Also sends what is parked, dropped, or over --max-rounds.")
  var force = false
  @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
  var why = ""
  @OptionGroup var output: OutputOptions
  @OptionGroup var kafka: KafkaOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    try selection.check()
    if let maxRounds, !(1...1_000).contains(maxRounds) {
      throw ValidationError("--max-rounds must be from 1 to 1000.")
    }
  }

  func run() async throws {
    let limit = try maxRounds ?? file.maxRedrives()
    let configuration = try selection.dryRun ? nil : kafka.configuration(file)
    let report = try await database.withPool(file) { pool in
      let queries = DeadLetterQueries(pool: pool)
      let chosen = try await selection.choose(queries, otherwise: force ? [.open, .parked] : [.open])
      var report = RedriveReport(isDryRun: selection.dryRun)
      var ready: [DeadLetterID] = []
      for entry in chosen {
        if let why = RedriveRefusal.reason(entry, maxRounds: limit, isForced: force) {
          report.refused.append((entry.id, why))
        } else {
          ready.append(entry.id)
          if selection.dryRun { report.sent.append((entry.id, entry.rounds + 1, entry.place)) }
        }
      }
      guard let configuration, !ready.isEmpty else { return report }
      try selection.confirm(ready.count, "send again")
      let redriver = Redriver(
        queries: queries, store: DeadLetterStore(pool: pool, actor: currentActor()), configuration: configuration,
        rate: rate?.perSecond, why: why)
      try await redriver.run(ready, into: &report)
      return report
    }
    try output.print(json: report.json, text: report.text)
    if let failure = report.failure { throw failure }
  }
}

/// Why a dead letter is not sent again.
enum RedriveRefusal {
  static func reason(_ entry: DeadLetterEntry, maxRounds: Int, isForced: Bool) -> String? {
    if entry.isProcessingEvent {
      if entry.status == .resolved { return "a processing event, whose instance has gone on" }
      return
        "a processing event: nobody waits for its reply; \(entry.instance.map(retry) ?? "its instance is not known")"
    }
    if isForced { return nil }
    return switch entry.status {
    case .dropped: "it was dropped; --force sends it all the same"
    case .parked: "it came back \(entry.rounds) times and is parked: edit it, then --force sends it once more"
    case .open, .redriven, .resolved:
      entry.rounds >= maxRounds ? "it was sent again \(entry.rounds) times; --force sends it once more" : nil
    }
  }

  static func retry(_ instance: UUIDValue) -> String { "mediatorctl instances retry \(instance.text)" }
}

/// `50/s`, `600/m`, or `50`.
struct RateArgument: ExpressibleByArgument, Hashable, Sendable {
  let perSecond: Double

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
    let units = ["s": 1.0, "m": 60.0]
    guard let count = parts.first.flatMap({ Double($0) }), count > 0, count.isFinite, parts.count <= 2,
      let unit = parts.count == 2 ? units[String(parts[1])] : 1
    else { return nil }
    perSecond = count / unit
  }
}

/// What became of an order to send dead letters again.
struct RedriveReport: Sendable {
  let isDryRun: Bool
  var sent: [(id: DeadLetterID, round: Int, place: String)] = []
  var refused: [(id: DeadLetterID, why: String)] = []
  var failed: [(id: DeadLetterID, why: String)] = []
  /// How many SIGINT has left undone.
  var left = 0
  var isInterrupted = false

  init(isDryRun: Bool) { self.isDryRun = isDryRun }

  var json: JSON {
    func list(_ items: [(id: DeadLetterID, why: String)]) -> JSON {
      .array(items.map { ["id": .string("\($0.id)"), "why": .string($0.why)] })
    }
    return [
      "dryRun": .bool(isDryRun),
      "sent": .array(
        sent.map { ["id": .string("\($0.id)"), "round": .integer($0.round), "to": .string($0.place)] }),
      "refused": list(refused), "failed": list(failed), "interrupted": .bool(isInterrupted), "left": .integer(left),
    ]
  }

  func text(_ style: Style) -> String {
    var lines = sent.prefix(20).map { item in
      "\(item.id)  \(isDryRun ? "would be sent" : "sent") to \(item.place), round \(item.round)"
    }
    if sent.count > 20 { lines.append("… and \(sent.count - 20) more") }
    lines += refused.map { "\($0.id)  refused: \($0.why)" }
    lines += failed.map { "\($0.id)  failed: \($0.why)" }
    if isInterrupted { lines.append("interrupted: \(left) are left") }
    return lines.isEmpty ? "nothing to send" : lines.joined(separator: "\n")
  }

  /// What an exit status other than 0 has to tell.
  var failure: CommandFailure? {
    if isInterrupted {
      return CommandFailure(
        "interrupted with \(left) dead letters left", next: "the same command goes on with them", status: .interrupted)
    }
    if let first = failed.first { return CommandFailure("\(failed.count) dead letters were not sent", why: first.why) }
    guard !refused.isEmpty, sent.isEmpty || isDryRun else {
      return refused.isEmpty ? nil : CommandFailure("\(refused.count) dead letters were refused")
    }
    return isDryRun ? nil : CommandFailure("nothing was sent", why: refused.first?.why)
  }
}
