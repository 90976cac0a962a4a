import Kafka
import Wire

/// Who consumes a channel's topic and how far behind, as Kafka tells it at one moment.
public struct ChannelFacts: Sendable, Hashable {
  public let channel: String
  /// The bounds of each partition's log; empty when there is no such topic.
  public var partitions: [Int32: KafkaWatermarks]
  /// Every group that has joined the topic or committed a position in it, the one that matters first.
  public private(set) var consumers: [Consumer]

  public struct Consumer: Sendable, Hashable {
    public let group: String
    /// How many members have a partition of the topic.
    public let members: Int
    /// The next offset to read by partition, where one was committed.
    public let committed: [Int32: Int64]

    public init(group: String, members: Int, committed: [Int32: Int64]) {
      self.group = group
      self.members = members
      self.committed = committed
    }
  }

  public init(channel: String, partitions: [Int32: KafkaWatermarks], consumers: [Consumer]) {
    self.channel = channel
    self.partitions = partitions
    let usual = Self.usualGroup(of: channel)
    self.consumers = consumers.sorted { left, right in
      func rank(_ consumer: Consumer) -> (Int, Int, String) {
        (consumer.members > 0 ? 0 : 1, consumer.group == usual ? 0 : 1, consumer.group)
      }
      return rank(left) < rank(right)
    }
  }

  public var topic: String { Topics.channel(channel) }

  /// The group of the processor runtime; processors of other makes may use any.
  public static func usualGroup(of channel: String) -> String { "mediator.processor.\(channel)" }

  /// Whose position counts: a group with members before one without, and the processor runtime's before others.
  public var consumer: Consumer? { consumers.first }

  /// The next offset that the consumer reads; the beginning of the log where it has committed none.
  public func position(_ partition: Int32) -> Int64 {
    let low = partitions[partition]?.low ?? 0
    return max(consumer?.committed[partition] ?? low, low)
  }

  /// Records that the consumer has not settled yet, or that nobody has when there is none.
  public func lag(_ partition: Int32) -> Int64 {
    partitions[partition].map { max(0, $0.high - position(partition)) } ?? 0
  }

  public var lag: Int64 { partitions.keys.reduce(0) { $0 + lag($1) } }

  /// The partition with the greatest lag, if there is any.
  public var worstPartition: Int32? {
    partitions.keys.filter { lag($0) > 0 }.max { (lag($0), $1) < (lag($1), $0) }
  }
}

/// Where a processing event lies in its channel's topic.
public struct EventPlace: Sendable, Hashable {
  public let partition: Int32
  public let offset: Int64

  public init(partition: Int32, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }
}
