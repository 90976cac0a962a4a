import CRDKafka

extension KafkaError {
  /// The error of a librdkafka code. Sources: rdkafka.h, `rd_kafka_resp_err_t`; the positive codes are the Kafka
  /// protocol's own.
  init(
    _ code: rd_kafka_resp_err_t, message: String? = nil, isFatal: Bool = false, topicPartition: TopicPartition? = nil
  ) {
    let classified = isFatal ? .fatal : Code(code)
    self.init(
      code: classified,
      rdkafkaCode: code.rawValue,
      name: String(cString: rd_kafka_err2name(code)),
      isRetriable: classified == .unavailable || classified == .timedOut,
      isFatal: isFatal || classified == .fatal,
      message: message ?? String(cString: rd_kafka_err2str(code)),
      topicPartition: topicPartition)
  }

  /// The group has gone on without the member that asked: it was too slow to rejoin, or was not heard of for a session.
  /// The client finds out with its next heartbeat, and joins again by itself.
  public var isOutdatedMember: Bool {
    [RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID].contains { $0.rawValue == rdkafkaCode }
  }

  /// Takes the error object over and frees it.
  init(consuming error: OpaquePointer) {
    self.init(
      rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)),
      isFatal: rd_kafka_error_is_fatal(error) != 0)
    rd_kafka_error_destroy(error)
  }

  /// The same error, about this partition.
  func at(_ topic: String, _ partition: Int32?) -> KafkaError {
    KafkaError(
      code: code, rdkafkaCode: rdkafkaCode, name: name, isRetriable: isRetriable, isFatal: isFatal, message: message,
      topicPartition: TopicPartition(topic: topic, partition: partition ?? RD_KAFKA_PARTITION_UA))
  }

  static func closed(_ what: String) -> KafkaError {
    KafkaError(code: .closed, name: "CLOSED", message: "the \(what) is closed")
  }

  static func timedOut(_ what: String) -> KafkaError {
    KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, message: "\(what) had no answer in time")
  }
}

extension KafkaError.Code {
  init(_ code: rd_kafka_resp_err_t) {
    switch code {
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
      RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__NODE_UPDATE, RD_KAFKA_RESP_ERR__QUEUE_FULL,
      RD_KAFKA_RESP_ERR__WAIT_CACHE, RD_KAFKA_RESP_ERR__RETRY, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
      RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
      RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
      RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
      self = .unavailable
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      self = .timedOut
    case RD_KAFKA_RESP_ERR__FATAL:
      self = .fatal
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
      RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      self = .fenced
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      self = .messageTooLarge
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      self = .unknownTopic
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR__NO_OFFSET:
      self = .offsetOutOfRange
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
      self = .authentication
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      self = .authorization
    case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__CONFLICT, RD_KAFKA_RESP_ERR_INVALID_CONFIG:
      self = .configuration
    case RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      self = .closed
    default:
      self = .other
    }
  }
}
