import Engine
import Kafka
import Safeguards
import Values
import Wire
import Workflow

/// Plans one batch: steps the pure engine over a turn's inputs and collects what is to be written and then published.
/// Pure: the same records, instances, timers and time give the same plan.
struct TurnPlan {
  let shard: Int32
  let catalog: DefinitionCatalog
  let known: Known
  let now: Timestamp
  /// What processing events name as the place for their replies.
  var repliesTopic = Topics.replies
  var batch: ShardBatch
  /// How many calls are under way and queued at this point of the plan, and before it.
  private(set) var load = ChannelLoad()
  private var knownLoad = ChannelLoad()
  private var limits = CallLimits(perChannel: .max)
  private(set) var ignored: [IgnoredReason: Int] = [:]
  private(set) var startedCount = 0
  private(set) var endedCount: [InstanceStatus: Int] = [:]
  /// The turn's instances as they are at this point of the plan.
  private(set) var instances: [UUIDValue: StoredInstance]
  /// Instances that turned out to be needed: with them, the turn has to be planned again.
  private(set) var missing: Set<UUIDValue> = []
  /// Workflows that are named and are not in the catalog.
  var unknownWorkflows: Set<String> = []
  /// Order keys that instances of this plan hold.
  var heldOrderKeys: Set<String> = []
  /// What is collected at this point of the plan.
  var collections: [CollectedEvent.Collection: [CollectedEvent]]
  /// Of each instance that came to the end of a page of kept events: its last event, and its size.
  var pageEnds: [UUIDValue: (event: Int64, size: Int)] = [:]
  private var startedHere: Set<UUIDValue> = []
  private var touched: Set<UUIDValue> = []
  private var order: [UUIDValue] = []
  private var lastRecords: [TopicPartition: KafkaRecord] = [:]
  /// What steps mean to other instances and is not done yet.
  private var consequences: [Consequence] = []
  private var isFollowing = false
  /// What could not be done and left nothing behind that tells of it.
  var givenUp: [GivenUp] = []
  /// How often instances were told of others.
  var answers = 0

  private enum Consequence {
    case relation(UUIDValue, JournalEntry)
    case ended(UUIDValue)
  }

  /// What the store said before the plan.
  struct Known {
    /// The instances that the inputs name and that exist.
    var instances: [UUIDValue: StoredInstance] = [:]
    /// Those that were looked for in vain.
    var absent: Set<UUIDValue> = []
    /// Order keys of which an instance is open.
    var openOrderKeys: Set<String> = []
    var collections: [CollectedEvent.Collection: [CollectedEvent]] = [:]
  }

  init(
    takeover: ShardTakeover, number: Int64, journalHead: Int64, publishMark: Int64, catalog: DefinitionCatalog,
    known: Known, now: Timestamp
  ) {
    shard = takeover.shard
    self.catalog = catalog
    self.known = known
    self.now = now
    instances = known.instances
    collections = known.collections
    batch = ShardBatch(number: number, journalHead: journalHead, publishMark: publishMark)
    batch.at = now
  }

  /// Has calls wait where too many are under way. Without it, none does.
  mutating func limit(by limits: CallLimits, _ load: ChannelLoad) {
    self.limits = limits
    (self.load, knownLoad) = (load, load)
  }

  // MARK: Inputs

  mutating func add(_ input: TurnInput, from record: KafkaRecord, keepingEvents retention: Duration) {
    switch input {
    case .event, .deadLetter: batch.newestDefinition = catalog.newest
    case .reply, .ignored: break
    }
    switch input {
    case .event(let event):
      for start in event.starts { self.start(start, event, key: record.key) }
      for failure in event.failures { quarantine(record, reason: "orderKeyFailed", detail: failure) }
      offer(event, record, retention)
    case .reply(let outcome, let requestID, let instance):
      reply(outcome, requestID, instance, record)
    case .deadLetter(let reason, let detail):
      quarantine(record, reason: reason, detail: detail, instance: record.correlation)
    case .ignored(let reason):
      ignore(reason)
    }
    advance(past: record)
  }

  mutating func wake(_ id: UUIDValue) {
    step(id) { engine, state, now in engine.wake(&state, now: now) }
  }

  /// Lets a queued call go out.
  mutating func release(_ call: QueuedCall) {
    // Others may have come first in this plan: it stays where it is.
    guard load.hasRoom(for: call.key, limits) else { return }
    let disposition = step(call.instance) { engine, state, now in
      engine.release(call.activity, state: &state, now: now)
    }
    // The two are written in one transaction; should one be left all the same, it must not stand in the way.
    if disposition != .applied { batch.unqueued.append(call) }
  }

  /// The broker will never take the processing event `requestID`.
  mutating func undeliverable(_ requestID: String, instance id: UUIDValue, reason: String) {
    step(id) { engine, state, now in engine.undeliverable(requestID, reason: reason, state: &state, now: now) }
  }

