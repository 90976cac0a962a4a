import ArgumentParser
import Mediator
import Toolchain
import Values
import Wire

struct DeadLettersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dlq", abstract: "Shows dead letters, and sends them again.",
    discussion: """
      A dead letter is a record that could not be handled: an event or a reply that cannot be read, an event that no \
      workflow wants, one that the broker refused or that nobody took in time, and the last processing event of a call \
      whose failure nobody caught. Its id is SHARD-SEQUENCE, such as 3-17.

      What processors set aside is on the topic 'mediator.dead-letters' only, with 'dl_source'.
      """,
    subcommands: [List.self, Show.self, DeadLetterEdit.self, DeadLetterRedrive.self, DeadLetterDrop.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists dead letters, newest first.",
      discussion: """
        Those that are open or parked, unless --status says otherwise. Filters are combined.

        Examples:
          mediatorctl dlq list
          mediatorctl dlq list --reason notJSON --since 1h
          mediatorctl dlq list --workflow order-fulfilment --parked
          mediatorctl dlq list --status redriven --status dropped --output json
        """)

    @OptionGroup var filter: DeadLetterOptions
    @Option(help: "How many to list at most, 1 to 1000.")
    var limit = 20
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 1000.") }
    }

    func run() async throws {
      let page = try await database.withPool(file) { pool in
        try await DeadLetterQueries(pool: pool).list(filter.filter(otherwise: [.open, .parked]), limit: limit)
      }
      try output.print(json: DeadLetterReport.json(page)) { DeadLetterReport.text(page, $0) }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one dead letter: its bytes, its headers, what happened to it, and what it became.",
      discussion: """
        --raw writes nothing but the value's bytes, of the edited version where there is one: for 'dlq edit --value'.

        Examples:
          mediatorctl dlq show 3-17
          mediatorctl dlq show 3-17 --output json
          mediatorctl dlq show 3-17 --raw > letter.json
        """)

    @Argument(help: ArgumentHelp("A dead letter: SHARD-SEQUENCE.", valueName: "id"))
    var id: DeadLetterID
    @Flag(help: "Writes the value's bytes, and nothing else.")
    var raw = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func run() async throws {
      let report = try await database.withPool(file) { pool in
        let letter = try await DeadLetterQueries(pool: pool).existing(id)
        return DeadLetterReport(letter, instances: try await DeadLetterTraces(pool).instances(of: letter))
      }
      guard !raw else { return try writeBytes(report.value ?? []) }
      try output.print(json: report.json, text: report.text)
    }
  }
}

/// Which dead letters a command is about.
struct DeadLetterOptions: ParsableArguments {
  @Option(help: "This one; may be repeated.")
  var id: [DeadLetterID] = []
  @Option(help: "With this reason, such as notJSON; may be repeated.")
  var reason: [String] = []
  @Option(help: "From this topic, or for it.")
  var topic: String?
  @Option(help: ArgumentHelp("Of an instance of this workflow: NAMESPACE/NAME or NAME.", valueName: "workflow"))
  var workflow: WorkflowArgument?
  @Option(help: ArgumentHelp("Since then.", valueName: "moment|duration"))
  var since: MomentArgument?
  @Option(help: ArgumentHelp("Before then.", valueName: "moment|duration"))
  var until: MomentArgument?
  @Option(help: "open, redriven, parked, resolved or dropped; may be repeated.")
  var status: [DeadLetterStatus] = []
  @Flag(help: "Those that came back too often: --status parked.")
  var parked = false

  var isEmpty: Bool {
    id.isEmpty && reason.isEmpty && topic == nil && workflow == nil && since == nil && until == nil && status.isEmpty
      && !parked
  }

  func filter(otherwise statuses: Set<DeadLetterStatus>) -> DeadLetterFilter {
    var filter = DeadLetterFilter()
    filter.ids = id
    filter.reasons = Set(reason)
    filter.topic = topic
    filter.namespace = workflow?.namespace
    filter.workflow = workflow?.name
    filter.since = since?.resolved(now: .now())
    filter.until = until?.resolved(now: .now())
    filter.statuses = Set(status + (parked ? [.parked] : []))
    // Who names letters means them, whatever their state.
    if filter.statuses.isEmpty, id.isEmpty { filter.statuses = statuses }
    return filter
  }
}

extension DeadLetterID: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension DeadLetterStatus: ExpressibleByArgument {
  var colour: Colour {
    switch self {
    case .open, .parked: .red
    case .redriven, .resolved: .green
    case .dropped: .faint
    }
  }
}

extension DeadLetterQueries {
  func existing(_ id: DeadLetterID) async throws -> DeadLetterDetail {
    guard let letter = try await details(of: [id]).first else { throw CommandFailure.noDeadLetter(id) }
    return letter
  }
}

extension CommandFailure {
  static func noDeadLetter(_ id: DeadLetterID) -> CommandFailure {
    CommandFailure(
      "there is no dead letter \(id)", next: "'mediatorctl dlq list' shows the newest ones", status: .notFound)
  }
}
