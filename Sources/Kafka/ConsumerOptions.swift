/// How a consumer fetches and waits.
public struct ConsumerOptions: Sendable, Hashable {
  /// Where a group member starts in a partition for which its group has no position, or one outside of the log.
  public enum Start: String, Sendable, Hashable {
    case earliest
    case latest
    /// `nextBatch` throws `offsetOutOfRange`.
    case error
  }

  /// How many records, and how many bytes of them, are fetched ahead of `nextBatch` of each partition. Beyond that
  /// librdkafka stops to fetch; it looks again once a second, so these should last for a second at full speed.
  public var prefetchRecords = 20_000
  public var prefetchBytes = 16 << 20
  /// Whose records come before the others' in a batch, of which they leave a quarter.
  public var preferredTopics: Set<String> = []
  /// A batch ends with the record that reaches this many bytes of keys and values.
  public var maxBatchBytes = 16 << 20
  /// Only for members of a group.
  public var start = Start.earliest
  /// A rebalance goes on after this long even if the handler has not returned.
  public var rebalanceLimit = Duration.seconds(10)
  /// How long a member waits for the group to give it an assignment (possibly an empty one) while brokers can be
  /// reached. Then `nextBatch` throws a fatal error, and the membership has to be made anew: some brokers forget to
  /// answer a join. More than the time that the group itself waits for its members (`max.poll.interval.ms`).
  public var joinLimit = Duration.seconds(40)
  /// How long a commit or a question to the cluster may take.
  public var requestLimit = Duration.seconds(10)

  public init() {}
}

/// Positions that stand for a place instead of an offset.
public enum KafkaPosition {
  /// The first offset that can still be read.
  public static let beginning: Int64 = -2
  /// The offset that the next record will get.
  public static let end: Int64 = -1
}

/// A change of what a group member reads.
public enum KafkaRebalance: Sendable, Hashable {
  /// Records of these partitions come once the handler has returned.
  case assigned([TopicPartition])
  /// These are still this member's until the handler returns: the time to finish and commit. No record comes meanwhile.
  case revoking([TopicPartition])
  /// These are another member's already; a commit fails.
  case lost([TopicPartition])
}