  /// The broker will never take this event, which an instance emitted.
  mutating func undeliverable(_ event: OutgoingRecord, reason: String) {
    let record = KafkaRecord(
      topic: event.topic, partition: event.partition ?? -1, offset: -1, timestamp: now.microseconds / 1000,
      key: event.key, value: event.value, headers: event.headers)
    quarantine(
      record, reason: "undeliverable", detail: "the broker has refused the event: \(reason)",
      instance: record.correlation)
  }

  /// The instance's next step cannot be stored, whatever is tried: it ends with an error that says so.
  mutating func abandon(_ id: UUIDValue, reason: String) {
    step(id) { engine, state, now in engine.abandon(reason, state: &state, now: now) }
  }

  mutating func quarantine(_ record: KafkaRecord, reason: String, detail: String, instance: UUIDValue? = nil) {
    guard Safeguard.holds(.letterKept) else { return }
    batch.deadLetters.append(
      DeadLetter(sequence: nextSequence(), record: record, reason: reason, detail: detail, instance: instance))
  }

  mutating func advance(past record: KafkaRecord) { lastRecords[record.topicPartition] = record }

  mutating func ignore(_ reason: IgnoredReason) { ignored[reason, default: 0] += 1 }

  // MARK: Steps

  mutating func start(_ start: IncomingEvent.Start, _ event: IncomingEvent, key: [UInt8]?) {
    guard instances[start.id] == nil || !Safeguard.holds(.startRecognised) else { return ignore(.duplicateEvent) }
    begin(
      start.entry, id: start.id, input: .array([event.json]), key: key, eventID: event.id, eventSource: event.source,
      orderKey: start.orderKey)
  }

  /// Starts an instance, or lets it wait for those before it with the same order key.
  mutating func begin(
    _ entry: DefinitionCatalog.Entry, id: UUIDValue, input: JSON, key: [UInt8]?, eventID: String, eventSource: String,
    parent: UUIDValue? = nil, depth: Int = 0, orderKey: String? = nil
  ) {
    let mustWait = (orderKey.map(isHeld) ?? false) && Safeguard.holds(.orderKeyHeld)
    if let orderKey { heldOrderKeys.insert(orderKey) }
    startedHere.insert(id)
    startedCount += 1
    touch(id)
    let engine = limited(entry)
    let (state, step) =
      mustWait ? engine.pending(id: id, input: input, now: now) : engine.start(id: id, input: input, now: now)
    // The place of its first journal row gives those that wait an order.
    let order = orderKey.map { StoredInstance.Order(key: $0, place: batch.journalHead + 1) }
    let instance = StoredInstance(
      shard: shard, definition: entry.number, key: key, eventID: eventID, eventSource: eventSource, parent: parent,
      depth: depth, order: order, state: state)
    instances[id] = instance
    load.replace(nil, with: instance)
    journal(id, step)
  }

  /// Whether an open instance has the order key.
  func isHeld(_ orderKey: String) -> Bool { known.openOrderKeys.contains(orderKey) || heldOrderKeys.contains(orderKey) }

  private mutating func reply(
    _ outcome: ReplyOutcome, _ requestID: String, _ id: UUIDValue, _ record: KafkaRecord
  ) {
    guard let instance = instances[id] else { return ignore(.forged) }
    if instance.shard != shard {
      guard Safeguard.holds(.replyForwarded) else { return ignore(.forged) }
      batch.forwarded.append(
        ForwardedReply(sequence: nextSequence(), partition: instance.shard, record: record))
      return
    }
    step(id) { engine, state, now in engine.reply(outcome, to: requestID, state: &state, now: now) }
  }

  /// - Parameter target: the version that the instance runs from then on, if the step is applied; nil: the same.
  /// - Returns: whether the input changed the instance, and why not.
  @discardableResult
  mutating func step(
    _ id: UUIDValue, to target: DefinitionCatalog.Entry? = nil,
    _ body: (Engine, inout InstanceState, Timestamp) -> Engine.Step
  ) -> Disposition {
    guard let before = instances[id], before.shard == shard, let entry = catalog[before.definition] else {
      ignore(.forged)
      return .ignored(.forged)
    }
    var instance = before
    let wasOpen = !before.state.status.isTerminal
    let step = body(limited(entry), &instance.state, now)
    let fault = instance.state.error == nil ? nil : uncaughtFault(of: instance, before: before, step, entry)
    if step.disposition == .applied, let target, Safeguard.holds(.versionWithState) {
      instance.definition = target.number
    }
    instances[id] = instance
    switch step.disposition {
    case .applied:
      touch(id)
      load.replace(before, with: instance)
      // Before the journal's row, and what comes of it: only what stands there already is settled.
      if let settled = settledFaults(of: instance, before: before, step) { batch.settledFaults.append(settled) }
      journal(id, step, wasOpen: wasOpen)
      if let fault { quarantine(fault.event, reason: DeadLetter.uncaughtFault, detail: fault.detail, instance: id) }
    case .ignored(let reason):
      ignore(IgnoredReason(reason))
      // An early timer is written again all the same, so that the store's `wakeAt` becomes the true one.
      if reason == .early { touch(id) }
    // Whoever asked is told.
    case .refused: break
    }
    return step.disposition
  }

