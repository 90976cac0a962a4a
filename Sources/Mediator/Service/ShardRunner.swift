import Kafka
import Logging
import Postgres
import Synchronization
import Values

/// Runs one shard from takeover to release: opens what a worker needs, drives its turns, and closes everything again.
final class ShardRunner: Sendable {
  let shard: Int32
  private let services: ShardServices
  private let stopping = Mutex(false)

  init(shard: Int32, services: ShardServices) {
    self.shard = shard
    self.services = services
  }

  /// Asks the runner to give the shard back after the turn that is under way.
  func stop() { stopping.withLock { $0 = true } }

  private var isStopping: Bool { stopping.withLock { $0 } }

  enum Ending: Sendable {
    /// Given back, or never taken: another mediator has it.
    case released
    case failed(MediatorError)
  }

  func run() async -> Ending {
    let connection: PostgresConnection
    do throws(PostgresError) {
      connection = try await PostgresConnection.connect(services.options.database)
    } catch {
      return .failed(MediatorError(postgres: error))
    }
    let ending = await run(on: connection)
    await connection.close()
    return ending
  }

  private func run(on connection: PostgresConnection) async -> Ending {
    do throws(MediatorError) {
      guard let takeover = try await services.leases.takeOver(shard, on: connection) else { return .released }
      let source = try await openSource(connection)
      services.status.watch("shard \(shard)") { source.isReachable }
      let result = await work(takeover, source, connection)
      services.status.watch("shard \(shard)", isReachable: nil)
      await source.close()
      switch result {
      case .success(let mark):
        try await services.leases.release(takeover, publishMark: mark, on: connection)
        return .released
      case .failure(let error): return .failed(error)
      }
    } catch {
      return .failed(error)
    }
  }

  private func openSource(_ connection: PostgresConnection) async throws(MediatorError) -> KafkaSource {
    let positions = try await services.leases.positions(on: connection)
    return try await KafkaSource.open(
      services.layout.partitions(of: shard), stored: positions, configuration: services.options.kafka,
      repliesTopic: services.layout.repliesTopic,
      admin: services.admin, groupID: MediatorOptions.reportingGroup, halts: services.status.halts)
  }

  private func work(
    _ takeover: ShardTakeover, _ source: KafkaSource, _ connection: PostgresConnection
  ) async -> Result<Int64, MediatorError> {
    let options = services.options
    let store = PostgresShardStore(
      connection: connection, takeover: takeover, lease: options.shard.lease,
      publishesEveryRow: options.shard.lifecycle != .off, maxRedrives: options.shard.maxRedrives,
      timeout: options.databaseTimeout)
    var shard = options.shard
    shard.shards = services.layout.shards
    shard.secrets = services.secrets
    let worker = ShardWorker(
      takeover: takeover, options: shard, source: source, publisher: services.publisher, store: store,
      catalogs: services.registry, clock: SystemClock())
    services.logger.info(
      "shard taken over", metadata: ["shard": "\(takeover.shard)", "epoch": "\(takeover.epoch)"])
    do throws(MediatorError) {
      var isFirst = true
      while !isStopping {
        let report = try await worker.turn()
        services.metrics.record(report)
        for item in report.givenUp { log(item) }
        if isFirst { services.status.settled(shard: takeover.shard) }
        isFirst = false
      }
      return .success(await worker.publishMark)
    } catch {
      return .failure(error)
    }
  }
}

extension ShardRunner {
  private func log(_ item: GivenUp) {
    services.logger.error(
      "given up: it cannot be stored",
      metadata: ["what": "\(item.what.rawValue)", "of": "\(item.subject)", "reason": "\(item.reason)"])
  }
}

/// What the shards of a process share.
struct ShardServices: Sendable {
  let options: MediatorOptions
  let layout: TopicLayout
  let leases: LeaseStore
  let registry: DefinitionRegistry
  let secrets: Secrets
  let publisher: KafkaPublisher
  let admin: KafkaAdmin
  let status: MediatorStatus
  let metrics: MediatorMetrics
  let logger: Logger
}
