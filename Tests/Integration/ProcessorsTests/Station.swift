import Kafka
import Logging
import Postgres
import Processors
import Synchronization
import TestSupport
import Testing
import Values
import Wire

/// A channel of its own on the shared broker, a database of its own, and someone who waits for the replies.
final class Station: Sendable {
  let channel: String
  let databaseURL: String
  let kafka: KafkaConfiguration
  let logs = LogLines()
  private let repliesTopic: String
  private let producer: KafkaProducer
  private static let counter = Atomic<Int>(0)

  /// - Parameters:
  ///   - broker: nil: the one that all share.
  ///   - database: a URL to use, for a path with obstacles; nil: a new database.
  init(partitions: Int32 = 2, broker: BrokerServer? = nil, database: String? = nil) async throws {
    let number = Self.counter.add(1, ordering: .relaxed).newValue
    channel = "test-\(number)-\(UInt32.random(in: 0...UInt32.max))"
    repliesTopic = "replies.\(channel)"
    if let broker { kafka = broker.configuration } else { kafka = try await BrokerServer.shared.configuration }
    if let database {
      databaseURL = database
    } else {
      databaseURL = try await PostgresServer.shared.databaseURL(newDatabase: "processors")
    }
    producer = try KafkaProducer(kafka)
    let admin = try KafkaAdmin(kafka)
    try await admin.createTopic(Topics.channel(channel), partitions: partitions)
    try await admin.createTopic(repliesTopic, partitions: 1)
    try await admin.createTopic(Topics.deadLetters, partitions: 1)
    await admin.close()
  }

  // MARK: Processors

  func options(_ kind: ProcessorOptions.Kind, instance: String? = nil) throws -> ProcessorOptions {
    var options = ProcessorOptions(
      kind: kind, name: channel, input: .channel(channel), instance: instance, kafka: kafka,
      database: try PostgresConfiguration(databaseURL), topicPartitions: 2)
    options.loop.commitInterval = .milliseconds(50)
    options.databaseTimeout = .seconds(3)
    // The server that the tests share is without fsync.
    options.allowsUnsafePostgres = true
    return options
  }

  func start(_ kind: ProcessorOptions.Kind, instance: String? = nil) throws -> RunningProcessor {
    RunningProcessor(try options(kind, instance: instance), logger: logs.logger)
  }

  /// Runs one for as long as the body does.
  func withProcessor<Value: Sendable>(
    _ kind: ProcessorOptions.Kind, _ body: () async throws -> Value
  ) async throws -> Value {
    let processor = try start(kind)
    let result: Result<Value, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    try await processor.stop()
    return try result.get()
  }

  // MARK: Asking

  func event(
    _ key: String, _ data: JSON, attempt: Int = 1, deadline: Timestamp = .now() + .seconds(120),
    partitionKey: String? = nil
  ) -> ProcessingEvent {
    ProcessingEvent(
      id: "\(key).\(attempt)", idempotencyKey: key, source: "/workflows/test/one/1.0.0", channel: channel,
      taskReference: "/do/0/call", correlationID: "instance-\(key)", causationID: "instance-\(key)", attempt: attempt,
      deadline: deadline, replyTopic: repliesTopic, replyPartition: 0, key: Array((partitionKey ?? key).utf8),
      data: data)
  }

  func send(_ events: [ProcessingEvent]) async throws { try await send(events.map { $0.encode() }) }

  func send(_ records: [OutgoingRecord]) async throws {
    for result in await producer.send(records) { _ = try result.get() }
  }

  /// Sends one event and waits for its reply.
  func ask(_ key: String, _ data: JSON) async throws -> Reply.Kind {
    let before = try await replies(atLeast: 0).count
    try await send([event(key, data)])
    let replies = try await replies(atLeast: before + 1)
    return try #require(replies.last { $0.causationID == "\(key).1" }).kind
  }

  // MARK: Looking

  /// All replies so far, at least this many.
  func replies(atLeast count: Int, within limit: Duration = .seconds(30)) async throws -> [Reply] {
    try await scan(repliesTopic, atLeast: count, within: limit).map { record in
      #expect(record.partition == 0)
      return try Reply.decode(record)
    }
  }

  func deadLetters(atLeast count: Int) async throws -> [KafkaRecord] {
    try await poll(within: .seconds(30), "\(count) dead letters") {
      let letters = try await self.scan(Topics.deadLetters, atLeast: 0, within: .seconds(10))
        .filter { $0.header("dl_topic") == Topics.channel(self.channel) }
      return letters.count >= count ? letters : nil
    }
  }

  private func scan(_ topic: String, atLeast count: Int, within limit: Duration) async throws -> [KafkaRecord] {
    let consumer = try await KafkaConsumer.assigned(
      kafka, positions: [TopicPartition(topic: topic, partition: 0): KafkaPosition.beginning])
    var records: [KafkaRecord] = []
    let end = ContinuousClock.now + limit
    while true {
      let batch = try await consumer.nextBatch(max: 1000, wait: .milliseconds(300))
      records += batch
      if batch.isEmpty && (records.count >= count || ContinuousClock.now > end) { break }
    }
    await consumer.close()
    try #require(records.count >= count, "\(topic) has \(records.count) records, not \(count): \(logs.all.suffix(20))")
    return records
  }

  func query(_ sql: String) async throws -> PostgresRows {
    let connection = try await PostgresConnection.connect(PostgresConfiguration(databaseURL))
    let rows = try await connection.query(sql)
    await connection.close()
    return rows
  }

  func count(_ sql: String) async throws -> Int {
    let rows = try await query(sql)
    return try #require(rows.first).int(0)
  }

  func execute(_ script: String) async throws {
    let connection = try await PostgresConnection.connect(PostgresConfiguration(databaseURL))
    try await connection.execute(script: script)
    await connection.close()
  }

  /// The next offsets that the group has committed, all partitions together.
  func committed() async throws -> Int64 {
    let admin = try KafkaAdmin(kafka)
    let lag = try await admin.groupLag("mediator.processor.\(channel)")
    await admin.close()
    return lag.values.reduce(0) { $0 + $1.committed }
  }
}

/// A processor service in this process.
final class RunningProcessor: Sendable {
  private let service: ProcessorService
  private let task: Task<Void, any Error>

  init(_ options: ProcessorOptions, logger: Logger) {
    let service = ProcessorService(
      options: options, status: ProcessorStatus(name: options.name, logger: logger), logger: logger)
    self.service = service
    task = Task { try await service.run() }
  }

  /// Asks it to end and waits until it has.
  func stop() async throws {
    service.stop()
    try await task.value
  }

  /// Why it ended by itself.
  func failure() async -> (any Error)? {
    do {
      try await task.value
      return nil
    } catch {
      return error
    }
  }
}

extension KafkaRecord {
  func header(_ name: String) -> String? {
    headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension Reply.Kind {
  var output: JSON? {
    if case .completed(let output) = self { output } else { nil }
  }

  var failure: TaskFailure? {
    if case .failed(let failure) = self { failure } else { nil }
  }
}

/// Every log line, at every level.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
      lines.lines.withLock { $0.append(line) }
    }
  }
}