  private mutating func journal(_ id: UUIDValue, _ step: Engine.Step, wasOpen: Bool = true) {
    if !step.entries.isEmpty {
      batch.journal.append(JournalRow(sequence: nextSequence(), instance: id, at: now, entries: step.entries))
    }
    for entry in step.entries where entry.isRelation { consequences.append(.relation(id, entry)) }
    // What an operator changes in an instance that has ended, and that stays so, is no second end.
    let hasEnded = wasOpen || step.entries.contains { $0.isEnd }
    if hasEnded, instances[id]?.state.status.isTerminal == true { consequences.append(.ended(id)) }
    follow()
  }

  /// One consequence after the other, in the order in which they came about: what the first one leads to must not
  /// overtake the second (an instance is started before it is cancelled), and ends are told once.
  private mutating func follow() {
    guard !isFollowing else { return }
    isFollowing = true
    while !consequences.isEmpty {
      switch consequences.removeFirst() {
      case .relation(let id, let entry): follow(id, entry)
      case .ended(let id): if let instance = instances[id] { ended(instance) }
      }
    }
    isFollowing = false
  }

  private mutating func ended(_ instance: StoredInstance) {
    endedCount[instance.state.status, default: 0] += 1
    if let order = instance.order, Safeguard.holds(.orderKeyReleased) { batch.releasedOrderKeys.insert(order.key) }
    if let parent = instance.parent { tell(parent, of: instance) }
    scheduleAfter(instance)
  }

  /// The version's engine, which has calls wait where their channel is full at this point of the plan.
  private func limited(_ entry: DefinitionCatalog.Entry) -> Engine {
    var engine = entry.engine
    guard Safeguard.holds(.callsAdmitted) else { return engine }
    engine.admission = load.admission(of: entry.number, limits)
    return engine
  }

  /// An instance that the plan needs and that was not asked for at first.
  mutating func find(_ id: UUIDValue) -> StoredInstance? {
    if let instance = instances[id] { return instance }
    if !known.absent.contains(id) { missing.insert(id) }
    return nil
  }

  private mutating func touch(_ id: UUIDValue) {
    if touched.insert(id).inserted { order.append(id) }
  }

  mutating func nextSequence() -> Int64 {
    batch.journalHead += 1
    return batch.journalHead
  }

  // MARK: The result

  /// The batch, with each instance as its last step left it, and each partition's position behind its last record.
  mutating func finish() -> ShardBatch {
    batch.positions = lastRecords.mapValues { Position(after: $0) }
    if !Safeguard.holds(.positionBehindRecord) { for key in batch.positions.keys { batch.positions[key]?.next += 1 } }
    for id in order {
      guard let instance = instances[id] else { continue }
      if startedHere.contains(id) { batch.started.append(instance) } else { batch.updated.append(instance) }
      if let change = waitChange(of: instance) { batch.waits.append(change) }
      noteQueue(of: instance)
    }
    order = []
    batch.loads = load.changes(since: knownLoad)
    batch.pages = nextPages()
    return batch
  }

  /// Which of its calls wait now that did not, and the other way round.
  private mutating func noteQueue(of instance: StoredInstance) {
    let before = known.instances[instance.id].map(queuedCalls) ?? []
    let after = queuedCalls(of: instance)
    guard !before.isEmpty || !after.isEmpty else { return }
    batch.unqueued += before.filter { !after.contains($0) }
    batch.queued += after.filter { !before.contains($0) }
  }

  private func queuedCalls(of instance: StoredInstance) -> [QueuedCall] {
    instance.state.openCalls.filter(\.isQueued).map { call in
      QueuedCall(
        instance: instance.id, activity: call.activity,
        key: ChannelLoad.Key(definition: instance.definition, channel: call.channel))
    }
  }

  private func waitChange(of instance: StoredInstance) -> WaitChange? {
    guard let engine = catalog[instance.definition]?.engine else { return nil }
    let known = known.instances[instance.id]
    // In this turn it may have gone on in another version: what it listened to before is that of the other.
    let former = known.flatMap { catalog[$0.definition]?.engine } ?? engine
    guard !engine.definition.awaited.isEmpty || !former.definition.awaited.isEmpty else { return nil }
    let before = known.map { former.waits(of: $0.state) } ?? []
    let after = engine.waits(of: instance.state)
    return before == after || !Safeguard.holds(.waitsWritten) ? nil : WaitChange(instance: instance.id, waits: after)
  }
}
