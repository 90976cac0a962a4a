import CRDKafka

/// The bounds of a partition's log.
public struct KafkaWatermarks: Sendable, Hashable {
  /// The first offset that can still be read.
  public var low: Int64
  /// The offset that the next record will get.
  public var high: Int64

  public init(low: Int64, high: Int64) {
    self.low = low
    self.high = high
  }
}

extension ClientHandle {
  /// One request per leader for all partitions, twice. Blocks.
  func watermarks(_ partitions: [TopicPartition], within limit: Duration) throws(KafkaError)
    -> [TopicPartition: KafkaWatermarks]
  {
    let deadline = ContinuousClock.now + limit
    // ListOffsets takes the logical offsets -1 and -2 in the place of a time (Kafka protocol, ListOffsets).
    let low = try offsets(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_BEGINNING)) }, until: deadline)
    let high = try offsets(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_END)) }, until: deadline)
    return low.reduce(into: [:]) { result, entry in
      result[entry.key] = KafkaWatermarks(low: entry.value, high: high[entry.key] ?? entry.value)
    }
  }

  /// The first offset at or after each time (milliseconds since 1970), or -1 where there is none. Blocks.
  ///
  /// librdkafka 2.0.2 asks the leaders that it remembers for up to 15 minutes, and forgets them neither when they say
  /// that they lead no more nor when they do not answer, unless the client also reads or writes the topic. So they are
  /// looked up anew, and asked once more in the other half of the time.
  func offsets(_ times: [(TopicPartition, Int64)], until deadline: ContinuousClock.Instant) throws(KafkaError)
    -> [TopicPartition: Int64]
  {
    if times.isEmpty { return [:] }
    let now = ContinuousClock.now
    do {
      return try remembered(times, until: now + (deadline - now) / 2)
    } catch  where error.isRetriable {
      for topic in Set(times.map(\.0.topic)) { lookUpLeaders(of: topic, until: deadline) }
      return try remembered(times, until: deadline)
    }
  }

  private func remembered(_ times: [(TopicPartition, Int64)], until deadline: ContinuousClock.Instant)
    throws(KafkaError) -> [TopicPartition: Int64]
  {
    let list = TopicPartitionList(positions: Dictionary(times) { first, _ in first })
    let status = list.use { rd_kafka_offsets_for_times(raw, $0, milliseconds(until: deadline)) }
    if status != RD_KAFKA_RESP_ERR_NO_ERROR { throw explained(KafkaError(status)) }
    if let error = list.firstError { throw error }
    log.succeeded()
    return list.elements.reduce(into: [:]) { $0[$1.topicPartition] = $1.offset }
  }

  /// What cannot be looked up is asked for where it was before, and fails as it did.
  private func lookUpLeaders(of topic: String, until deadline: ContinuousClock.Instant) {
    guard let topic = rd_kafka_topic_new(raw, topic, nil) else { return }
    defer { rd_kafka_topic_destroy(topic) }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    _ = rd_kafka_metadata(raw, 0, topic, &metadata, milliseconds(until: deadline))
    if let metadata { rd_kafka_metadata_destroy(metadata) }
  }
}
