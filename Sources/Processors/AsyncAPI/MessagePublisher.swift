import Kafka
import Logging
import Synchronization

/// Writes records to the clusters that may be written to.
protocol MessagePublisher: Sendable {
  /// - Returns: when all in-sync replicas have the record, or when it is given up.
  func publish(_ record: OutgoingRecord, to cluster: ClusterRules.Cluster) async -> Result<Int64, KafkaError>
}

/// A producer for each cluster, made when it is needed first.
final class KafkaMessagePublisher: MessagePublisher {
  private struct State {
    /// By the cluster's name.
    var producers: [String?: KafkaProducer] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())
  private let timeout: Duration
  private let logger: Logger

  /// - Parameter timeout: after which a record that is not acknowledged is given up.
  init(timeout: Duration, logger: Logger) {
    self.timeout = timeout
    self.logger = logger
  }

  func publish(_ record: OutgoingRecord, to cluster: ClusterRules.Cluster) async -> Result<Int64, KafkaError> {
    let producer: KafkaProducer
    do throws(KafkaError) {
      producer = try self.producer(of: cluster)
    } catch {
      return .failure(error)
    }
    return await producer.send([record])[0]
  }

  private func producer(of cluster: ClusterRules.Cluster) throws(KafkaError) -> KafkaProducer {
    try state.withLock { state throws(KafkaError) in
      guard !state.isClosed else {
        throw KafkaError(code: .closed, name: "CLOSED", message: "the processor is ending")
      }
      if let producer = state.producers[cluster.name] { return producer }
      var configuration = cluster.configuration
      // The processor itself tells of its own cluster.
      configuration.logsReachability = cluster.name != nil
      // Otherwise it would try for ever, and every attempt of the task would add another record.
      let limit = timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
      configuration.properties["message.timeout.ms"] = configuration.properties["message.timeout.ms"] ?? "\(limit)"
      let producer = try KafkaProducer(configuration, logger: logger)
      state.producers[cluster.name] = producer
      return producer
    }
  }

  /// What is under way has its result within a second.
  func close() async {
    let producers = state.withLock { state in
      state.isClosed = true
      defer { state.producers = [:] }
      return Array(state.producers.values)
    }
    for producer in producers { await producer.close(within: .seconds(1)) }
  }
}
