import ArgumentParser
import Engine
import Kafka
import Mediator
import Toolchain
import Values

struct TraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Follows what a key or an event led to, through instances and topics.",
    discussion: """
      Takes the key of a record, an event's id, or an instance's id. The instances come from the database, the records \
      from the topics: of them only the headers are looked at, never the data. What was found by its headers alone (a \
      topic that processors read without a mediator) is told with the groups that have read it.

      Examples:
        mediatorctl trace press-1
        mediatorctl trace e8195daa-ec4b-4f1a-abb4-1008cd60574b --since 1d
        mediatorctl trace press-1 --topic EquipmentStatus --output json
      """)

  @Argument(help: ArgumentHelp("A record's key, an event's id, or an instance's id.", valueName: "key|id"))
  var subject: String
  @Option(help: ArgumentHelp("Not before then.", valueName: "moment|duration"))
  var since: MomentArgument = .ago(.seconds(3_600))
  @Option(help: "How many instances to follow at most, 1 to 1000.")
  var limit = 50
  @Option(help: "How many records to look at, at most.")
  var records = 100_000
  @Option(help: "Only in this topic; may be repeated. (default: all)")
  var topic: [String] = []
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var kafka: KafkaOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 1000.") }
    guard (1...10_000_000).contains(records) else { throw ValidationError("--records must be from 1 to 10000000.") }
  }

  func run() async throws {
    let since = since.resolved(now: .now())
    let (instances, isComplete) = try await database.withPool(file) { pool in
      try await TraceQueries(pool: pool).instances(of: subject, since: since, limit: limit)
    }
    let report = try await kafka.withAdmin(file) { admin, configuration in
      guard let admin, let configuration else {
        return TraceReport(Trace(instances: instances, records: []), isComplete: isComplete, kafkaProblem: noAddress)
      }
      let reader = TraceReader(admin: admin, configuration: configuration)
      let interest = TraceInterest(subject: subject, instances: instances)
      let found = try await reader.records(since: since, limit: records, topics: topic, interest.includes)
      let events = found.records.filter { $0.correlationID == nil && $0.deadLetterOf == nil }
      let readers = try await reader.readers(of: Array(events.prefix(limit)))
      return TraceReport(
        Trace(instances: instances, records: found.records, readers: readers),
        isComplete: isComplete && found.isComplete, kafkaProblem: nil)
    }
    guard !report.isEmpty else {
      throw CommandFailure(
        "nothing is known of '\(subject)' since \(since.rfc3339)",
        next: "look further back with --since, or give --bootstrap-servers", status: .notFound)
    }
    try output.print(json: report.json, text: report.text)
  }

  private var noAddress: String { "no --bootstrap-servers were given" }
}

/// Which records belong to a trace, by their headers. Pure.
struct TraceInterest {
  private let subject: String
  private let key: [UInt8]
  private let ids: Set<String>
  private let instances: Set<String>

  init(subject: String, instances: [Trace.Instance]) {
    self.subject = subject
    key = Array(subject.utf8)
    self.instances = Set(instances.map(\.summary.id.text))
    ids = Set(
      instances.flatMap { $0.requests.map(\.id) } + instances.flatMap { $0.emitted.map(\.id) }
        + instances.compactMap(\.summary.eventID) + [subject])
  }

  func includes(_ record: Trace.Record) -> Bool {
    if let id = record.id, ids.contains(id) { return true }
    if let cause = record.causationID, ids.contains(cause) || instances.contains(cause) { return true }
    if let correlation = record.correlationID { return instances.contains(correlation) }
    // What belongs to an instance has its key as well, and came in above if the instance is one of these.
    return record.key == key
  }
}

struct TraceReport: Sendable {
  private let trace: Trace
  private let isComplete: Bool
  private let kafkaProblem: String?

  init(_ trace: Trace, isComplete: Bool, kafkaProblem: String?) {
    self.trace = trace
    self.isComplete = isComplete
    self.kafkaProblem = kafkaProblem
  }

  var isEmpty: Bool { trace.roots.isEmpty }

  var json: JSON {
    [
      "roots": .array(trace.roots.map(\.json)), "isComplete": .bool(isComplete), "kafkaProblem": .text(kafkaProblem),
    ]
  }

  func text(_ style: Style) -> String {
    var lines: [String] = []
    for root in trace.roots { add(root, "", "", style, &lines) }
    if !isComplete { lines.append("… and more: raise --limit or --records, or shorten --since") }
    if let kafkaProblem { lines.append("Records were not looked at: \(TextWidth.plain(kafkaProblem))") }
    return lines.joined(separator: "\n")
  }

  private func add(_ node: Trace.Node, _ first: String, _ rest: String, _ style: Style, _ lines: inout [String]) {
    lines.append(first + TextWidth.plain(node.line(style)))
    let effects = node.effects
    for (place, effect) in effects.enumerated() {
      let isLast = place == effects.count - 1
      add(effect, rest + (isLast ? "└─ " : "├─ "), rest + (isLast ? "   " : "│  "), style, &lines)
    }
  }
}

extension Trace.Node {
  var effects: [Trace.Node] {
    switch self {
    case .record(_, _, let effects), .instance(_, let effects), .unseen(_, _, _, let effects): effects
    }
  }

  fileprivate func line(_ style: Style) -> String {
    switch self {
    case .record(let record, let readers, _):
      "\(style.timeOfDay(record.at, on: style.now))  \(record.type ?? "record")  \(record.id ?? "-")  \(record.place)"
        + (readers.isEmpty ? "" : "  read by \(readers.joined(separator: ", "))")
    case .instance(let instance, _):
      "\(style.timeOfDay(instance.summary.startedAt, on: style.now))  ▶ \(instance.summary.namespace)/"
        + "\(instance.summary.name) \(instance.summary.version)  \(instance.summary.id.text)  "
        + instance.summary.status.rawValue
    case .unseen(let id, let what, let at, _):
      "\(style.timeOfDay(at, on: style.now))  \(what)  \(id)  (its record was not seen)"
    }
  }

  fileprivate var json: JSON {
    let effects = JSON.array(self.effects.map(\.json))
    switch self {
    case .record(let record, let readers, _):
      return [
        "kind": "record", "at": .time(record.at), "topic": .string(record.topic),
        "partition": .integer(record.partition), "offset": .integer(record.offset), "id": .text(record.id),
        "source": .text(record.source), "type": .text(record.type), "causationId": .text(record.causationID),
        "readBy": .array(readers.map { .string($0) }), "effects": effects,
      ]
    case .instance(let instance, _):
      var object = instance.summary.json
      object["kind"] = "instance"
      object["effects"] = effects
      return .object(object)
    case .unseen(let id, let what, let at, _):
      return ["kind": "unseen", "at": .time(at), "id": .string(id), "what": .string(what), "effects": effects]
    }
  }
}
