import Kafka
import Values

/// One attempt of a task, as the mediator hands it to whoever reads the channel: a command to one processor.
public struct ProcessingEvent: Sendable, Hashable {
  /// Unique per attempt; a reply names it as its `causationid`.
  public var id: String
  /// The same for every attempt of one task execution.
  public var idempotencyKey: String
  /// `/workflows/<namespace>/<name>/<version>`
  public var source: String
  public var channel: String
  /// The task reference, `/do/1/check`.
  public var taskReference: String
  /// The instance's id.
  public var correlationID: String
  /// What caused the event.
  public var causationID: String
  /// Counts from 1.
  public var attempt: Int
  /// Past it the event must not be acted on.
  public var deadline: Timestamp
  public var replyTopic: String
  public var replyPartition: Int32
  /// W3C trace context.
  public var traceparent: String?
  /// The instance's key: what has the same key stays in order.
  public var key: [UInt8]?
  /// The evaluated `with`.
  public var data: JSON

  public init(
    id: String, idempotencyKey: String, source: String, channel: String, taskReference: String, correlationID: String,
    causationID: String, attempt: Int, deadline: Timestamp, replyTopic: String, replyPartition: Int32,
    traceparent: String? = nil, key: [UInt8]?, data: JSON
  ) {
    self.id = id
    self.idempotencyKey = idempotencyKey
    self.source = source
    self.channel = channel
    self.taskReference = taskReference
    self.correlationID = correlationID
    self.causationID = causationID
    self.attempt = attempt
    self.deadline = deadline
    self.replyTopic = replyTopic
    self.replyPartition = replyPartition
    self.traceparent = traceparent
    self.key = key
    self.data = data
  }

  private static let typeSuffix = ".requested"

  /// The record for the channel's topic. A `traceparent` that is none is left out.
  public func encode() -> OutgoingRecord {
    var headers: [KafkaHeader] = [
      .specVersion, KafkaHeader("ce_id", id), KafkaHeader("ce_source", source),
      KafkaHeader("ce_type", channel + Self.typeSuffix), KafkaHeader("ce_subject", taskReference),
      KafkaHeader("ce_idempotencykey", idempotencyKey), KafkaHeader("ce_correlationid", correlationID),
      KafkaHeader("ce_causationid", causationID), KafkaHeader("ce_attempt", String(attempt)),
      KafkaHeader("ce_deadline", deadline.rfc3339), KafkaHeader("ce_replyto", replyTopic),
      KafkaHeader("ce_replypartition", String(replyPartition)), .jsonContent,
    ]
    if let traceparent, TraceParent.isValid(traceparent) {
      headers.append(KafkaHeader("traceparent", traceparent))
    }
    return OutgoingRecord(
      topic: Topics.channel(channel), partition: nil, key: key, value: data.serialized(), headers: headers)
  }

  /// Reads what ``encode()`` wrote. The channel is the one that `ce_type` names.
  public static func decode(
    _ record: KafkaRecord, limits: DecodeLimits = DecodeLimits(maxBytes: 16 << 20)
  ) throws(WireError) -> ProcessingEvent {
    guard let value = record.value else { throw WireError(.tombstone, "the record has no value") }
    let headers = Headers(record.headers)
    try CloudEvent.checkVersion(try headers.required("ce_specversion"))
    let type = try headers.required("ce_type")
    guard type.hasSuffix(typeSuffix), type != typeSuffix else {
      throw WireError(.unsupported, "'\(type)' is no processing event")
    }
    guard let attempt = Int(try headers.required("ce_attempt")), attempt > 0 else {
      throw WireError(.invalidAttribute, "the header 'ce_attempt' is no number above 0")
    }
    guard let deadline = Timestamp(rfc3339: try headers.required("ce_deadline")) else {
      throw WireError(.invalidAttribute, "the header 'ce_deadline' is no RFC 3339 timestamp")
    }
    guard let partition = Int32(try headers.required("ce_replypartition")), partition >= 0 else {
      throw WireError(.invalidAttribute, "the header 'ce_replypartition' is no partition")
    }
    return ProcessingEvent(
      id: try headers.required("ce_id"), idempotencyKey: try headers.required("ce_idempotencykey"),
      source: try headers.required("ce_source"), channel: String(type.dropLast(typeSuffix.count)),
      taskReference: try headers.required("ce_subject"), correlationID: try headers.required("ce_correlationid"),
      causationID: try headers.required("ce_causationid"), attempt: attempt, deadline: deadline,
      replyTopic: try headers.required("ce_replyto"), replyPartition: partition,
      traceparent: try headers.text("traceparent").flatMap { TraceParent.isValid($0) ? $0 : nil },
      key: record.key, data: try CloudEventCodec.parse(value, limits))
  }
}
