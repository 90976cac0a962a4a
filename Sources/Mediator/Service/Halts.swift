import Kafka
import Logging
import Synchronization

/// Partitions that are not read any more because reading on would lose or repeat records in silence. They stay halted
/// until the process starts again; readiness and the log say so.
public final class Halts: Sendable {
  private let reasons = Mutex<[TopicPartition: String]>([:])

  private let logger: Logger

  public init(logger: Logger) { self.logger = logger }

  public var all: [TopicPartition: String] { reasons.withLock { $0 } }

  func add(_ partition: TopicPartition, _ reason: String) {
    let isNew = reasons.withLock { $0.updateValue(reason, forKey: partition) == nil }
    guard isNew else { return }
    logger.critical("partition halted: it is not read any more", metadata: ["reason": "\(reason)"])
  }
}
