import Kafka
import Values
import Wire

@testable import Processors

/// The second of 2024 that a test's clock starts at.
let noon = Timestamp(microseconds: 1_709_208_000_000_000)

func place(_ offset: Int64, partition: Int32 = 0) -> RecordPlace {
  RecordPlace(TopicPartition(topic: "mediator.channel.test", partition: partition), offset)
}

func event(
  _ key: String, offset: Int64 = 0, partition: Int32 = 0, deadline: Timestamp? = nil, attempt: Int = 1,
  data: JSON = .null
) -> ProcessorEvent {
  ProcessorEvent(
    place: place(offset, partition: partition), idempotencyKey: key, attempt: attempt, deadline: deadline, data: data,
    recipient: .mediator(
      ReplyAddress(topic: "mediator.replies", partition: 2, causationID: "\(key).\(attempt)", correlationID: "i")))
}

/// A processing event as it lies on its channel.
func record(
  _ key: String, offset: Int64, partition: Int32 = 0, deadline: Timestamp = noon + .seconds(60), attempt: Int = 1,
  data: JSON = .null
) -> KafkaRecord {
  let event = ProcessingEvent(
    id: "\(key).\(attempt)", idempotencyKey: key, source: "/workflows/test/one/1", channel: "test",
    taskReference: "/do/0/call", correlationID: "instance", causationID: "instance", attempt: attempt,
    deadline: deadline, replyTopic: "mediator.replies", replyPartition: 2, key: Array("k".utf8), data: data)
  let outgoing = event.encode()
  return KafkaRecord(
    topic: outgoing.topic, partition: partition, offset: offset, key: outgoing.key, value: outgoing.value,
    headers: outgoing.headers)
}

extension OutgoingRecord {
  func header(_ name: String) -> String? {
    headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }

  /// As the mediator reads it.
  var reply: Reply? {
    try? Reply.decode(KafkaRecord(topic: topic, partition: 0, offset: 0, key: key, value: value, headers: headers))
  }
}

extension Validated {
  var refusal: TaskFailure? {
    if case .refused(let failure) = self { failure } else { nil }
  }

  var work: Work? {
    if case .work(let work) = self { work } else { nil }
  }
}

extension Outcome {
  var failure: TaskFailure? {
    if case .failed(let failure) = self { failure } else { nil }
  }
}
