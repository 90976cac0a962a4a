import CRDKafka

/// Hands records to librdkafka's producer. Bound to one handle.
final class RecordWriter {
  enum Outcome {
    /// A delivery report will follow.
    case accepted
    /// librdkafka's queue is full: the same record has to be offered again, before any other.
    case full
    case failed(KafkaError)
  }

  private let handle: OpaquePointer
  private var topics: [String: OpaquePointer] = [:]
  private var lastTopic: (name: String, topic: OpaquePointer)?
  /// Topic, partition, flags, key, value, opaque and headers, reused for every record.
  private let arguments: UnsafeMutablePointer<rd_kafka_vu_t>
  private static let argumentCount = 7

  init(handle: OpaquePointer) {
    self.handle = handle
    arguments = .allocate(capacity: Self.argumentCount)
    arguments.initialize(repeating: rd_kafka_vu_t(), count: Self.argumentCount)
    let types = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_VALUE,
      RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_HEADERS,
    ]
    for (index, type) in types.enumerated() { arguments[index].vtype = type }
    arguments[2].u.i = RD_KAFKA_MSG_F_COPY
  }

  deinit {
    for topic in topics.values { rd_kafka_topic_destroy(topic) }
    arguments.deallocate()
  }

  func write(_ record: OutgoingRecord, sequence: UInt64) -> Outcome {
    guard let topic = topic(named: record.topic) else {
      return .failed(KafkaError(rd_kafka_last_error(), message: "the topic name \(record.topic) is not valid"))
    }
    let headers = Self.headers(record.headers)
    arguments[0].u.rkt = topic
    arguments[1].u.i32 = record.partition ?? RD_KAFKA_PARTITION_UA
    arguments[5].u.ptr = UnsafeMutableRawPointer(bitPattern: UInt(sequence))
    arguments[6].u.headers = headers
    let count = headers == nil ? Self.argumentCount - 1 : Self.argumentCount
    let error = Self.withMemory(record.key) { key in
      arguments[3].u.mem = key
      return Self.withMemory(record.value) { value in
        arguments[4].u.mem = value
        return rd_kafka_produceva(handle, arguments, count)
      }
    }
    guard let error else { return .accepted }
    // The headers became librdkafka's only if it took the record.
    if let headers { rd_kafka_headers_destroy(headers) }
    if rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL {
      rd_kafka_error_destroy(error)
      return .full
    }
    return .failed(KafkaError(consuming: error))
  }

  private func topic(named name: String) -> OpaquePointer? {
    if let lastTopic, lastTopic.name == name { return lastTopic.topic }
    guard let topic = topics[name] ?? rd_kafka_topic_new(handle, name, nil) else { return nil }
    topics[name] = topic
    lastTopic = (name, topic)
    return topic
  }

  private static func headers(_ headers: [KafkaHeader]) -> OpaquePointer? {
    if headers.isEmpty { return nil }
    let list = rd_kafka_headers_new(headers.count)
    for header in headers {
      var name = header.name
      name.withUTF8 { name in
        withMemory(header.value) { value in
          _ = rd_kafka_header_add(
            list, UnsafeRawPointer(name.baseAddress)?.assumingMemoryBound(to: CChar.self), name.count, value.ptr,
            value.size)
        }
      }
    }
    return list
  }

  private typealias Memory = rd_kafka_vu_s.__Unnamed_union_u.__Unnamed_struct_mem

  /// nil becomes the null pointer, an empty array an address without bytes: Kafka tells the two apart.
  private static func withMemory<Result>(_ bytes: [UInt8]?, _ body: (Memory) -> Result) -> Result {
    guard let bytes else { return body(Memory(ptr: nil, size: 0)) }
    return bytes.withUnsafeBytes { buffer in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { empty in
        let start = buffer.baseAddress ?? UnsafeRawPointer(empty.baseAddress)
        return body(Memory(ptr: UnsafeMutableRawPointer(mutating: start), size: buffer.count))
      }
    }
  }
}
