import Kafka

/// Checks that a partition still is what its stored position was taken from. Pure.
///
/// A topic that was deleted and created again, or a broker that lost its tail, gives offsets that mean something else
/// now. Reading on from a stored number would lose or repeat records in silence, so such a partition is halted.
struct PositionGuard {
  /// Where reading starts, or why it must not.
  enum Start: Equatable {
    /// - Parameter verifying: the first record is the one before the position, and has to look as it did.
    case at(Int64, verifying: Bool)
    /// The log is not the one that the position was taken from.
    case foreign(String)
    /// Records were deleted before they were read.
    case deleted(String)
  }

  /// - Parameters:
  ///   - low: the first offset that the broker still has.
  ///   - high: the offset that the next record will get.
  static func start(_ partition: TopicPartition, stored: Position?, low: Int64, high: Int64) -> Start {
    let name = "\(partition.topic)/\(partition.partition)"
    guard let stored else { return .at(low, verifying: false) }
    if stored.next > high {
      return .foreign(
        "\(name): the stored position \(stored.next) lies beyond the broker's end \(high): "
          + "the topic was created anew, or the broker lost records")
    }
    if stored.next < low {
      return .deleted(
        "\(name): the records from \(stored.next) to \(low - 1) were deleted before they were read")
    }
    return stored.next > low ? .at(stored.next - 1, verifying: true) : .at(stored.next, verifying: false)
  }

  private(set) var expected: [TopicPartition: Position] = [:]

  mutating func expect(_ partition: TopicPartition, _ position: Position) { expected[partition] = position }

  /// What may be handled of a batch.
  struct Admission {
    var records: [KafkaRecord] = []
    /// A partition that is not what it was, and why that is believed. Nothing of the batch may be handled then.
    var mismatch: (TopicPartition, String)?
  }

  /// Drops the records below the position, once they were compared with what is remembered of them.
  mutating func admit(_ records: [KafkaRecord]) -> Admission {
    guard !expected.isEmpty else { return Admission(records: records) }
    var admission = Admission()
    admission.records.reserveCapacity(records.count)
    for record in records {
      let partition = TopicPartition(topic: record.topic, partition: record.partition)
      guard let position = expected[partition] else {
        admission.records.append(record)
        continue
      }
      if let reason = Self.mismatch(record, position) {
        admission.mismatch = (partition, reason)
        return admission
      }
      if record.offset >= position.next - 1 { expected[partition] = nil }
      if record.offset >= position.next { admission.records.append(record) }
    }
    return admission
  }

  /// Why the record cannot be the one before the position; nil also where it stands elsewhere: gaps are legal
  /// (transaction markers, compaction), and then there is nothing to compare with.
  static func mismatch(_ record: KafkaRecord, _ position: Position) -> String? {
    let seen = Position(after: record)
    guard record.offset == position.next - 1,
      seen.checksum != position.checksum || seen.timestamp != position.timestamp
    else { return nil }
    return "\(record.topic)/\(record.partition): the record at \(record.offset) is not the one that was read there "
      + "before: the topic was created anew"
  }
}
