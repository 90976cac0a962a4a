import Engine
import Kafka
import Values
import Wire
import Workflow

/// What one source record asks for, before any instance has been looked at.
enum TurnInput: Sendable {
  case start(event: CloudEvent, json: JSON, workflows: [Start])
  case reply(ReplyOutcome, requestID: String, instance: UUIDValue)
  case deadLetter(reason: String, detail: String)
  /// Counted and passed over.
  case ignored(IgnoredReason)

  struct Start: Sendable {
    let id: UUIDValue
    let entry: DefinitionCatalog.Entry
  }

  /// The instances that have to be known before this can be done.
  var instances: [UUIDValue] {
    switch self {
    case .start(_, _, let workflows): workflows.map(\.id)
    case .reply(_, _, let id): [id]
    case .deadLetter, .ignored: []
    }
  }
}

/// Why an input changed nothing. Each is a counter.
public enum IgnoredReason: String, Sendable, Hashable, CaseIterable {
  /// The event had started its instance before.
  case duplicateEvent
  /// A reply to an instance that has ended.
  case terminal
  /// A reply to an attempt or a task execution that is over.
  case stale
  /// A reply to something that was never asked.
  case forged
  /// A timer that had been overtaken.
  case early
  /// An event that no listening task wanted after all.
  case unwanted
}

/// Turns records into inputs. Pure.
struct InputDecoder {
  let catalog: DefinitionCatalog
  let queues: [String: EventBinding?]
  let repliesTopic: String
  let limits: DecodeLimits

  /// - Returns: nil in `unmatched` cases never; an event that starts nothing is a dead letter with reason `unknownType`.
  func decode(_ record: KafkaRecord) -> TurnInput {
    record.topic == repliesTopic ? decodeReply(record) : decodeEvent(record)
  }

  private func decodeEvent(_ record: KafkaRecord) -> TurnInput {
    do throws(WireError) {
      let event = try CloudEventCodec.decode(record, binding: queues[record.topic] ?? nil, limits: limits)
      let json = event.json
      let triggered = catalog.triggered(by: json, type: event.type)
      if triggered.entries.isEmpty { return unmatched(event, triggered.failures) }
      let workflows = triggered.entries.map { entry in
        let document = entry.definition.document
        let workflow = "\(document.namespace)/\(document.name)"
        return TurnInput.Start(
          id: InstanceID.make(workflow: workflow, source: event.source, id: event.id), entry: entry)
      }
      return .start(event: event, json: json, workflows: workflows)
    } catch {
      return .deadLetter(reason: error.code.rawValue, detail: error.message)
    }
  }

  private func unmatched(_ event: CloudEvent, _ failures: [String]) -> TurnInput {
    guard let failure = failures.first else {
      return .deadLetter(
        reason: Self.unknownType,
        detail: "no deployed workflow is started by an event of type '\(event.type)' from '\(event.source)'")
    }
    return .deadLetter(reason: "filterFailed", detail: "the event filter of \(failure)")
  }

  static let unknownType = "unknownType"

  private func decodeReply(_ record: KafkaRecord) -> TurnInput {
    do throws(WireError) {
      let reply = try Reply.decode(record)
      guard let instance = UUIDValue(reply.correlationID) else { return .ignored(.forged) }
      let outcome: ReplyOutcome =
        switch reply.kind {
        case .completed(let output): .completed(output)
        case .failed(let failure):
          .failed(failure.problem, retryable: failure.retryable, retryAfter: failure.retryAfter)
        case .progress(let percent, let message):
          .progress(PendingCall.Progress(percent: percent, message: message))
        }
      return .reply(outcome, requestID: reply.causationID, instance: instance)
    } catch {
      return .deadLetter(reason: error.code.rawValue, detail: error.message)
    }
  }
}
