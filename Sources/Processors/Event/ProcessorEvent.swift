import Kafka
import Safeguards
import Values
import Wire

/// One event to act on, by whichever topology it came.
public struct ProcessorEvent: Sendable, Hashable {
  public let place: RecordPlace
  /// The same for every attempt of one task execution, and for every delivery of one attempt.
  public let idempotencyKey: String
  /// From 1.
  public let attempt: Int
  /// Past it the event must not be acted on.
  public let deadline: Timestamp?
  /// The record's key.
  public let key: [UInt8]?
  /// What the task gave `with`.
  public let data: JSON
  public let recipient: Recipient

  /// Who is told how it ended.
  public enum Recipient: Sendable, Hashable {
    /// The mediator, which also repeats what is worth repeating.
    case mediator(ReplyAddress)
    /// Nobody: the record is kept as a dead letter if it cannot be acted on, and what may pass is repeated here.
    case nobody(KafkaRecord)
  }

  public init(
    place: RecordPlace, idempotencyKey: String, attempt: Int = 1, deadline: Timestamp? = nil, key: [UInt8]? = nil,
    data: JSON, recipient: Recipient
  ) {
    self.place = place
    self.idempotencyKey = idempotencyKey
    self.attempt = attempt
    self.deadline = deadline
    self.key = key
    self.data = data
    self.recipient = recipient
  }

  func isExpired(at now: Timestamp) -> Bool {
    guard let deadline else { return false }
    return now >= deadline
  }

  /// A failure that may pass is the mediator's to repeat, where there is one.
  func isRepeatedHere(_ outcome: Outcome) -> Bool {
    if case .nobody = recipient { !outcome.isFinal } else { false }
  }
}

/// Where a record lies.
public struct RecordPlace: Sendable, Hashable {
  public let partition: TopicPartition
  public let offset: Int64

  public init(_ partition: TopicPartition, _ offset: Int64) {
    self.partition = partition
    self.offset = offset
  }

  init(_ record: KafkaRecord) { self.init(record.topicPartition, record.offset) }
}

/// Where a reply goes and what it answers.
public struct ReplyAddress: Sendable, Hashable {
  public let topic: String
  public let partition: Int32
  /// The `ce_id` of the processing event.
  public let causationID: String
  public let correlationID: String

  public init(topic: String, partition: Int32, causationID: String, correlationID: String) {
    self.topic = topic
    self.partition = partition
    self.causationID = causationID
    self.correlationID = correlationID
  }
}

/// How acting on an event ended.
public enum Outcome: Sendable, Hashable {
  /// The task's raw output.
  case completed(JSON)
  case failed(TaskFailure)

  /// Only a final outcome is remembered: after a failure that a later attempt may mend, that attempt has to act.
  var isFinal: Bool {
    if case .failed(let failure) = self { !failure.retryable || !Safeguard.holds(.onlyFinalRemembered) } else { true }
  }
}
