/// One header of a record. Names repeat legally; order is kept.
public struct KafkaHeader: Sendable, Hashable {
  public var name: String
  /// nil is a header without a value, which is not the same as an empty one.
  public var value: [UInt8]?

  public init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }
}

/// A record as it was read from a partition.
public struct KafkaRecord: Sendable, Hashable {
  public var topic: String
  public var partition: Int32
  public var offset: Int64
  /// Milliseconds since 1970 UTC, or -1 where the broker gave none.
  public var timestamp: Int64
  public var key: [UInt8]?
  /// nil is a tombstone.
  public var value: [UInt8]?
  public var headers: [KafkaHeader]

  public init(
    topic: String, partition: Int32, offset: Int64, timestamp: Int64 = -1, key: [UInt8]? = nil, value: [UInt8]? = nil,
    headers: [KafkaHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.timestamp = timestamp
    self.key = key
    self.value = value
    self.headers = headers
  }

  public var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }
}

/// A record to be written.
public struct OutgoingRecord: Sendable, Hashable {
  public var topic: String
  /// nil: the partitioner chooses by the key (murmur2, as Kafka's Java client does), or at random without a key.
  public var partition: Int32?
  public var key: [UInt8]?
  public var value: [UInt8]?
  public var headers: [KafkaHeader]

  public init(
    topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]? = nil, headers: [KafkaHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
  }
}

public struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var topic: String
  public var partition: Int32

  public init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  public var description: String { "\(topic)/\(partition)" }

  public static func < (left: TopicPartition, right: TopicPartition) -> Bool {
    (left.topic, left.partition) < (right.topic, right.partition)
  }
}
