import Engine
import Kafka
import Values
import Wire

/// The batch loop of one shard in one epoch, driven one turn at a time.
///
/// A turn: poll → decode → load → step → one transaction → publish. The worker is crash-only: whatever goes wrong, it
/// throws and is thrown away, and its successor (here or elsewhere) takes the shard over from what the store says.
/// Nothing that it holds in memory is needed for that.
public actor ShardWorker<Source: RecordSource, Publisher: RecordPublisher, Store: ShardStore> {
  private let takeover: ShardTakeover
  private let options: ShardOptions
  private let source: Source
  private let publisher: Publisher
  private let store: Store
  private let catalogs: any CatalogProvider
  private let clock: any MediatorClock
  private let outbox = Outbox()
  private var cache: InstanceCache
  private var batchNumber: Int64
  private var journalHead: Int64
  private var nextTimerScan: Timestamp
  private var nextRenewal: Timestamp
  private var nextReport: Timestamp
  private var reported: [TopicPartition: Int64] = [:]

  public init(
    takeover: ShardTakeover, options: ShardOptions, source: Source, publisher: Publisher, store: Store,
    catalogs: any CatalogProvider, clock: any MediatorClock
  ) {
    self.takeover = takeover
    self.options = options
    self.source = source
    self.publisher = publisher
    self.store = store
    self.catalogs = catalogs
    self.clock = clock
    cache = InstanceCache(capacity: options.cacheCapacity)
    batchNumber = takeover.batch
    journalHead = takeover.journalHead
    let now = clock.now()
    nextTimerScan = now
    nextRenewal = now + options.lease / 3
    nextReport = now
  }

  /// Up to which sequence everything is published.
  public var publishMark: Int64 { outbox.mark(head: journalHead) }

  /// Publishes what the owner before may not have published. To be called once, before the first turn.
  public func republish() async throws(MediatorError) {
    var after = takeover.publishMark
    while true {
      let rows = try await store.unpublished(after: after, limit: 500)
      guard let last = rows.last else { return }
      let catalog = try await catalog(naming: rows.compactMap(\.definition))
      let encoder = encoder(catalog)
      outbox.publish(rows.flatMap(encoder.messages(of:)), through: publisher)
      after = last.sequence
      try await renewIfDue()
    }
  }

  /// One turn. Empty when nothing came within the options' `wait`.
  @discardableResult
  public func turn() async throws(MediatorError) -> TurnReport {
    if let failure = outbox.failure { throw MediatorError(.publish, failure) }
    var report = TurnReport()
    let undeliverable = outbox.takeUndeliverable()
    let timers = try await dueTimers()
    let records = try await poll(waiting: undeliverable.isEmpty && timers.isEmpty)
    report.split(.poll)
    guard !(records.isEmpty && timers.isEmpty && undeliverable.isEmpty) else {
      try await renewIfDue()
      return report
    }
    let turn = Turn(records: records, timers: timers, undeliverable: undeliverable)
    let (inputs, catalog) = try await decode(records)
    report.split(.decode)
    try await run(turn, inputs, catalog, &report)
    outbox.settle(undeliverable)
    await reportPositions()
    return report
  }

  /// The work of one turn, so that it can be planned again when its first plan turns out to be out of date.
  private struct Turn {
    let records: [KafkaRecord]
    let timers: [UUIDValue]
    let undeliverable: [Outbox.Undeliverable]
  }

  // MARK: Reading

  private func poll(waiting: Bool) async throws(MediatorError) -> [KafkaRecord] {
    // Kafka does not take what is committed: read no more of it, but stay alive and keep the lease.
    let room = outbox.pending < options.maxUnpublished ? options.maxBatch : 0
    return try await source.nextBatch(max: room, wait: waiting ? options.wait : .zero)
  }

  private func dueTimers() async throws(MediatorError) -> [UUIDValue] {
    let now = clock.now()
    guard now >= nextTimerScan else { return [] }
    let due = try await store.due(at: now, limit: options.maxTimers)
    // A full page means that more are due already.
    if due.count < options.maxTimers { nextTimerScan = now + options.timerInterval }
    return due
  }

  private func decode(
    _ records: [KafkaRecord]
  ) async throws(MediatorError) -> (inputs: [TurnInput], catalog: DefinitionCatalog) {
    var catalog = try await catalogs.current()
    var inputs = records.map(decoder(catalog).decode)
    let isUnmatched = inputs.contains {
      if case .deadLetter(InputDecoder.unknownType, _) = $0 { true } else { false }
    }
    if isUnmatched {
      // Its workflow may have been deployed a moment ago: look before giving up on the event.
      catalog = try await catalogs.refreshed()
      inputs = records.map(decoder(catalog).decode)
    }
    return (inputs, catalog)
  }

  private func decoder(_ catalog: DefinitionCatalog) -> InputDecoder {
    InputDecoder(
      catalog: catalog, queues: options.queues, repliesTopic: options.repliesTopic, limits: options.limits)
  }

  private func encoder(_ catalog: DefinitionCatalog) -> OutgoingEncoder {
    OutgoingEncoder(shard: takeover.shard, repliesTopic: options.repliesTopic, catalog: catalog)
  }

  /// The catalog, read again when it lacks one of these definitions.
  private func catalog(naming numbers: [Int32]) async throws(MediatorError) -> DefinitionCatalog {
    let catalog = try await catalogs.current()
    guard numbers.contains(where: { catalog[$0] == nil }) else { return catalog }
    let refreshed = try await catalogs.refreshed()
    if let missing = numbers.first(where: { refreshed[$0] == nil }) {
      throw MediatorError(.definition, "definition number \(missing) is used by an instance and cannot be loaded")
    }
    return refreshed
  }

  // MARK: Planning and writing

  private func run(
    _ turn: Turn, _ inputs: [TurnInput], _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) {
    for attempt in 1... {
      let instances = try await load(turn, inputs)
      let catalog = try await self.catalog(naming: instances.values.map(\.definition) + catalog.all.map(\.number))
      report.split(.load)
      var plan = plan(turn, inputs, catalog, instances)
      let batch = plan.finish()
      report.split(.step)
      do {
        try await commit(batch)
        report.split(.write)
      } catch  where error.code == .conflict && attempt < 3 {
        // An instance of this batch was started on another shard in the meantime. Loading will find it.
        cache.removeAll()
        continue
      } catch  where error.code == .unstorable && turn.records.count > 1 {
        try await runOneByOne(turn, inputs, catalog, &report)
        return
      } catch  where error.code == .unstorable {
        try await quarantine(turn, reason: error.message, catalog, &report)
        return
      }
      publish(batch, plan.instances, catalog)
      report.split(.publish)
      report.add(plan, records: turn.records.count)
      return
    }
  }

  private func plan(
    _ turn: Turn, _ inputs: [TurnInput], _ catalog: DefinitionCatalog, _ instances: [UUIDValue: StoredInstance]
  ) -> TurnPlan {
    var plan = TurnPlan(
      takeover: takeover, number: batchNumber + 1, journalHead: journalHead,
      publishMark: publishMark, catalog: catalog, instances: instances, now: clock.now())
    for item in turn.undeliverable {
      plan.undeliverable(item.request.id, instance: item.request.instance, reason: item.reason)
    }
    for id in turn.timers { plan.wake(id) }
    for (input, record) in zip(inputs, turn.records) { plan.add(input, from: record) }
    return plan
  }

  private func load(_ turn: Turn, _ inputs: [TurnInput]) async throws(MediatorError) -> [UUIDValue: StoredInstance] {
    var found: [UUIDValue: StoredInstance] = [:]
    var missing: Set<UUIDValue> = []
    func want(_ id: UUIDValue) {
      guard found[id] == nil, !missing.contains(id) else { return }
      if let instance = cache.find(id) { found[id] = instance } else { missing.insert(id) }
    }
    for input in inputs { input.instances.forEach(want) }
    turn.timers.forEach(want)
    turn.undeliverable.forEach { want($0.request.instance) }
    if !missing.isEmpty {
      for instance in try await store.load(Array(missing)) { found[instance.id] = instance }
    }
    return found
  }

  private func commit(_ batch: ShardBatch) async throws(MediatorError) {
    try await store.commit(batch)
    batchNumber = batch.number
    journalHead = batch.journalHead
    nextRenewal = clock.now() + options.lease / 3
    for instance in batch.started { cache.update(instance) }
    for instance in batch.updated { cache.update(instance) }
    for (partition, position) in batch.positions { reported[partition] = position.next }
  }

  private func publish(
    _ batch: ShardBatch, _ instances: [UUIDValue: StoredInstance], _ catalog: DefinitionCatalog
  ) {
    outbox.publish(encoder(catalog).messages(of: batch, instances: instances), through: publisher)
  }

  // MARK: Data that Postgres refuses

  /// Postgres refused the data of some record of the turn: each gets a transaction of its own, so that only the
  /// culprit is set aside and the partition goes on.
  private func runOneByOne(
    _ turn: Turn, _ inputs: [TurnInput], _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) {
    let others = Turn(records: [], timers: turn.timers, undeliverable: turn.undeliverable)
    if !others.timers.isEmpty || !others.undeliverable.isEmpty {
      try await run(others, [], catalog, &report)
    }
    for (input, record) in zip(inputs, turn.records) {
      try await run(Turn(records: [record], timers: [], undeliverable: []), [input], catalog, &report)
    }
  }

  private func quarantine(
    _ turn: Turn, reason: String, _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) {
    guard let record = turn.records.first else { throw MediatorError(.store, reason) }
    var plan = TurnPlan(
      takeover: takeover, number: batchNumber + 1, journalHead: journalHead,
      publishMark: publishMark, catalog: catalog, instances: [:], now: clock.now())
    plan.quarantine(record, reason: "unstorable", detail: reason)
    plan.advance(past: record)
    let batch = plan.finish()
    try await commit(batch)
    publish(batch, [:], catalog)
    report.add(plan, records: 1)
  }

  // MARK: Staying alive

  private func renewIfDue() async throws(MediatorError) {
    let now = clock.now()
    guard now >= nextRenewal else { return }
    try await store.renew(publishMark: publishMark)
    nextRenewal = now + options.lease / 3
  }

  private func reportPositions() async {
    let now = clock.now()
    guard now >= nextReport, !reported.isEmpty else { return }
    nextReport = now + .seconds(5)
    await source.report(reported)
    reported = [:]
  }
}

extension UnpublishedRow {
  var definition: Int32? {
    if case .requests(_, let address, _) = self { address.definition } else { nil }
  }
}

/// Where the definitions come from.
public protocol CatalogProvider: Sendable {
  /// What is known now.
  func current() async throws(MediatorError) -> DefinitionCatalog
  /// Looks into the store first.
  func refreshed() async throws(MediatorError) -> DefinitionCatalog
}
