import Engine
import Kafka
import Values
import Wire
import Workflow

/// Writes what the engine asks for as records of the wire contract. Pure: a row gives the same records, byte for byte,
/// whenever it is published.
struct OutgoingEncoder {
  let shard: Int32
  let repliesTopic: String
  let routes: EmitRoutes
  let lifecycle: LifecycleLevel
  let secrets: Secrets
  let catalog: DefinitionCatalog

  func messages(of batch: ShardBatch, instances: [UUIDValue: StoredInstance]) -> [Outbox.Message] {
    var messages: [Outbox.Message] = []
    let versions = FormerVersions(batch.journal)
    for row in batch.journal {
      guard var address = instances[row.instance]?.address else { continue }
      address.formerVersion = versions.version(of: row.instance, at: row.sequence)
      messages += self.messages(of: row, from: address)
    }
    messages += batch.deadLetters.map(message)
    messages += batch.forwarded.map(message)
    return messages.sorted { $0.sequence < $1.sequence }
  }

  func messages(of row: UnpublishedRow) -> [Outbox.Message] {
    switch row {
    case .journal(let row, let address): messages(of: row, from: address)
    case .deadLetter(let letter): [message(letter)]
    case .forwarded(let reply): [message(reply)]
    case .silent: []
    }
  }

  private func messages(of row: JournalRow, from instance: StoredInstance.Address) -> [Outbox.Message] {
    var messages: [Outbox.Message] = []
    for entry in row.entries {
      switch entry {
      case .requested(let request): messages.append(message(request, from: instance, sequence: row.sequence))
      case .emitted(let emitted): messages.append(message(emitted, from: instance, sequence: row.sequence))
      default: continue
      }
    }
    guard lifecycle != .off, let entry = entry(of: instance) else { return messages }
    for event in LifecycleEvents(level: lifecycle).events(of: row, entry: entry) {
      let record = CloudEventCodec.encode(event, topic: Topics.lifecycle, key: Array(instance.id.text.utf8))
      messages.append(Outbox.Message(sequence: row.sequence, record: record, request: nil))
    }
    return messages
  }

  /// What the instance ran when it asked for what is published.
  private func entry(of instance: StoredInstance.Address) -> DefinitionCatalog.Entry? {
    guard let entry = catalog[instance.definition], let version = instance.formerVersion else {
      return catalog[instance.definition]
    }
    return catalog.entry(entry.workflow, version: version) ?? entry
  }

  /// The key keeps the order of an instance's events, and those of all instances with its key. Secrets stay sealed: the
  /// event may come back to a mediator, and then it is state.
  private func message(
    _ emitted: EmittedEvent, from instance: StoredInstance.Address, sequence: Int64
  ) -> Outbox.Message {
    var event = CloudEvent(emitted: emitted.event)
    event.extensions["correlationid"] = event.extensions["correlationid"] ?? instance.id.text
    let key = event.extensions["partitionkey"].map { Array($0.utf8) }
    return Outbox.Message(
      sequence: sequence,
      record: CloudEventCodec.encode(
        event, topic: routes.topic(type: event.type, source: event.source),
        key: key ?? instance.key ?? Array(instance.id.text.utf8)),
      request: nil, isEvent: true)
  }

  /// Only here, where a processing event leaves the mediator, a secret takes the place of what stands for it.
  private func unsealed(_ data: JSON, _ instance: StoredInstance.Address) -> JSON {
    secrets.unsealed(data, names: entry(of: instance)?.definition.secrets ?? [])
  }

  private func message(
    _ request: Request, from instance: StoredInstance.Address, sequence: Int64
  ) -> Outbox.Message {
    let event = ProcessingEvent(
      id: request.id, idempotencyKey: request.idempotencyKey, source: entry(of: instance)?.source ?? "/",
      channel: request.channel, taskReference: request.reference, correlationID: instance.id.text,
      causationID: instance.id.text, attempt: request.attempt, deadline: request.deadline,
      replyTopic: repliesTopic, replyPartition: shard, traceparent: Self.traceparent(request, of: instance.id),
      key: instance.key ?? Array(instance.id.text.utf8), data: unsealed(request.data, instance))
    return Outbox.Message(
      sequence: sequence, record: event.encode(),
      request: Outbox.Message.Request(id: request.id, instance: instance.id))
  }

  /// One trace per instance and one span per attempt, made of their ids so that it is the same whenever it is published
  /// (W3C Trace Context, "traceparent").
  private static func traceparent(_ request: Request, of id: UUIDValue) -> String {
    let span = UInt64(UInt32(truncatingIfNeeded: request.activity)) << 32 | UInt64(request.attempt)
    return "00-\(hex(id.high))\(hex(id.low))-\(hex(span))-01"
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private func message(_ letter: DeadLetter) -> Outbox.Message {
    Outbox.Message(sequence: letter.sequence, record: letter.published(by: shard), request: nil, isLetter: true)
  }

  private func message(_ reply: ForwardedReply) -> Outbox.Message {
    Outbox.Message(
      sequence: reply.sequence,
      record: OutgoingRecord(
        topic: repliesTopic, partition: reply.partition, key: reply.record.key, value: reply.record.value,
        headers: reply.record.headers),
      request: nil)
  }
}

extension CloudEvent {
  /// An event that a workflow emits, given in its JSON form.
  fileprivate init(emitted json: JSON) {
    var event = CloudEvent(
      id: json["id"]?.string ?? "", source: json["source"]?.string ?? "", type: json["type"]?.string ?? "",
      subject: json["subject"]?.string, time: json["time"]?.string,
      dataContentType: json["datacontenttype"]?.string, dataSchema: json["dataschema"]?.string, data: json["data"])
    let own: Set<String> = [
      "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data",
    ]
    for (name, value) in json.object ?? [:] where !own.contains(name) && !value.isNull {
      event.extensions[name] = value.string ?? value.text
    }
    self = event
  }
}
