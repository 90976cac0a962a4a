import CRDKafka

/// What is read: assignment by hand, pausing and resuming.
extension ConsumerLoop {
  func add(_ positions: [TopicPartition: Int64]) -> KafkaError? {
    if positions.isEmpty { return nil }
    if let known = positions.keys.first(where: assigned.contains) {
      return KafkaError(RD_KAFKA_RESP_ERR__CONFLICT, message: "is read already", topicPartition: known)
    }
    do {
      let resolved = try resolve(positions)
      for partition in resolved.keys { leadToRecords(partition) }
      reader.assign(resolved)
      let list = TopicPartitionList(positions: resolved)
      if let error = list.use({ rd_kafka_incremental_assign(handle.raw, $0) }) { return KafkaError(consuming: error) }
      assigned.formUnion(resolved.keys)
      return nil
    } catch {
      return error
    }
  }

  /// Offsets for all positions, if every one lies within its partition's log.
  private func resolve(_ positions: [TopicPartition: Int64]) throws(KafkaError) -> [TopicPartition: Int64] {
    let watermarks = try handle.watermarks(Array(positions.keys), within: options.requestLimit)
    var resolved: [TopicPartition: Int64] = [:]
    for (partition, position) in positions {
      guard let log = watermarks[partition] else { throw .timedOut("the question for the bounds of \(partition)") }
      switch position {
      case KafkaPosition.beginning: resolved[partition] = log.low
      case KafkaPosition.end: resolved[partition] = log.high
      case log.low...log.high: resolved[partition] = position
      default:
        throw KafkaError(
          RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
          message: "position \(position) lies outside of the log, which goes from \(log.low) to \(log.high)",
          topicPartition: partition)
      }
    }
    return resolved
  }

  /// Separates the partition's records from the consumer's events; lasts for the life of the handle.
  func leadToRecords(_ partition: TopicPartition) {
    guard let queue = rd_kafka_queue_get_partition(handle.raw, partition.topic, partition.partition) else { return }
    let lane = lanes.lane(of: partition, isPreferred: options.preferredTopics.contains(partition.topic)) {
      let lane: OpaquePointer = rd_kafka_queue_new(handle.raw)
      handle.wakeUp.attach(to: lane)
      return lane
    }
    rd_kafka_queue_forward(queue, lane)
    rd_kafka_queue_destroy(queue)
  }

  func remove(_ partitions: [TopicPartition]) -> KafkaError? {
    let known = partitions.filter(assigned.contains)
    if known.isEmpty { return nil }
    _ = resume(known)
    reader.assign([:], removing: known)
    assigned.subtract(known)
    return TopicPartitionList(known).use { rd_kafka_incremental_unassign(handle.raw, $0) }
      .map { KafkaError(consuming: $0) }
  }

  /// librdkafka 2.0.2 forgets where it was when something is resumed that is not paused, so only changes reach it.
  func pause(_ partitions: [TopicPartition]) -> KafkaError? {
    let changed = Set(partitions).intersection(assigned).subtracting(paused)
    if changed.isEmpty { return nil }
    paused.formUnion(changed)
    let list = TopicPartitionList(changed)
    let status = list.use { rd_kafka_pause_partitions(handle.raw, $0) }
    return status == RD_KAFKA_RESP_ERR_NO_ERROR ? list.firstError : KafkaError(status)
  }

  /// Also needed before a partition is given up: librdkafka would remember that it is paused, and it could come back.
  func resume(_ partitions: [TopicPartition]) -> KafkaError? {
    let changed = Set(partitions).intersection(paused)
    if changed.isEmpty { return nil }
    paused.subtract(changed)
    let list = TopicPartitionList(changed)
    let status = list.use { rd_kafka_resume_partitions(handle.raw, $0) }
    return status == RD_KAFKA_RESP_ERR_NO_ERROR ? list.firstError : KafkaError(status)
  }
}
