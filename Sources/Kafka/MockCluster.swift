import CRDKafka
import Synchronization

/// librdkafka's mock cluster: brokers that listen on loopback TCP, for any client process, and fail on command.
///
/// It keeps at most 5 MiB or 100,000 records per partition and drops the oldest silently; it has no topic
/// administration and no semantics of transactions (librdkafka 2.0.2, rdkafka_mock.h).
///
/// A process that starts others should not have one of its own: children inherit its connections, which then stay
/// half-open, and keep its port for a moment, which makes it abort when a broker goes down.
public final class MockCluster: Sendable {
  /// `host:port,host:port`
  public let bootstrapServers: String
  public let brokers: Int32
  private let state: Mutex<State?>

  /// `@unchecked Sendable` is safe because the pointers are used under the mutex alone.
  private struct State: @unchecked Sendable {
    let handle: OpaquePointer
    let cluster: OpaquePointer
  }

  /// - Parameter brokers: 1 to 100; their ids are 1, 2, ….
  /// - Throws: `configuration`.
  public init(brokers: Int32 = 1) throws(KafkaError) {
    guard (1...100).contains(brokers) else {
      throw KafkaError(code: .configuration, name: "BROKERS", message: "a mock cluster has 1 to 100 brokers")
    }
    let conf: OpaquePointer = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0) else {
      rd_kafka_conf_destroy(conf)
      throw KafkaError(rd_kafka_last_error())
    }
    guard let cluster = rd_kafka_mock_cluster_new(handle, brokers) else {
      rd_kafka_destroy(handle)
      throw KafkaError(code: .other, name: "MOCK", message: "the mock cluster cannot listen on loopback")
    }
    bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    self.brokers = brokers
    state = Mutex(State(handle: handle, cluster: cluster))
  }

  deinit { close() }

  /// - Throws: `closed`, or what the cluster says.
  public func createTopic(_ name: String, partitions: Int32) throws(KafkaError) {
    try command { rd_kafka_mock_topic_create($0, name, partitions, min(3, brokers)) }
  }

  /// A broker that is down cuts its connections and takes no new ones; partitions keep their leader.
  public func setBroker(_ id: Int32, up: Bool) throws(KafkaError) {
    try command { up ? rd_kafka_mock_broker_set_up($0, id) : rd_kafka_mock_broker_set_down($0, id) }
  }

  /// - Parameter id: -1 for all brokers.
  public func setRoundTripTime(milliseconds: Int32, broker id: Int32 = -1) throws(KafkaError) {
    try command { rd_kafka_mock_broker_set_rtt($0, id, milliseconds) }
  }

  public func setLeader(of partition: TopicPartition, to broker: Int32) throws(KafkaError) {
    try command { rd_kafka_mock_partition_set_leader($0, partition.topic, partition.partition, broker) }
  }

  /// The next `count` requests of this kind get this error, from whichever broker they go to.
  ///
  /// - Parameters:
  ///   - apiKey: Kafka protocol, "API Keys": 0 Produce, 1 Fetch, 2 ListOffsets, 8 OffsetCommit, 11 JoinGroup, ….
  ///   - code: Kafka protocol, "Error Codes"; -195 cuts the connection.
  public func failRequests(apiKey: Int16, code: Int32, count: Int) throws(KafkaError) {
    let errors = Array(repeating: rd_kafka_resp_err_t(code), count: max(0, count))
    try command {
      rd_kafka_mock_push_request_errors_array($0, apiKey, errors.count, errors)
      return RD_KAFKA_RESP_ERR_NO_ERROR
    }
  }

  /// Ends all brokers. Blocks until they have.
  public func close() {
    guard let state = state.withLock({ $0.take() }) else { return }
    rd_kafka_mock_cluster_destroy(state.cluster)
    rd_kafka_destroy(state.handle)
  }

  private func command(_ body: (OpaquePointer) -> rd_kafka_resp_err_t) throws(KafkaError) {
    let status = state.withLock { $0.map { body($0.cluster) } }
    guard let status else { throw .closed("mock cluster") }
    if status != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(status) }
  }
}
