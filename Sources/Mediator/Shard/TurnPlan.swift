import Engine
import Kafka
import Values
import Wire

/// Plans one batch: steps the pure engine over a turn's inputs and collects what is to be written and then published.
/// Pure: the same records, instances, timers and time give the same plan.
struct TurnPlan {
  let shard: Int32
  let catalog: DefinitionCatalog
  let now: Timestamp
  private(set) var batch: ShardBatch
  private(set) var ignored: [IgnoredReason: Int] = [:]
  private(set) var startedCount = 0
  private(set) var endedCount: [InstanceStatus: Int] = [:]
  /// The turn's instances as they are at this point of the plan.
  private(set) var instances: [UUIDValue: StoredInstance]
  private var startedHere: Set<UUIDValue> = []
  private var touched: Set<UUIDValue> = []
  private var order: [UUIDValue] = []
  private var lastRecords: [TopicPartition: KafkaRecord] = [:]

  /// - Parameter instances: those that the inputs name and that exist.
  init(
    takeover: ShardTakeover, number: Int64, journalHead: Int64, publishMark: Int64, catalog: DefinitionCatalog,
    instances: [UUIDValue: StoredInstance], now: Timestamp
  ) {
    shard = takeover.shard
    self.catalog = catalog
    self.instances = instances
    self.now = now
    batch = ShardBatch(number: number, journalHead: journalHead, publishMark: publishMark)
  }

  // MARK: Inputs

  mutating func add(_ input: TurnInput, from record: KafkaRecord) {
    switch input {
    case .start(let event, let json, let workflows):
      for workflow in workflows { start(workflow, event, json, record) }
    case .reply(let outcome, let requestID, let instance):
      reply(outcome, requestID, instance, record)
    case .deadLetter(let reason, let detail):
      quarantine(record, reason: reason, detail: detail)
    case .ignored(let reason):
      ignored[reason, default: 0] += 1
    }
    advance(past: record)
  }

  mutating func wake(_ id: UUIDValue) {
    step(id) { engine, state, now in engine.wake(&state, now: now) }
  }

  /// The broker will never take the processing event `requestID`.
  mutating func undeliverable(_ requestID: String, instance id: UUIDValue, reason: String) {
    step(id) { engine, state, now in engine.undeliverable(requestID, reason: reason, state: &state, now: now) }
  }

  /// The instance's next step cannot be stored, whatever is tried: it ends with an error that says so.
  mutating func abandon(_ id: UUIDValue, reason: String) {
    step(id) { engine, state, now in engine.abandon(reason, state: &state, now: now) }
  }

  mutating func quarantine(_ record: KafkaRecord, reason: String, detail: String) {
    batch.deadLetters.append(DeadLetter(sequence: nextSequence(), record: record, reason: reason, detail: detail))
  }

  mutating func advance(past record: KafkaRecord) { lastRecords[record.topicPartition] = record }

  // MARK: Steps

  private mutating func start(_ start: TurnInput.Start, _ event: CloudEvent, _ json: JSON, _ record: KafkaRecord) {
    guard instances[start.id] == nil else {
      ignored[.duplicateEvent, default: 0] += 1
      return
    }
    let (state, step) = start.entry.engine.start(id: start.id, input: .array([json]), now: now)
    instances[start.id] = StoredInstance(
      shard: shard, definition: start.entry.number, key: record.key, eventID: event.id, eventSource: event.source,
      state: state)
    startedHere.insert(start.id)
    startedCount += 1
    touch(start.id)
    journal(start.id, step)
  }

  private mutating func reply(
    _ outcome: ReplyOutcome, _ requestID: String, _ id: UUIDValue, _ record: KafkaRecord
  ) {
    guard let instance = instances[id] else {
      ignored[.forged, default: 0] += 1
      return
    }
    if instance.shard != shard {
      batch.forwarded.append(
        ForwardedReply(sequence: nextSequence(), partition: instance.shard, record: record))
      return
    }
    step(id) { engine, state, now in engine.reply(outcome, to: requestID, state: &state, now: now) }
  }

  private mutating func step(_ id: UUIDValue, _ body: (Engine, inout InstanceState, Timestamp) -> Engine.Step) {
    guard var instance = instances[id], instance.shard == shard, let entry = catalog[instance.definition] else {
      ignored[.forged, default: 0] += 1
      return
    }
    let step = body(entry.engine, &instance.state, now)
    instances[id] = instance
    switch step.disposition {
    case .applied:
      touch(id)
      journal(id, step)
    case .ignored(let reason):
      ignored[IgnoredReason(reason), default: 0] += 1
      // An early timer is written again all the same, so that the store's `wakeAt` becomes the true one.
      if reason == .early { touch(id) }
    }
  }

  private mutating func journal(_ id: UUIDValue, _ step: Engine.Step) {
    if let status = instances[id]?.state.status, status.isTerminal { endedCount[status, default: 0] += 1 }
    guard !step.entries.isEmpty else { return }
    batch.journal.append(JournalRow(sequence: nextSequence(), instance: id, at: now, entries: step.entries))
  }

  private mutating func touch(_ id: UUIDValue) {
    if touched.insert(id).inserted { order.append(id) }
  }

  private mutating func nextSequence() -> Int64 {
    batch.journalHead += 1
    return batch.journalHead
  }

  // MARK: The result

  /// The batch, with each instance as its last step left it, and each partition's position behind its last record.
  mutating func finish() -> ShardBatch {
    batch.positions = lastRecords.mapValues { Position(after: $0) }
    for id in order {
      guard let instance = instances[id] else { continue }
      if startedHere.contains(id) { batch.started.append(instance) } else { batch.updated.append(instance) }
    }
    order = []
    return batch
  }
}

extension IgnoredReason {
  init(_ reason: Disposition.Reason) {
    switch reason {
    case .terminal: self = .terminal
    case .stale: self = .stale
    case .forged: self = .forged
    case .early: self = .early
    case .unwanted: self = .unwanted
    }
  }
}
