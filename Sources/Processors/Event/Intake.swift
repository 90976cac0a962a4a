import Kafka
import Values
import Wire

/// Turns records into events to act on. Pure.
public struct Intake: Sendable {
  /// How the records come to be, and what they look like.
  public enum Topology: Sendable {
    /// Processing events of the mediator, which waits for a reply.
    case mediator
    /// Events of a topic, which nobody answers.
    case broker(EventMapping, EventBinding)
  }

  enum Item: Sendable {
    case event(ProcessorEvent)
    /// `reply` is given where the record says at least whom to tell.
    case undecodable(reason: String, detail: String, reply: ReplyAddress?)
  }

  let topology: Topology
  let limits: DecodeLimits

  public init(_ topology: Topology, limits: DecodeLimits = DecodeLimits()) {
    self.topology = topology
    self.limits = limits
  }

  func take(_ record: KafkaRecord) -> Item {
    do throws(WireError) {
      switch topology {
      case .mediator: return .event(ProcessorEvent(try ProcessingEvent.decode(record), at: RecordPlace(record)))
      case .broker(let mapping, let binding):
        let event = try CloudEventCodec.decode(record, binding: binding, limits: limits)
        return .event(ProcessorEvent(event, mapping, record))
      }
    } catch {
      return .undecodable(
        reason: error.code.rawValue, detail: error.message, reply: ReplyAddress(headersOf: record))
    }
  }
}

extension ProcessorEvent {
  init(_ event: ProcessingEvent, at place: RecordPlace) {
    self.init(
      place: place, idempotencyKey: event.idempotencyKey, attempt: event.attempt, deadline: event.deadline,
      key: event.key, data: event.data,
      recipient: .mediator(
        ReplyAddress(
          topic: event.replyTopic, partition: event.replyPartition, causationID: event.id,
          correlationID: event.correlationID)))
  }

  /// CloudEvents 1.0, section 3.1: source and id together are unique. The length keeps the two apart.
  init(_ event: CloudEvent, _ mapping: EventMapping, _ record: KafkaRecord) {
    self.init(
      place: RecordPlace(record), idempotencyKey: "\(event.source.utf8.count):\(event.source) \(event.id)",
      key: record.key, data: mapping.apply(to: event.json), recipient: .nobody(record))
  }
}

extension ReplyAddress {
  /// As much as a record that is no processing event still tells.
  init?(headersOf record: KafkaRecord) {
    func text(_ name: String) -> String? {
      record.headers.last { $0.name == name }?.value.flatMap { String(validating: $0, as: UTF8.self) }
    }
    guard let topic = text("ce_replyto"), !topic.isEmpty, let partition = text("ce_replypartition").flatMap(Int32.init),
      partition >= 0, let id = text("ce_id"), !id.isEmpty, let correlation = text("ce_correlationid")
    else { return nil }
    self.init(topic: topic, partition: partition, causationID: id, correlationID: correlation)
  }
}
