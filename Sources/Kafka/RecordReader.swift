import CRDKafka
import Glibc

/// Makes records of librdkafka's messages. Strings that come again with every record are made once.
struct RecordReader {
  private struct PartitionKey: Hashable {
    let topic: OpaquePointer
    let partition: Int32
  }

  private struct Partition {
    let topic: String
    /// The lowest offset that may come next; what is below was given out before.
    var next: Int64

    /// - Returns: the topic's name, unless the offset lies below the expected one.
    mutating func accept(_ offset: Int64) -> String? {
      if offset < next { return nil }
      next = offset + 1
      return topic
    }
  }

  private var partitions: [PartitionKey: Partition] = [:]
  private var positions: [TopicPartition: Int64] = [:]
  private var names = NameTable()

  /// The partitions that are read changed: those that are new here start at these positions.
  ///
  /// librdkafka's topic objects live as long as their partitions are assigned, so what was found by their addresses is
  /// forgotten here.
  mutating func assign(_ added: [TopicPartition: Int64], removing removed: [TopicPartition] = []) {
    for (key, partition) in partitions {
      positions[TopicPartition(topic: partition.topic, partition: key.partition)] = partition.next
    }
    partitions.removeAll()
    for partition in removed { positions[partition] = nil }
    positions.merge(added) { _, new in new }
  }

  mutating func unassignAll() {
    partitions.removeAll()
    positions.removeAll()
  }

  /// - Parameter message: one without an error.
  /// - Returns: nil for a record that was given out before.
  mutating func read(_ message: UnsafePointer<rd_kafka_message_t>) -> KafkaRecord? {
    let key = PartitionKey(topic: message.pointee.rkt, partition: message.pointee.partition)
    if partitions[key] == nil {
      let topic = String(cString: rd_kafka_topic_name(message.pointee.rkt))
      let start = positions[TopicPartition(topic: topic, partition: key.partition)] ?? 0
      partitions[key] = Partition(topic: topic, next: start)
    }
    let offset = message.pointee.offset
    guard let topic = partitions[key]?.accept(offset) else { return nil }
    return KafkaRecord(
      topic: topic, partition: key.partition, offset: offset,
      timestamp: rd_kafka_message_timestamp(message, nil),
      key: Self.bytes(message.pointee.key, message.pointee.key_len),
      value: Self.bytes(message.pointee.payload, message.pointee.len),
      headers: headers(of: message))
  }

  private mutating func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
    var list: OpaquePointer?
    guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
    let count = rd_kafka_header_cnt(list)
    return [KafkaHeader](unsafeUninitializedCapacity: count) { headers, initialized in
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var size = 0
      while initialized < count,
        rd_kafka_header_get_all(list, initialized, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
      {
        let header = KafkaHeader(name: name.map { names.string($0) } ?? "", value: Self.bytes(value, size))
        (headers.baseAddress! + initialized).initialize(to: header)
        initialized += 1
      }
    }
  }

  private static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
    start.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
  }
}

/// Strings by their bytes: the names of headers are few and come with every record.
struct NameTable {
  private var slots: [String?] = Array(repeating: nil, count: 64)

  mutating func string(_ bytes: UnsafePointer<CChar>) -> String {
    let count = strlen(bytes)
    var hash: UInt32 = 2_166_136_261
    for index in 0..<count { hash = (hash ^ UInt32(UInt8(bitPattern: bytes[index]))) &* 16_777_619 }
    let slot = Int(hash ^ hash >> 16) & (slots.count - 1)
    if let known = slots[slot], Self.equal(known, bytes, count) { return known }
    let string = String(cString: bytes)
    slots[slot] = string
    return string
  }

  private static func equal(_ string: String, _ bytes: UnsafePointer<CChar>, _ count: Int) -> Bool {
    string.utf8.withContiguousStorageIfAvailable { known in
      known.count == count && memcmp(known.baseAddress!, bytes, count) == 0
    } ?? false
  }
}
