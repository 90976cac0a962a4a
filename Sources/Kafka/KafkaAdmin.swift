import CRDKafka
import Logging
import Threads

/// A topic and the ids of its partitions, in ascending order.
public struct KafkaTopic: Sendable, Hashable {
  public var name: String
  public var partitions: [Int32]

  public init(name: String, partitions: [Int32]) {
    self.name = name
    self.partitions = partitions
  }
}

/// How far a group is behind in one partition.
public struct KafkaLag: Sendable, Hashable {
  /// The next offset that the group will read.
  public var committed: Int64
  /// The offset that the next record will get.
  public var high: Int64
  public var lag: Int64 { max(0, high - committed) }

  public init(committed: Int64, high: Int64) {
    self.committed = committed
    self.high = high
  }
}

/// Administration and questions. Every call waits on the actor's own thread, up to `limit`.
public actor KafkaAdmin {
  private let executor = ThreadExecutor(name: "kafka-admin")
  private let limit: Duration
  private var handle: ClientHandle?

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Throws: `configuration`. A cluster that cannot be reached is no error here.
  public init(
    _ configuration: KafkaConfiguration, limit: Duration = .seconds(10), logger: Logger = Logger(label: "kafka")
  ) throws(KafkaError) {
    let handle = try ClientHandle(
      RD_KAFKA_PRODUCER, configuration, defaults: [:], wakeUp: try WakeUp(), reachability: Reachability(),
      logger: logger)
    self.handle = handle
    self.limit = limit
  }

  deinit { handle?.destroy(within: .zero) }

  /// Creates a topic. One that exists already is left as it is, whatever its partitions and configuration.
  ///
  /// - Parameters:
  ///   - replicationFactor: nil is the cluster's default.
  ///   - configuration: Kafka's topic configuration, for example `["retention.ms": "86400000"]`.
  /// - Returns: whether the topic was created by this call.
  @discardableResult
  public func createTopic(
    _ name: String, partitions: Int32, replicationFactor: Int32? = nil, configuration: [String: String] = [:]
  ) throws(KafkaError) -> Bool {
    var text = [CChar](repeating: 0, count: 512)
    guard let topic = rd_kafka_NewTopic_new(name, partitions, replicationFactor ?? -1, &text, text.count) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: string(text))
    }
    defer { rd_kafka_NewTopic_destroy(topic) }
    for (key, value) in configuration {
      let status = rd_kafka_NewTopic_set_config(topic, key, value)
      if status != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(status) }
    }
    let event = try ask { raw, queue in
      var topics: [OpaquePointer?] = [topic]
      rd_kafka_CreateTopics(raw, &topics, 1, nil, queue)
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
    return try Self.check(results, count, ignoring: RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
  }

  /// Creates a topic that is missing. Unlike ``createTopic(_:partitions:replicationFactor:configuration:)`` it asks for
  /// nothing where the topic exists: a client may have no right to create it, and some brokers cannot create any.
  ///
  /// - Returns: whether the topic was created by this call.
  @discardableResult
  public func ensureTopic(_ name: String, partitions: Int32) throws(KafkaError) -> Bool {
    if try topics()[name] != nil { return false }
    return try createTopic(name, partitions: partitions)
  }

  /// Deletes a topic and all its records. One that does not exist is no error.
  public func deleteTopic(_ name: String) throws(KafkaError) {
    guard let topic = rd_kafka_DeleteTopic_new(name) else { throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG) }
    defer { rd_kafka_DeleteTopic_destroy(topic) }
    let event = try ask { raw, queue in
      var topics: [OpaquePointer?] = [topic]
      rd_kafka_DeleteTopics(raw, &topics, 1, nil, queue)
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
    _ = try Self.check(results, count, ignoring: RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
  }

  /// Deletes the records below these offsets, for good.
  public func deleteRecords(below offsets: [TopicPartition: Int64]) throws(KafkaError) {
    guard let request = TopicPartitionList(positions: offsets).use({ rd_kafka_DeleteRecords_new($0) }) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG)
    }
    defer { rd_kafka_DeleteRecords_destroy(request) }
    let event = try ask { raw, queue in
      var requests: [OpaquePointer?] = [request]
      rd_kafka_DeleteRecords(raw, &requests, 1, nil, queue)
    }
    defer { rd_kafka_event_destroy(event) }
    guard let result = rd_kafka_event_DeleteRecords_result(event),
      let list = rd_kafka_DeleteRecords_result_offsets(result)
    else { return }
    if let error = TopicPartitionList.firstError(of: list) { throw error }
  }

  /// All topics that this client may see, by name.
  public func topics() throws(KafkaError) -> [String: KafkaTopic] {
    let handle = try open()
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let status = rd_kafka_metadata(handle.raw, 1, nil, &metadata, milliseconds(limit))
    guard status == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw handle.explained(KafkaError(status)) }
    defer { rd_kafka_metadata_destroy(metadata) }
    handle.log.succeeded()
    var topics: [String: KafkaTopic] = [:]
    for index in 0..<Int(metadata.pointee.topic_cnt) {
      let topic = metadata.pointee.topics[index]
      if topic.err != RD_KAFKA_RESP_ERR_NO_ERROR { continue }
      let name = String(cString: topic.topic)
      let partitions = (0..<Int(topic.partition_cnt)).map { topic.partitions[$0].id }.sorted()
      topics[name] = KafkaTopic(name: name, partitions: partitions)
    }
    return topics
  }

  /// - Throws: `unknownTopic` when there is no such topic.
  public func describe(_ topic: String) throws(KafkaError) -> KafkaTopic {
    guard let found = try topics()[topic] else {
      throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, message: "there is no topic \(topic)")
    }
    return found
  }

  public func watermarks(_ partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: KafkaWatermarks] {
    try open().watermarks(partitions, within: limit)
  }

  /// The first offset whose record has this time (milliseconds since 1970) or a later one; -1 where there is none.
  public func offsets(at times: [TopicPartition: Int64]) throws(KafkaError) -> [TopicPartition: Int64] {
    try open().offsets(times.map { ($0, $1) }, until: .now + limit)
  }

  /// Every partition for which the group has a position.
  ///
  /// - Parameter topics: only these; some brokers do not answer a question for all (the mock cluster says "none").
  public func groupLag(
    _ group: String, topics names: [String]? = nil
  ) throws(KafkaError) -> [TopicPartition: KafkaLag] {
    var partitions: [TopicPartition]?
    if let names {
      let known = try topics()
      partitions = names.flatMap { name in
        (known[name]?.partitions ?? []).map { TopicPartition(topic: name, partition: $0) }
      }
      if partitions?.isEmpty == true { return [:] }
    }
    let committed = try committedPositions(of: group, in: partitions)
    let watermarks = try open().watermarks(Array(committed.keys), within: limit)
    return committed.reduce(into: [:]) { result, entry in
      let high = watermarks[entry.key]?.high ?? entry.value
      result[entry.key] = KafkaLag(committed: entry.value, high: high)
    }
  }

  func committedPositions(
    of group: String, in partitions: [TopicPartition]?
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    let list = partitions.map { TopicPartitionList($0) }
    let event = try ask { raw, queue in
      // The question keeps a copy of the list.
      let new = list?.use { rd_kafka_ListConsumerGroupOffsets_new(group, $0) }
      var question = [new ?? rd_kafka_ListConsumerGroupOffsets_new(group, nil)]
      rd_kafka_ListConsumerGroupOffsets(raw, &question, 1, nil, queue)
      rd_kafka_ListConsumerGroupOffsets_destroy_array(&question, 1)
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event), &count)
    guard count > 0, let answer = groups?[0] else { return [:] }
    if let error = rd_kafka_group_result_error(answer) {
      throw KafkaError(rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)))
    }
    guard let list = rd_kafka_group_result_partitions(answer) else { return [:] }
    return TopicPartitionList.elements(of: list).reduce(into: [:]) { result, element in
      if element.offset >= 0 { result[element.topicPartition] = element.offset }
    }
  }

  /// Ends the client; later calls throw `closed`.
  public func close() {
    handle?.destroy(within: .seconds(2))
    handle = nil
  }

  func open() throws(KafkaError) -> ClientHandle {
    guard let handle else { throw .closed("administration client") }
    while let event = handle.nextEvent() { rd_kafka_event_destroy(event) }
    return handle
  }

  /// Makes a request and waits for its answer, which the caller destroys.
  func ask(_ request: (OpaquePointer, OpaquePointer?) -> Void) throws(KafkaError) -> OpaquePointer {
    let handle = try open()
    let queue = rd_kafka_queue_new(handle.raw)
    defer { rd_kafka_queue_destroy(queue) }
    request(handle.raw, queue)
    guard let event = rd_kafka_queue_poll(queue, milliseconds(limit)) else {
      throw handle.explained(.timedOut("the request"))
    }
    let status = rd_kafka_event_error(event)
    if status == RD_KAFKA_RESP_ERR_NO_ERROR {
      handle.log.succeeded()
      return event
    }
    let message = String(cString: rd_kafka_event_error_string(event))
    rd_kafka_event_destroy(event)
    throw handle.explained(KafkaError(status, message: message))
  }

  private static func check(
    _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, ignoring ignored: rd_kafka_resp_err_t
  ) throws(KafkaError) -> Bool {
    for index in 0..<count {
      guard let result = results?[index] else { continue }
      let status = rd_kafka_topic_result_error(result)
      if status == ignored { return false }
      if status == RD_KAFKA_RESP_ERR_NO_ERROR { continue }
      let name = String(cString: rd_kafka_topic_result_name(result))
      let reason = rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
      throw KafkaError(status, message: reason).at(name, nil)
    }
    return true
  }
}
