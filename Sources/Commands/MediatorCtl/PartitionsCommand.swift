import ArgumentParser
import Kafka
import Mediator
import Toolchain
import Values

struct PartitionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partitions", abstract: "Shows how far the source partitions are read, and decides about halted ones.",
    subcommands: [List.self, Accept.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the partitions that mediators read: their positions, and those that are halted.",
      discussion: """
        POSITION is the next offset; '-' tells that the partition is read from its beginning. Halted ones come first.

        Examples:
          mediatorctl partitions list
          mediatorctl partitions list --output json
        """)

    @Option(help: "How many partitions to list at most.")
    var limit = 500
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 10000.") }
    }

    func run() async throws {
      let partitions = try await database.withPool(file) { try await PartitionDesk(pool: $0).partitions() }
      let list = PartitionList(partitions, limit: limit)
      try output.print(json: list.json, text: list.text)
    }
  }

  struct Accept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Accepts what a halted partition has lost, and has it read on.",
      discussion: """
        A partition is halted when its topic was created anew, the broker lost records, or records were deleted before \
        they were read. Where no mediator has halted it (one that is started then refuses to), this command compares \
        its position with the broker itself. What is lost stays lost. With '--from earliest' it is read from the first record that the broker \
        has: events whose instance is there, and replies that were taken, change nothing. With 'latest' or an offset the \
        records before it are skipped: their events start nothing, and instances that wait for their replies fault by \
        their deadline; that needs Kafka's address. Mediators need not be stopped: the one that has the partition's shard \
        takes it over again within seconds. Who decided when, why and what is kept in the table position_decisions.

        Examples:
          mediatorctl partitions accept mediator.queue 0 --reason 'topic created anew on purpose'
          mediatorctl partitions accept mediator.queue 0 --from latest --dry-run
        """)

    @Argument(help: ArgumentHelp("The topic.", valueName: "topic"))
    var topic: String
    @Argument(help: ArgumentHelp("The number of the partition.", valueName: "partition"))
    var partition: Int32
    @Option(help: ArgumentHelp("Where to read on: earliest, latest or an offset.", valueName: "place"))
    var from = ReadingPlace.earliest
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard partition >= 0 else { throw ValidationError("A partition's number is not negative.") }
    }

    func run() async throws {
      let place = TopicPartition(topic: topic, partition: partition)
      let plan = try await database.withPool(file) { pool in
        let desk = PartitionDesk(pool: pool)
        let partitions = try await desk.partitions()
        // Of one that was never read there is nothing to compare.
        let isUnhalted = partitions.contains { $0.partition == place && $0.halts.isEmpty }
        let finding = isUnhalted ? try await withBroker { try await desk.finding(about: place, $0) } : nil
        var plan = try AcceptancePlan(place, among: partitions, finding: finding)
        let position = try await chosenPosition(place)
        plan.position = position?.next
        guard !decision.dryRun else { return plan }
        try askBefore(plan.question, unless: decision.yes)
        guard
          let carriedOut = try await desk.accept(
            place, from: position, finding: finding, author: decision.who, reason: decision.reason)
        else { throw AcceptancePlan.refusal(place, among: try await desk.partitions()) }
        plan.decision = carriedOut
        return plan
      }
      try output.print(json: plan.json, text: plan.text)
    }

    /// Nil: from the first record that the broker has.
    private func chosenPosition(_ place: TopicPartition) async throws -> Position? {
      guard from != .earliest else { return nil }
      return try await withBroker { finder in
        let bounds = try await finder.bounds(of: place)
        let offset = try from.resolved(within: bounds, of: place)
        return try await finder.position(at: offset, of: place, within: bounds)
      }
    }

    private func withBroker<Value: Sendable>(_ body: (PositionFinder) async throws -> Value) async throws -> Value {
      let configuration = try kafka.configuration(file)
      let admin = try KafkaAdmin(configuration, limit: .seconds(5))
      do {
        let value = try await body(PositionFinder(admin: admin, configuration: configuration))
        await admin.close()
        return value
      } catch {
        await admin.close()
        throw error
      }
    }
  }
}

/// Where a partition is read on.
enum ReadingPlace: ExpressibleByArgument, Hashable, Sendable {
  case earliest
  case latest
  case offset(Int64)

  init?(argument: String) {
    switch argument {
    case "earliest": self = .earliest
    case "latest": self = .latest
    default:
      guard let offset = Int64(argument), offset >= 0 else { return nil }
      self = .offset(offset)
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .earliest: "earliest"
    case .latest: "latest"
    case .offset(let offset): "\(offset)"
    }
  }

  /// - Throws: where the broker has no such place.
  func resolved(within bounds: KafkaWatermarks, of partition: TopicPartition) throws(CommandFailure) -> Int64 {
    switch self {
    case .earliest: return bounds.low
    case .latest: return bounds.high
    case .offset(let offset):
      guard offset >= bounds.low, offset <= bounds.high else {
        throw CommandFailure(
          "\(partition) cannot be read from \(offset)",
          why: "the broker has the offsets from \(bounds.low) on, and the next record gets \(bounds.high)",
          status: .invalid)
      }
      return offset
    }
  }
}

