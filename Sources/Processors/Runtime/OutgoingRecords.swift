import Kafka
import Safeguards
import Values
import Wire

/// Writes replies and dead letters as records of the wire contract. Pure.
struct OutgoingRecords: Sendable {
  /// `ce_source` of the replies: `/processors/<name>`.
  let source: String

  func reply(_ outcome: Outcome, to address: ReplyAddress, key: [UInt8]?) -> ReplyPipeline.Message {
    let record = encode(outcome, address, key)
    let tooLarge = TaskFailure.invalid(413, "the reply is larger than the broker takes")
    // Only a completed task's data can be large; a failure's text is this program's own.
    guard case .completed = outcome, (record.value?.count ?? 0) > Self.surelyAccepted else {
      return ReplyPipeline.Message(record)
    }
    return ReplyPipeline.Message(record, substitute: encode(.failed(tooLarge), address, key))
  }

  private func encode(_ outcome: Outcome, _ address: ReplyAddress, _ key: [UInt8]?) -> OutgoingRecord {
    let kind: Reply.Kind =
      switch outcome {
      case .completed(let output): .completed(output)
      case .failed(let failure): .failed(failure)
      }
    let reply = Reply(
      causationID: address.causationID, correlationID: address.correlationID, kind: kind,
      id: "\(address.causationID).reply", source: source)
    return reply.encode(topic: address.topic, partition: address.partition, key: key)
  }

  /// The original bytes, with what happened to them in further headers.
  func deadLetter(_ record: KafkaRecord, reason: String, detail: String) -> ReplyPipeline.Message {
    let facts = [
      ("dl_reason", reason), ("dl_detail", detail), ("dl_topic", record.topic),
      ("dl_partition", String(record.partition)), ("dl_offset", String(record.offset)), ("dl_attempts", "1"),
      ("dl_source", source),
    ]
    var letter = OutgoingRecord(
      topic: Topics.deadLetters, key: record.key, value: record.value, headers: record.headers)
    for (name, value) in facts { letter.headers.append(KafkaHeader(name: name, value: Array(value.utf8))) }
    var withoutValue = letter
    withoutValue.value = nil
    let size = String(record.value?.count ?? 0)
    withoutValue.headers.append(KafkaHeader(name: "dl_value_bytes", value: Array(size.utf8)))
    return ReplyPipeline.Message(letter, substitute: withoutValue)
  }

  /// What is sent when an event has ended so.
  func messages(for result: EventResult) -> [ReplyPipeline.Message] {
    guard case .settled(let outcome, let isRepeat) = result.ending else { return [] }
    if isRepeat, !Safeguard.holds(.repeatAnswered) { return [] }
    switch (result.event.recipient, outcome) {
    case (.mediator(let address), _): return [reply(outcome, to: address, key: result.event.key)]
    case (.nobody, .completed): return []
    case (.nobody(let record), .failed(let failure)):
      let detail = failure.problem.detail ?? failure.problem.title ?? failure.problem.type
      return [deadLetter(record, reason: "taskFailed", detail: detail)]
    }
  }

  /// Far below the smallest limit that a broker can sensibly have.
  private static let surelyAccepted = 16 << 10
}
