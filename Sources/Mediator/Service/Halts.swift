import Kafka
import Logging
import Synchronization

/// Partitions that are not read any more because reading on would lose or repeat records in silence. They stay halted
/// until an operator decides, or the process starts again; readiness and the log say so.
public final class Halts: Sendable {
  struct Halt: Sendable, Hashable {
    var reason: String
    /// The newest decision about the partition that was known when it was halted; 0: none.
    var decision: Int64
  }

  private let halts = Mutex<[TopicPartition: Halt]>([:])

  private let logger: Logger

  public init(logger: Logger) { self.logger = logger }

  public var all: [TopicPartition: String] { current.mapValues(\.reason) }

  var current: [TopicPartition: Halt] { halts.withLock { $0 } }

  /// - Parameter decision: the newest one that was known when the stored position was read.
  func add(_ partition: TopicPartition, _ reason: String, after decision: Int64) {
    let isNew = halts.withLock { halts in
      if let known = halts[partition], known.decision >= decision { return false }
      halts[partition] = Halt(reason: reason, decision: decision)
      return true
    }
    guard isNew else { return }
    logger.critical("partition halted: it is not read any more", metadata: ["reason": "\(reason)"])
  }

  /// Ends the halts that were found before these decisions. The partitions are read again as soon as their shard is
  /// taken over: every decision fences the owner that its shard had.
  func lift(_ decisions: [TopicPartition: Int64]) {
    let lifted = halts.withLock { halts in
      let lifted = halts.filter { (decisions[$0.key] ?? 0) > $0.value.decision }.keys.sorted()
      for partition in lifted { halts[partition] = nil }
      return lifted
    }
    for partition in lifted {
      logger.notice(
        "partition is halted no more: an operator has decided", metadata: ["partition": "\(partition)"])
    }
  }
}
