import Engine
import Kafka
import Values
import Wire
import Workflow

/// Turns records into inputs. Pure.
struct InputDecoder {
  let catalog: DefinitionCatalog
  let queues: [String: EventBinding?]
  let repliesTopic: String
  let limits: DecodeLimits
  let shard: Int32
  let shards: Int32
  var secrets = Secrets()
  var replyLimits = DecodeLimits()

  static let unknownType = "unknownType"

  /// An event that is good for nothing is a dead letter with the reason ``unknownType``.
  func decode(_ record: KafkaRecord) -> TurnInput {
    record.topic == repliesTopic ? decodeReply(record) : decodeEvent(record)
  }

  // MARK: Events

  private func decodeEvent(_ record: KafkaRecord) -> TurnInput {
    let event: CloudEvent
    do throws(WireError) {
      event = try cloudEvent(record)
    } catch {
      return .deadLetter(reason: error.code.rawValue, detail: error.message)
    }
    let json = event.json
    let triggered = catalog.triggered(by: json, type: event.type)
    var incoming = IncomingEvent(id: event.id, source: event.source, json: json)
    incoming.keys = catalog.keys(of: json, type: event.type)
    for entry in triggered.entries {
      do throws(ExpressionError) {
        try add(entry, event, to: &incoming)
      } catch {
        // The other workflows that want the event get it all the same.
        incoming.failures.append("the order key of \(entry.source): \(error.message)")
      }
    }
    for entry in triggered.collecting {
      incoming.dispatches.append(
        OfferedEvent.Dispatch(
          shard: ShardHome.of(entry.workflow, shards: shards), kind: .collect, workflow: entry.workflow))
    }
    if incoming.starts.isEmpty && incoming.dispatches.isEmpty && incoming.keys.isEmpty && incoming.failures.isEmpty {
      return unmatched(event, triggered.failures)
    }
    return .event(incoming)
  }

  /// The event in a record, read as it was when it arrived.
  func cloudEvent(_ record: KafkaRecord) throws(WireError) -> CloudEvent {
    try CloudEventCodec.decode(record, binding: queues[record.topic] ?? nil, limits: limits)
  }

  /// Starts the workflow here, unless its order key belongs to another shard.
  private func add(
    _ entry: DefinitionCatalog.Entry, _ event: CloudEvent, to incoming: inout IncomingEvent
  ) throws(ExpressionError) {
    let orderKey = try Self.orderKey(of: incoming.json, for: entry)
    if let orderKey {
      let home = ShardHome.of(orderKey, shards: shards)
      if home != shard {
        incoming.dispatches.append(OfferedEvent.Dispatch(shard: home, kind: .start, workflow: entry.workflow))
        return
      }
    }
    incoming.starts.append(Self.start(entry, event, orderKey))
  }

  static func start(
    _ entry: DefinitionCatalog.Entry, _ event: CloudEvent, _ orderKey: String?
  ) -> IncomingEvent.Start {
    IncomingEvent.Start(
      id: InstanceID.make(workflow: entry.workflow, source: event.source, id: event.id), entry: entry,
      orderKey: orderKey)
  }

  static func orderKey(
    of event: JSON, for entry: DefinitionCatalog.Entry
  ) throws(ExpressionError) -> String? {
    guard let expression = entry.definition.orderKey else { return nil }
    let value = try expression.evaluate(event) { _ in nil }
    // Without a key there is nothing to wait for.
    return value.isNull ? nil : "\(entry.workflow)\n\(value.canonicalText)"
  }

  private func unmatched(_ event: CloudEvent, _ failures: [String]) -> TurnInput {
    guard let failure = failures.first else {
      return .deadLetter(
        reason: Self.unknownType,
        detail: "no deployed workflow is started by an event of type '\(event.type)' from '\(event.source)'")
    }
    return .deadLetter(reason: "filterFailed", detail: "the event filter of \(failure)")
  }

  // MARK: Replies

  private func decodeReply(_ record: KafkaRecord) -> TurnInput {
    do throws(WireError) {
      let reply = try Reply.decode(record, limits: replyLimits)
      guard let instance = UUIDValue(reply.correlationID) else { return .ignored(.forged) }
      let outcome: ReplyOutcome =
        switch reply.kind {
        case .completed(let output): .completed(secrets.resealed(output))
        case .failed(let failure):
          .failed(resealed(failure.problem), retryable: failure.retryable, retryAfter: failure.retryAfter)
        case .progress(let percent, let message):
          .progress(PendingCall.Progress(percent: percent, message: message.map(secrets.resealed)))
        }
      return .reply(outcome, requestID: reply.causationID, instance: instance)
    } catch {
      return tooLarge(record, error) ?? .deadLetter(reason: error.code.rawValue, detail: error.message)
    }
  }

  /// A reply that cannot be taken for its size fails its task at once: it would be as large the next time.
  private func tooLarge(_ record: KafkaRecord, _ error: WireError) -> TurnInput? {
    guard error.code == .tooLarge, let address = Reply.address(of: record),
      let instance = UUIDValue(address.correlationID)
    else { return nil }
    let problem = Problems.validation("the reply is refused: \(error.message) (mediator.maxReplyBytes)", at: "/")
    return .reply(
      .failed(problem, retryable: false, retryAfter: nil), requestID: address.causationID, instance: instance)
  }

  private func resealed(_ problem: ProblemDetails) -> ProblemDetails {
    ProblemDetails(secrets.resealed(problem.json)) ?? problem
  }
}
