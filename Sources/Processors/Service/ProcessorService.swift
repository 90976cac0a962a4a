import Hosting
import Kafka
import Logging
import Postgres
import ServiceLifecycle
import Wire

/// One processor: joins its group and runs its loop until it is told to stop. Waits for Postgres and Kafka, and comes
/// back by itself when it loses them.
public struct ProcessorService: Service {
  private let options: ProcessorOptions
  private let status: ProcessorStatus
  private let logger: Logger
  private let stopSignal = StopSignal()
  /// The start is tried until Postgres and Kafka are there; what is only doubtful is said once.
  private let warnings = Once()

  public init(options: ProcessorOptions, status: ProcessorStatus, logger: Logger) {
    self.options = options
    self.status = status
    self.logger = logger
  }

  /// Runs until ``stop()`` or a graceful shutdown.
  ///
  /// - Throws: only what waiting cannot mend: configuration, or a schema that does not fit.
  public func run() async throws {
    try await withGracefulShutdownHandler {
      try await runUntilStopped()
    } onGracefulShutdown: {
      stop()
    }
  }

  /// Finishes the batch under way, leaves the group and ends ``run()``.
  public func stop() { stopSignal.set() }

  private func runUntilStopped() async throws {
    try await prepare()
    guard !stopSignal.isSet else { return }
    let open = try options.openSink(storeLog: status.store, logger: logger)
    let positions = options.database.map {
      PostgresPositionStore(group: options.group, configuration: $0, timeout: options.databaseTimeout)
    }
    let producer = try KafkaProducer(options.kafka, logger: logger)
    let metrics = ProcessorMetrics(name: options.name, logger: logger)
    let pruning = Task { await prune() }
    var backoff = Backoff()
    while !stopSignal.isSet {
      let joins = status.joins
      do throws(ProcessorError) {
        try await ProcessorMember(
          options: options, sink: open.sink, positions: positions, producer: producer, metrics: metrics, status: status,
          stop: stopSignal,
          logger: logger
        ).run()
      } catch {
        // Who has been a member is not kept waiting for what happened before.
        if status.joins > joins { backoff.reset() }
        status.failed(error)
        await stopSignal.sleep(backoff.next(random: .random(in: 0.5...1)))
      }
    }
    pruning.cancel()
    await producer.close(within: .seconds(1))
    await open.close()
    await positions?.close()
  }

  // MARK: Starting

  private func prepare() async throws(ProcessorError) {
    var backoff = Backoff()
    while !stopSignal.isSet {
      let attempt = await stopSignal.run(grace: .seconds(1)) { await preparationFailure() }
      guard let failure = attempt else { return }
      if failure.code == .configuration { throw failure }
      status.failed(failure)
      await stopSignal.sleep(backoff.next(random: .random(in: 0.5...1)))
    }
  }

  private func preparationFailure() async -> ProcessorError? {
    do throws(ProcessorError) {
      if let database = options.database { try await prepare(database) }
      try await prepareTopics()
      return nil
    } catch {
      return error
    }
  }

  private func prepare(_ database: PostgresConfiguration) async throws(ProcessorError) {
    do throws(PostgresError) {
      try await checkDurability(database)
      try await ProcessorSchema.migrate(database)
    } catch {
      let isHopeless = [.migration, .configuration].contains(error.code)
      throw ProcessorError(isHopeless ? .configuration : .store, "\(error)")
    }
    if case .persistence(let tables) = options.kind { try await ProcessorSchema.check(tables, on: database) }
    status.store.up()
  }

  /// - Throws: `configuration` when Postgres may lose what it has confirmed, unless that is allowed.
  private func checkDurability(_ database: PostgresConfiguration) async throws(PostgresError) {
    let durability = try await ProcessorSchema.withConnection(database) { connection throws(PostgresError) in
      try await Durability.read(on: connection)
    }
    if let danger = durability.dangers.first, !options.allowsUnsafePostgres {
      let others = durability.dangers.dropFirst().map { "; \($0.description)" }.joined()
      throw PostgresError(
        code: .configuration,
        message:
          "it may lose what it has confirmed, so nothing is started: \(danger.description)\(others). Or start with "
          + "--allow-unsafe-postgres (processors.allowUnsafePostgres) where losing and repeating work does not matter")
    }
    warnings.run {
      for weakness in durability.dangers + durability.doubts {
        logger.warning("Postgres is not safe", metadata: ["reason": "\(weakness.description)"])
      }
    }
  }

  /// A channel without a topic would not be seen by the mediator's first event either.
  private func prepareTopics() async throws(ProcessorError) {
    do throws(KafkaError) {
      let admin = try KafkaAdmin(options.kafka, limit: .seconds(3), logger: logger)
      let failure = await createTopics(admin)
      await admin.close()
      if let failure { throw failure }
    } catch {
      throw ProcessorError(error.code == .configuration ? .configuration : .source, "\(error)")
    }
  }

  private func createTopics(_ admin: KafkaAdmin) async -> KafkaError? {
    do throws(KafkaError) {
      if case .channel = options.input { try await create(options.topic, options.topicPartitions, admin) }
      try await create(Topics.deadLetters, 1, admin)
      return nil
    } catch {
      return error
    }
  }

  private func create(_ topic: String, _ partitions: Int32, _ admin: KafkaAdmin) async throws(KafkaError) {
    do throws(KafkaError) {
      try await admin.ensureTopic(topic, partitions: partitions)
    } catch  where !error.isRetriable && error.code != .timedOut && error.code != .unavailable {
      // Some clusters let nobody create topics this way; then somebody has done it, or reading will tell.
      logger.debug("topic not created", metadata: ["topic": "\(topic)", "reason": "\(error)"])
    }
  }

  // MARK: Forgetting

  /// Now and then deletes what is past the retention.
  private func prune() async {
    guard let database = options.database else { return }
    while !stopSignal.isSet, !Task.isCancelled {
      await stopSignal.sleep(.seconds(.random(in: 240...360)))
      guard !stopSignal.isSet else { return }
      do throws(PostgresError) {
        let count = try await ProcessorSchema.withConnection(database) { connection throws(PostgresError) in
          try await ProcessorSchema.prune(olderThan: options.retention, on: connection)
        }
        if count > 0 { logger.info("old rows deleted", metadata: ["rows": "\(count)"]) }
      } catch {
        logger.debug("old rows not deleted", metadata: ["reason": "\(error)"])
      }
    }
  }
}

extension ProcessorError: ExitStatusError {
  public var exitStatus: Int32 { code == .configuration ? ExitStatus.configuration : ExitStatus.failure }
}