/// What accepting the loss of a halted partition does. Pure.
struct AcceptancePlan: Sendable {
  let partition: SourcePartition
  /// What is wrong with its position, where no mediator has halted it.
  private let finding: String?
  /// Where it is read on; nil: from the first record that the broker has.
  var position: Int64?
  /// Nil as long as nothing is done.
  var decision: PositionDecision?

  /// - Throws: when the partition is not halted, and nothing was found about it.
  init(
    _ place: TopicPartition, among partitions: [SourcePartition], finding: PositionFinder.Finding? = nil
  ) throws(CommandFailure) {
    guard let found = partitions.first(where: { $0.partition == place }), !found.halts.isEmpty || finding != nil else {
      throw Self.refusal(place, among: partitions)
    }
    partition = found
    self.finding = finding?.reason
  }

  static func refusal(_ place: TopicPartition, among partitions: [SourcePartition]) -> CommandFailure {
    let halted = partitions.filter { !$0.halts.isEmpty }.map { "\($0.partition)" }
    return CommandFailure(
      "\(place) is not halted", why: "there is nothing to decide about",
      next: halted.isEmpty ? "no partition is halted" : "halted: \(halted.joined(separator: ", "))")
  }

  var question: String { "Accept what \(partition.partition) has lost, and read it \(whereTo)?" }

  private var whereTo: String {
    position.map { "from offset \($0)" } ?? "from the first record that the broker has"
  }

  /// What it was before: as the decision found it, or as it was seen.
  private var former: Int64? {
    if let decision { return decision.former }
    return partition.position
  }

  var json: JSON {
    [
      "dryRun": .bool(decision == nil), "topic": .string(partition.partition.topic),
      "partition": .integer(partition.partition.partition), "shard": .integer(partition.shard),
      "former": .integer(former), "position": .integer(position), "epoch": .integer(decision?.epoch),
      "decision": .integer(decision?.number), "halts": .array(partition.halts.map(\.json)),
      "finding": finding.map { .string($0) } ?? .null,
    ]
  }

  func text(_ style: Style) -> String {
    var fields = FieldList()
    fields.add("shard", "\(partition.shard)")
    fields.add(
      "halted",
      lines: partition.halts.map { TextWidth.plain("\($0.reason) (\($0.mediator), \(style.moment($0.since)))") })
    if let finding { fields.add("found", TextWidth.plain(finding)) }
    fields.add("position", former.map { "\($0)" } ?? "none")
    let note: String
    if let decision {
      note = "it is read \(whereTo); its shard is taken over anew, in an epoch above \(decision.epoch)"
    } else {
      note = "it would be read \(whereTo)"
    }
    return "\(TextWidth.plain("\(partition.partition)"))\n\(fields.render(style))\nnote: \(note)"
  }
}

/// The partitions, for people and for machines.
struct PartitionList {
  private let partitions: [SourcePartition]
  private let hasMore: Bool

  init(_ partitions: [SourcePartition], limit: Int) {
    self.partitions = Array(partitions.prefix(limit))
    hasMore = partitions.count > limit
  }

  var json: JSON {
    [
      "hasMore": .bool(hasMore),
      "partitions": .array(
        partitions.map { partition in
          [
            "topic": .string(partition.partition.topic), "partition": .integer(partition.partition.partition),
            "shard": .integer(partition.shard), "position": .integer(partition.position),
            "halts": .array(partition.halts.map(\.json)),
          ]
        }),
    ]
  }

  func text(_ style: Style) -> String {
    guard !partitions.isEmpty else { return "No partition was read yet." }
    var table = Table([
      .init(title: "TOPIC", minimum: 12), .init(title: "PARTITION", alignment: .right),
      .init(title: "SHARD", alignment: .right), .init(title: "POSITION", alignment: .right),
      .init(title: "STATE"), .init(title: "SINCE"), .init(title: "MEDIATOR", minimum: 8),
      .init(title: "REASON", minimum: 20),
    ])
    for partition in partitions {
      let first: [Table.Cell] = [
        .init(partition.partition.topic), .init("\(partition.partition.partition)"), .init("\(partition.shard)"),
        .init(partition.position.map { "\($0)" } ?? "-"),
      ]
      let read: [Table.Cell] = [.init("read"), .init(""), .init(""), .init("")]
      if partition.halts.isEmpty { table.add(first + read) }
      for halt in partition.halts {
        let halted: [Table.Cell] = [
          .init("halted", .red), .init(style.shortMoment(halt.since)), .init(halt.mediator), .init(halt.reason),
        ]
        table.add(first + halted)
      }
    }
    return table.render(style) + (hasMore ? "\n… and more: raise --limit" : "")
  }
}

extension HaltedPartition {
  var json: JSON { ["reason": .string(reason), "since": .time(since), "mediator": .string(mediator)] }
}
