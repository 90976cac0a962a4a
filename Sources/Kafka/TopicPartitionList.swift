import CRDKafka

/// A `rd_kafka_topic_partition_list_t` with an owner.
final class TopicPartitionList {
  typealias Raw = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  private let raw: Raw

  init<Partitions: Sequence>(_ partitions: Partitions) where Partitions.Element == TopicPartition {
    raw = rd_kafka_topic_partition_list_new(Int32(partitions.underestimatedCount))
    for partition in partitions { rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition) }
  }

  init(positions: [TopicPartition: Int64]) {
    raw = rd_kafka_topic_partition_list_new(Int32(positions.count))
    for (partition, position) in positions {
      rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition).pointee.offset = position
    }
  }

  deinit { rd_kafka_topic_partition_list_destroy(raw) }

  /// Lends the C list for the time of the call; without this the list could be freed before the call that it is for.
  func use<Result>(_ body: (Raw) -> Result) -> Result {
    withExtendedLifetime(self) { body(raw) }
  }

  var elements: [Element] { use { Self.elements(of: $0) } }

  /// The first error that one of the partitions has.
  var firstError: KafkaError? { use { Self.firstError(of: $0) } }

  struct Element {
    let topicPartition: TopicPartition
    let offset: Int64
    let error: rd_kafka_resp_err_t
  }

  static func elements(of list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [Element] {
    (0..<Int(list.pointee.cnt)).map { index in
      let element = list.pointee.elems[index]
      return Element(
        topicPartition: TopicPartition(topic: String(cString: element.topic), partition: element.partition),
        offset: element.offset, error: element.err)
    }
  }

  static func firstError(of list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> KafkaError? {
    elements(of: list).first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }
      .map { KafkaError($0.error, topicPartition: $0.topicPartition) }
  }
}
