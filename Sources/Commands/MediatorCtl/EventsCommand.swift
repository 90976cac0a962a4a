import ArgumentParser
import Kafka
import Mediator
import Postgres
import Values
import Wire

struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Sends initial events.", subcommands: [Emit.self])

  struct Emit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sends an event, and on request waits for the instances that it starts.",
      discussion: """
        The event is a CloudEvent in binary mode. Its id and source identify it: the same event sent twice starts its \
        instances once. With --count every event gets an id of its own.

        --wait looks into the mediator's database until every instance that the event starts has ended. The exit status \
        is then 0 when all are completed, 1 when one is not or when the event became a dead letter, 7 when the time is \
        over.

        Examples:
          mediatorctl events emit --type com.example.ping --data '{"n": 1}'
          mediatorctl events emit --type equipment.status --key press-1 --wait \\
            --data '{"equipment": "press-1", "device": "edge-1", "sequence": 1,
              "timestamp": "2026-01-02T03:04:05Z", "producing": true,
              "jobPercentFinished": 42}'
          mediatorctl events emit --type com.example.order --data @order.json
          mediatorctl events emit --type com.example.ping --count 100
        """)

    @Option(help: "The event's type.")
    var type: String
    @Option(help: "The event's source, a URI reference.")
    var source = "/mediatorctl"
    @Option(help: "The event's id; a fresh random one when left out.")
    var id: String?
    @Option(help: "The event's subject.")
    var subject: String?
    @Option(help: ArgumentHelp("JSON, @FILE with JSON, or - for JSON from standard input.", valueName: "json|@file|-"))
    var data: String?
    @Option(help: "The record's key: what has the same key is handled in order.")
    var key: String?
    @Option(help: "The queue topic.")
    var topic = Topics.queue
    @Option(help: "How many events to send.")
    var count = 1
    @Flag(help: "Waits until the instances that the event starts have ended.")
    var wait = false
    @Option(help: ArgumentHelp("How long --wait waits.", valueName: "duration"))
    var timeout = DurationArgument(.seconds(60))
    @OptionGroup var output: OutputOptions
    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard (1...100_000).contains(count) else { throw ValidationError("--count must be from 1 to 100000.") }
      if count > 1, id != nil { throw ValidationError("--id names one event: it does not go with --count.") }
      if wait, count > 1_000 { throw ValidationError("--wait waits for 1000 events at most.") }
      guard !type.isEmpty, !source.isEmpty, id?.isEmpty != true else {
        throw ValidationError("--type, --source and --id must not be empty.")
      }
    }

    func run() async throws {
      let events = try makeEvents()
      let configuration = try kafka.configuration(file)
      guard wait else {
        let sent = try await EventSender(configuration).send(events, topic: topic, key: key)
        return try output.print(json: EventReport(sent).json, text: EventReport(sent).text)
      }
      let report = try await database.withPool(file) { pool in
        let watch = EventWatch(pool)
        try await watch.prepare()
        let sent = try await EventSender(configuration).send(events, topic: topic, key: key)
        return EventReport(sent, try await watch.outcomes(of: sent, within: timeout.duration))
      }
      try output.print(json: report.json, text: report.text)
      if let failure = report.failure(timeout: timeout.duration) { throw failure }
    }

    private func makeEvents() throws(CommandFailure) -> [CloudEvent] {
      let data = try data.map { argument throws(CommandFailure) in try readJSON(argument, option: "--data") }
      let time = Timestamp.now().rfc3339
      return (0..<count).map { _ in
        CloudEvent(
          id: id ?? UUIDValue.random().text, source: source, type: type, subject: subject, time: time, data: data)
      }
    }
  }
}

/// An event that the broker has.
struct SentEvent: Sendable {
  let event: CloudEvent
  let topic: String
  /// Nil when the configured partitioner chose it.
  let partition: Int32?
  let offset: Int64
}

/// Sends events, and does not wait for ever as a service would.
struct EventSender {
  private let configuration: KafkaConfiguration
  private let patience: Duration

  init(_ configuration: KafkaConfiguration, patience: Duration = .seconds(10)) {
    self.configuration = configuration
    self.patience = patience
  }

  func send(_ events: [CloudEvent], topic: String, key: String?) async throws -> [SentEvent] {
    let count = try await partitionCount(of: topic)
    // Another partitioner than the usual one has to choose by itself.
    let isUsual = configuration.properties["partitioner"] == nil
    let key = key.map { Array($0.utf8) }
    let partitions = events.map { _ in isUsual ? Partitioner.partition(of: key, among: count) : nil }
    let records = zip(events, partitions).map { CloudEventCodec.encode($0, topic: topic, partition: $1, key: key) }
    let producer = try KafkaProducer(configuration)
    let results = await producer.send(records, orCloseAfter: patience)
    await producer.close()
    var sent: [SentEvent] = []
    for (index, result) in results.enumerated() {
      switch result {
      case .success(let offset):
        sent.append(SentEvent(event: events[index], topic: topic, partition: partitions[index], offset: offset))
      case .failure(let error): throw failure(error, sent: sent.count, of: events.count)
      }
    }
    return sent
  }

  private func partitionCount(of topic: String) async throws -> Int32 {
    let admin = try KafkaAdmin(configuration, limit: patience)
    let described: Result<KafkaTopic, KafkaError>
    do throws(KafkaError) {
      described = .success(try await admin.describe(topic))
    } catch {
      described = .failure(error)
    }
    await admin.close()
    switch described {
    case .success(let topic): return Int32(topic.partitions.count)
    case .failure(let error) where error.code == .unknownTopic:
      throw CommandFailure(
        "there is no topic '\(topic)'", next: "start a mediator, which creates the queue topics, or check --topic",
        status: .notFound)
    case .failure(let error):
      var failure = CommandFailure(kafka: error)
      failure.what = "Kafka at \(configuration.bootstrapServers) does not answer"
      throw failure
    }
  }

  private func failure(_ error: KafkaError, sent: Int, of total: Int) -> CommandFailure {
    var failure = CommandFailure(kafka: error)
    if error.code == .closed { failure.what = "Kafka has not taken it within \(TimeText.duration(patience))" }
    if total > 1 { failure.what += " (\(sent) of \(total) events were sent)" }
    return failure
  }
}

extension UUIDValue {
  /// Version 4 (RFC 9562, section 5.4).
  static func random() -> UUIDValue {
    let (high, low) = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))
    return UUIDValue(high: high & ~0xf000 | 0x4000, low: low & ~(0b11 << 62) | 0b10 << 62)
  }
}
