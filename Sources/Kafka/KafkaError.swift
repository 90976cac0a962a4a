/// What went wrong in the Kafka client or at the broker.
public struct KafkaError: Error, Sendable, Hashable {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// No broker, leader or coordinator can be reached or answers for this partition at the moment.
    case unavailable
    /// No answer within the time allowed; what was asked for may still have happened.
    case timedOut
    /// The client can do nothing more: its handle must be rebuilt. The producer does so by itself.
    case fatal
    /// Another member or producer with the same identity, or a newer generation, has taken over.
    case fenced
    case messageTooLarge
    /// The topic or the partition does not exist.
    case unknownTopic
    /// The position lies before the first or beyond the end of the partition's log.
    case offsetOutOfRange
    case authentication
    case authorization
    case configuration
    /// The handle was closed before the operation had a result.
    case closed
    /// Anything else; `name` tells which.
    case other
  }

  public let code: Code
  /// `rd_kafka_resp_err_t`: negative values are the client's own, positive ones the protocol's error codes; 0 where the
  /// error is this module's.
  public let rdkafkaCode: Int32
  /// librdkafka's name of the error, for example `_MSG_TIMED_OUT` or `NOT_LEADER_FOR_PARTITION`.
  public let name: String
  /// The same call may succeed later without any change.
  public let isRetriable: Bool
  public let isFatal: Bool
  public let message: String
  /// The partition concerned, where the error is about one.
  public let topicPartition: TopicPartition?

  public init(
    code: Code, rdkafkaCode: Int32 = 0, name: String, isRetriable: Bool = false, isFatal: Bool = false, message: String,
    topicPartition: TopicPartition? = nil
  ) {
    self.code = code
    self.rdkafkaCode = rdkafkaCode
    self.name = name
    self.isRetriable = isRetriable
    self.isFatal = isFatal
    self.message = message
    self.topicPartition = topicPartition
  }
}

extension KafkaError: CustomStringConvertible {
  public var description: String {
    let place = topicPartition.map { " [\($0)]" } ?? ""
    return "kafka: \(message)\(place) (\(name))"
  }
}
