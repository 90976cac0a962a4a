import Engine
import Hosting
import Kafka
import Logging
import Postgres
import ServiceLifecycle
import Wire

/// The mediator: holds its fair share of the shards and runs their batch loops until it is told to stop.
public actor MediatorService: Service {
  private let options: MediatorOptions
  private let logger: Logger
  private let status: MediatorStatus
  private let checks: StartChecks
  private var runners: [Int32: (runner: ShardRunner, task: Task<Void, Never>, start: ContinuousClock.Instant)] = [:]
  private var failures: [Int32: Backoff] = [:]
  private var retryAt: [Int32: ContinuousClock.Instant] = [:]
  private var isStopping = false
  private var sleeper: Task<Void, Never>?

  public init(options: MediatorOptions, status: MediatorStatus, logger: Logger) {
    self.options = options
    self.status = status
    self.logger = logger
    checks = StartChecks(options, logger: logger)
  }

  /// Runs until ``stop()`` or a graceful shutdown. Waits for Postgres and Kafka, and comes back by itself when it
  /// loses them.
  ///
  /// - Throws: only what waiting cannot mend: `configuration`, which also is a schema that does not fit, a Postgres that
  ///   may lose what it has confirmed, or a topic that was created anew under a position.
  public func run() async throws {
    try await withGracefulShutdownHandler {
      try await runUntilStopped()
    } onGracefulShutdown: {
      Task { await self.stop() }
    }
  }

  private func runUntilStopped() async throws {
    let producer = try KafkaProducer(options.kafka, logger: logger)
    status.watch("producer") { producer.isReachable }
    let admin = try KafkaAdmin(options.kafka, logger: logger)
    let pool = PostgresPool(options.database, size: 2)
    let leases = LeaseStore(
      pool: pool, mediatorID: options.id, lease: options.shard.lease, timeout: options.databaseTimeout)
    // Of its own: a question about groups must not hold up a takeover.
    let observer = try KafkaAdmin(options.kafka, limit: .seconds(5), logger: logger)
    if let services = try await prepare(producer, admin, pool, leases) {
      let sweeping = sweep()
      let letters = publishDeadLetters(pool, services.publisher)
      let watch = MediatorWatch(
        pool: pool, reader: ChannelReader(admin: observer, configuration: options.kafka), registry: services.registry,
        status: status, mediatorID: options.id, logger: logger)
      let watching = Task { await watch.run() }
      await supervise(services)
      // It may wait for the broker, which the producer's end ends.
      letters.cancel()
      sweeping.cancel()
      watching.cancel()
      await watching.value
      await stopRunners()
      try? await leases.leave()
    }
    await producer.close()
    await observer.close()
    await admin.close()
    await pool.close()
  }

  /// Finishes the batches under way, gives the shards back and ends ``run()``.
  public func stop() {
    isStopping = true
    sleeper?.cancel()
  }

  // MARK: Starting

  /// - Returns: nil when told to stop before everything was there.
  private func prepare(
    _ producer: KafkaProducer, _ admin: KafkaAdmin, _ pool: PostgresPool, _ leases: LeaseStore
  ) async throws -> ShardServices? {
    var backoff = Backoff()
    while !isStopping {
      do {
        let services = try await connect(producer, admin, pool, leases)
        status.store.up()
        status.broker.up()
        return services
      } catch {
        guard Self.mayPass(error) else { throw Self.refusal(error) }
        note(error)
        await wait(backoff.next(random: .random(in: 0...1)))
      }
    }
    return nil
  }

  /// Whether waiting may mend it.
  private static func mayPass(_ error: any Error) -> Bool {
    switch error {
    case let error as MediatorError: error.code != .configuration && error.code != .definition
    case let error as PostgresError: error.code != .migration && error.code != .configuration
    default: false
    }
  }

  private static func refusal(_ error: any Error) -> any Error {
    (error as? PostgresError).map { MediatorError(.configuration, $0.message) } ?? error
  }

  private func note(_ error: any Error) {
    switch error {
    case let error as MediatorError: status.note(error)
    case let error as PostgresError: status.note(MediatorError(postgres: error))
    default: logger.error("\(error)")
    }
  }

  private func connect(
    _ producer: KafkaProducer, _ admin: KafkaAdmin, _ pool: PostgresPool, _ leases: LeaseStore
  ) async throws -> ShardServices {
    try await checks.checkDurability()
    try await MediatorSchema.migrate(options.database)
    let shards = try await leases.initialize(shards: options.shards)
    let secrets = Secrets(options.secrets, seal: try await leases.seal())
    let layout = try await TopicLayout.prepare(options, shards: shards, admin: admin)
    try await checks.checkPositions(
      of: layout, stored: try await StoredPositions.load(pool, timeout: options.databaseTimeout),
      PositionFinder(admin: admin, configuration: options.kafka))
    let partitions = options.topicPartitions
    var engine = options.engine
    engine.secrets = secrets.sealed
    let registry = DefinitionRegistry(
      store: DefinitionStore(pool: pool, timeout: options.databaseTimeout), options: engine, logger: logger,
      prepare: { channels throws(MediatorError) in
        for channel in channels.sorted() {
          try await kafka { () throws(KafkaError) in
            try await admin.ensureTopic(Topics.channel(channel), partitions: partitions)
          }
        }
      })
    _ = try await registry.refreshed()
    return ShardServices(
      options: options, layout: layout, leases: leases, registry: registry, secrets: secrets,
      publisher: KafkaPublisher(producer: producer, logger: logger), admin: admin, status: status,
      metrics: MediatorMetrics(),
      logger: logger)
  }

  /// Now and then, what the dead-letter topic has not taken.
  private nonisolated func publishDeadLetters(_ pool: PostgresPool, _ publisher: KafkaPublisher) -> Task<Void, Never> {
    let letters = DeadLetterPublisher(pool: pool, publisher: publisher, timeout: options.databaseTimeout)
    return Task {
      while !Task.isCancelled {
        // Whatever goes wrong is told by those who need Postgres and Kafka all the time.
        _ = try? await letters.publishDue()
        // Which letters are due is found by looking; nobody waits for one.
        try? await Task.sleep(for: .seconds(10))
      }
    }
  }

  // MARK: Holding shards

  private func supervise(_ services: ShardServices) async {
    while !isStopping {
      do throws(MediatorError) {
        let view = try await services.leases.heartbeat()
        status.store.up()
        status.checkBroker()
        // First of all: the shards of a mediator that is gone are taken over whatever else fails.
        balance(view, services)
        _ = try await services.registry.refreshed()
      } catch {
        status.note(error)
      }
      await wait(options.heartbeat)
    }
  }

  private func balance(_ view: LeaseStore.View, _ services: ShardServices) {
    let decision = ShardBalance.decide(me: options.id, view: view, owned: Set(runners.keys))
    for shard in decision.release { runners[shard]?.runner.stop() }
    let now = ContinuousClock.now
    for shard in decision.claim where retryAt[shard].map({ $0 <= now }) ?? true { start(shard, services) }
    for shard in failures.keys where hasWorked(shard, at: now) { failures[shard] = nil }
    status.update(owned: Set(runners.keys), of: view.shards.count, failing: Set(failures.keys))
  }

  private func start(_ shard: Int32, _ services: ShardServices) {
    let runner = ShardRunner(shard: shard, services: services)
    let task = Task {
      let ending = await runner.run()
      ended(shard, ending)
    }
    runners[shard] = (runner, task, .now)
  }

  private func ended(_ shard: Int32, _ ending: ShardRunner.Ending) {
    // What had worked for a while has not failed again and again.
    if hasWorked(shard, at: .now) { failures[shard] = nil }
    runners[shard] = nil
    switch ending {
    case .released:
      failures[shard] = nil
      status.settled(shard: shard)
      logger.info("shard given back", metadata: ["shard": "\(shard)"])
    case .failed(let error):
      status.note(error, shard: shard)
      var backoff = failures[shard] ?? Backoff()
      retryAt[shard] = ContinuousClock.now + backoff.next(random: .random(in: 0.5...1))
      failures[shard] = backoff
    }
  }

  private func hasWorked(_ shard: Int32, at now: ContinuousClock.Instant) -> Bool {
    runners[shard].map { now - $0.start > .seconds(30) } ?? false
  }

  /// What is over goes in the background.
  private func sweep() -> Task<Void, Never> {
    let sweeper = RetentionSweeper(
      database: options.database, options: options.retention, timeout: options.databaseTimeout, logger: logger)
    return Task { await sweeper.run { await self.ownedShards } }
  }

  private var ownedShards: [Int32] { runners.keys.sorted() }

  private func stopRunners() async {
    for entry in runners.values { entry.runner.stop() }
    for entry in Array(runners.values) { await entry.task.value }
  }

  /// Waits, but no longer than until ``stop()``.
  private func wait(_ duration: Duration) async {
    guard !isStopping else { return }
    // `stop()` cancels it.
    let sleeper = Task { _ = try? await Task.sleep(for: duration) }
    self.sleeper = sleeper
    await sleeper.value
  }
}
