import Engine
import Kafka
import Safeguards
import Values
import Wire

/// The batch loop of one shard in one epoch, driven one turn at a time.
///
/// A turn: poll → decode → load → step → one transaction → publish. The worker is crash-only: whatever goes wrong, it
/// throws and is thrown away, and its successor (here or elsewhere) takes the shard over from what the store says.
/// Nothing that it holds in memory is needed for that.
public actor ShardWorker<Source: RecordSource, Publisher: RecordPublisher, Store: ShardStore> {
  let takeover: ShardTakeover
  let options: ShardOptions
  private let source: Source
  private let publisher: Publisher
  let store: Store
  let catalogs: any CatalogProvider
  let clock: any MediatorClock
  private let outbox = Outbox()
  var cache: InstanceCache
  var pace: TurnPace
  /// Records of the last turn.
  var lastRecords = 0
  private var batchNumber: Int64
  private var journalHead: Int64
  /// What the owner before may not have published lies above this sequence; nil once all of it is handed over.
  private var unpublishedAfter: Int64?
  var next: NextLooks
  /// Read at the first turn that reads anything.
  var schedules: ShardSchedules?
  /// Read before the first turn that plans anything; afterwards as the last commit has left it.
  var load: ChannelLoad?
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
    cache = InstanceCache(capacity: options.cacheCapacity, bytes: options.cacheBytes)
    pace = TurnPace(target: options.turnTarget)
    batchNumber = takeover.batch
    journalHead = takeover.journalHead
    unpublishedAfter = Safeguard.holds(.republishAtTakeover) ? takeover.publishMark : Optional.none
    next = NextLooks(clock.now(), options)
  }

  /// Up to which sequence everything is published.
  public var publishMark: Int64 { outbox.mark(head: unpublishedAfter ?? journalHead) }

  /// One turn. Empty when nothing came within the options' `wait`. The first turns of an owner publish what the one
  /// before may not have published, and read nothing.
  @discardableResult
  public func turn() async throws(MediatorError) -> TurnReport {
    if let failure = outbox.failure { throw MediatorError(.publish, failure) }
    tendTopics()
    if let unpublishedAfter { return try await republish(after: unpublishedAfter) }
    if load == nil {
      load = Safeguard.holds(.loadAtTakeover) ? try await store.channelLoad() : ChannelLoad()
    }
    var report = TurnReport()
    let undeliverable = outbox.takeUndeliverable()
    var work = undeliverable.map { TurnWork.undeliverable($0) }
    var catalog = try await catalogs.current()
    let timed = try await timedWork(&catalog)
    let records = try await poll(waiting: work.isEmpty && timed.isEmpty, catalog)
    lastRecords = records.count
    report.split(.poll)
    guard !(records.isEmpty && timed.isEmpty && work.isEmpty) else {
      try await renewIfDue()
      return report
    }
    let began = clock.now()
    let inputs: [TurnInput]
    (inputs, catalog) = try await decode(records, catalog)
    report.split(.decode)
    for (record, input) in zip(records, inputs) { work.append(.record(record, input)) }
    // After the records: a reply that is at hand counts, even when its deadline has passed a moment ago.
    work += timed
    try await run(work[...], catalog, &report)
    outbox.settle(undeliverable)
    pace.turned(in: clock.now() - began)
    await reportPositions()
    return report
  }

  // MARK: Reading

  private func republish(after sequence: Int64) async throws(MediatorError) -> TurnReport {
    var report = TurnReport()
    // Not the open rows: one of them may wait for a turn (it was refused), and turns come only afterwards.
    if outbox.canFly(records: options.maxUnpublished, bytes: options.maxUnpublishedBytes) {
      let rows = try await store.unpublished(after: sequence, limit: 500)
      var catalog = try await catalog(try await catalogs.current(), naming: rows.lazy.compactMap(\.definition))
      if rows.contains(where: { $0.isFromUnknownVersion(catalog) }) { catalog = try await catalogs.refreshed() }
      outbox.publish(rows.flatMap(encoder(catalog).messages(of:)), through: publisher)
      unpublishedAfter = rows.last?.sequence
      report.split(.publish)
    } else {
      _ = try await source.nextBatch(max: 0, wait: options.wait)
    }
    try await renewIfDue()
    return report
  }

  private func poll(
    waiting: Bool, _ catalog: DefinitionCatalog
  ) async throws(MediatorError) -> [KafkaRecord] {
    // What comes by way of the inbox should not wait for a queue that is quiet.
    let wait = catalog.usesInbox ? min(options.wait, options.inboxInterval) : options.wait
    // Kafka does not take what is committed: read no more of it, but stay alive and keep the lease.
    return try await source.nextBatch(max: hasRoom ? pace.limit(options.maxBatch) : 0, wait: waiting ? wait : .zero)
  }

  /// Tries the topics that refused, and gives up what they have refused for too long. Before the rows that wait for
  /// them fill the outbox: then everything else would stand still as well.
  private func tendTopics() {
    guard outbox.hasBlockedTopics else { return }
    let isCrowded = !outbox.hasRoom(rows: options.maxUnpublished / 2, bytes: .max)
    outbox.tend(
      at: clock.now(), patience: isCrowded ? .zero : options.patience, probeInterval: options.probeInterval,
      through: publisher)
  }

  var hasRoom: Bool {
    outbox.hasRoom(rows: options.maxUnpublished, bytes: options.maxUnpublishedBytes)
  }

  private func decode(
    _ records: [KafkaRecord], _ catalog: DefinitionCatalog
  ) async throws(MediatorError) -> (inputs: [TurnInput], catalog: DefinitionCatalog) {
    var catalog = catalog
    var inputs = records.map(decoder(catalog).decode)
    let isUnmatched = inputs.contains {
      if case .deadLetter(InputDecoder.unknownType, _) = $0 { true } else { false }
    }
    if isUnmatched {
      // Its workflow may have been deployed a moment ago: look before giving up on the event.
      let refreshed = try await catalogs.refreshed()
      // Numbers only grow, also those of what was retired or restored.
      if refreshed.newest > catalog.newest {
        catalog = refreshed
        inputs = records.map(decoder(catalog).decode)
      }
    }
    return (inputs, catalog)
  }

  private func decoder(_ catalog: DefinitionCatalog) -> InputDecoder {
    InputDecoder(
      catalog: catalog, queues: options.queues, repliesTopic: options.repliesTopic, limits: options.limits,
      shard: takeover.shard, shards: options.shards, secrets: options.secrets, replyLimits: options.replyLimits)
  }

  private func encoder(_ catalog: DefinitionCatalog) -> OutgoingEncoder {
    OutgoingEncoder(
      shard: takeover.shard, repliesTopic: options.repliesTopic, routes: options.routes, lifecycle: options.lifecycle,
      secrets: options.secrets, catalog: catalog)
  }

  /// The catalog, read again when it lacks one of these definitions.
  private func catalog(
    _ known: DefinitionCatalog, naming numbers: some Sequence<Int32>
  ) async throws(MediatorError) -> DefinitionCatalog {
    guard numbers.contains(where: { known[$0] == nil }) else { return known }
    let refreshed = try await catalogs.refreshed()
    if let missing = numbers.first(where: { refreshed[$0] == nil }) {
      throw MediatorError(.definition, "definition number \(missing) is used by an instance and cannot be loaded")
    }
    return refreshed
  }

  /// Those that can still take a step here. What has ended, or lives elsewhere, needs no definition, but for what an
  /// operator may open again.
  private func mine(_ instances: [UUIDValue: StoredInstance], _ operated: Set<UUIDValue>) -> [StoredInstance] {
    instances.values.filter {
      $0.shard == takeover.shard && (!$0.state.status.isTerminal || operated.contains($0.id))
    }
  }

  // MARK: Planning and writing

  private func run(
    _ work: ArraySlice<TurnWork>, _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) {
    var (work, catalog) = (work, catalog)
    var attempt = 1
    while true {
      let planned = try await planned(work, catalog, &report)
      (work, catalog) = (planned.work, planned.catalog)
      do {
        try await commit(planned.batch, planned.plan.load)
        report.split(.write)
      } catch  where error.code == .conflict && attempt < 3 {
        let known = catalog.newest
        catalog = try await catalogs.refreshed()
        if catalog.newest > known {
          // A definition was deployed meanwhile: to it, the events may be something else.
          work = decoded(work, by: catalog)
          continue
        }
        // An instance of this batch was started on another shard in the meantime: loading will find it. Or an event was
        // to expire that is wanted after all: should it not be, the next look finds it again.
        work = ArraySlice(work.filter { !$0.isExpiry })
        if work.isEmpty { return }
        attempt += 1
        continue
      } catch  where error.code == .unstorable && Safeguard.holds(.poisonSetAside) {
        return try await setAside(work, error.message, catalog, &report)
      }
      publish(planned.batch, planned.plan.instances, catalog)
      report.split(.publish)
      report.add(planned.plan, records: work.count { if case .record = $0 { true } else { false } })
      return
    }
  }

  private func decoded(_ work: ArraySlice<TurnWork>, by catalog: DefinitionCatalog) -> ArraySlice<TurnWork> {
    let decoder = decoder(catalog)
    return ArraySlice(work.map { $0.decoded(by: decoder) })
  }

  /// A plan, with the work as the catalog that it was planned with has it.
  private struct Planned {
    let work: ArraySlice<TurnWork>
    let plan: TurnPlan
    let batch: ShardBatch
    let catalog: DefinitionCatalog
  }

  /// Plans the work; again, when a plan turns out to need an instance that was not loaded.
  private func planned(
    _ work: ArraySlice<TurnWork>, _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) -> Planned {
    var (work, catalog) = (work, catalog)
    var isRefreshed = false
    let needs = TurnNeeds(work, decoder(catalog))
    var known = try await load(needs)
    while true {
      let before = catalog.newest
      catalog = try await self.catalog(catalog, naming: mine(known.instances, needs.operated).map(\.definition))
      if catalog.newest > before {
        work = decoded(work, by: catalog)
        try await load(TurnNeeds(work, decoder(catalog)), into: &known)
      }
      report.split(.load)
      var plan = plan(catalog, known)
      let decoder = decoder(catalog)
      for item in work { item.add(to: &plan, decoder, keepingEvents: options.eventRetention) }
      let batch = plan.finish()
      report.split(.step)
      if !plan.unknownWorkflows.isEmpty, !isRefreshed {
        // They may have been deployed a moment ago.
        isRefreshed = true
        catalog = try await catalogs.refreshed()
        work = decoded(work, by: catalog)
        try await load(TurnNeeds(work, self.decoder(catalog)), into: &known)
      } else if plan.missing.isEmpty {
        return Planned(work: work, plan: plan, batch: batch, catalog: catalog)
      } else {
        try await load(plan.missing, into: &known)
      }
    }
  }

  private func plan(_ catalog: DefinitionCatalog, _ known: TurnPlan.Known) -> TurnPlan {
    var plan = TurnPlan(
      takeover: takeover, number: batchNumber + 1, journalHead: journalHead,
      publishMark: publishMark, catalog: catalog, known: known, now: clock.now())
    plan.repliesTopic = options.repliesTopic
    plan.limit(by: callLimits(catalog), load ?? ChannelLoad())
    return plan
  }

  private func commit(_ batch: ShardBatch, _ load: ChannelLoad) async throws(MediatorError) {
    if !Safeguard.holds(.cacheAfterCommit) { remember(batch) }
    try await store.commit(batch)
    batchNumber = batch.number
    journalHead = batch.journalHead
    self.load = load
    next.renewal = clock.now() + options.lease / 3
    remember(batch)
    schedules?.committed(batch)
    noteWork(of: batch)
    for (partition, position) in batch.positions { reported[partition] = position.next }
  }

  private func remember(_ batch: ShardBatch) {
    for instance in batch.started { cache.update(instance) }
    for instance in batch.updated { cache.update(instance) }
  }

  /// What a batch makes due at once need not wait for the next scan.
  private func noteWork(of batch: ShardBatch) {
    let now = clock.now()
    if !batch.offered.isEmpty || !batch.waits.isEmpty || !batch.pages.isEmpty { next.inbox = now }
    if !batch.releasedOrderKeys.isEmpty || (batch.started + batch.updated).contains(where: \.hasUnfinishedStep) {
      next.timers = now
    }
  }

  private func publish(
    _ batch: ShardBatch, _ instances: [UUIDValue: StoredInstance], _ catalog: DefinitionCatalog
  ) {
    outbox.publish(encoder(catalog).messages(of: batch, instances: instances), through: publisher)
  }

  // MARK: Data that Postgres refuses

  /// Postgres refused the data of some of this work: halved until only the culprit is left, so that everything else
  /// goes on as if it were not there.
  private func setAside(
    _ work: ArraySlice<TurnWork>, _ reason: String, _ catalog: DefinitionCatalog, _ report: inout TurnReport
  ) async throws(MediatorError) {
    if work.count > 1 {
      let middle = work.startIndex + work.count / 2
      try await run(work[..<middle], catalog, &report)
      try await run(work[middle...], catalog, &report)
      return
    }
    guard let culprit = work.first else { throw MediatorError(.store, reason) }
    let known = try await load(TurnNeeds(work, decoder(catalog)))
    var plan = plan(catalog, known)
    culprit.setAside(in: &plan, reason: reason)
    let batch = plan.finish()
    do throws(MediatorError) {
      try await commit(batch, plan.load)
    } catch {
      // Not even this can be stored: nothing is left but to say so and to try again later.
      throw error.code == .unstorable ? MediatorError(.store, error.message) : error
    }
    publish(batch, plan.instances, catalog)
    report.add(plan, records: batch.positions.count)
  }

  // MARK: Staying alive

  private func renewIfDue() async throws(MediatorError) {
    let now = clock.now()
    guard now >= next.renewal else { return }
    try await store.renew(publishMark: publishMark)
    next.renewal = now + options.lease / 3
  }

  private func reportPositions() async {
    let now = clock.now()
    guard now >= next.report, !reported.isEmpty else { return }
    next.report = now + .seconds(5)
    await source.report(reported)
    reported = [:]
  }
}

extension UnpublishedRow {
  var definition: Int32? {
    if case .journal(_, let address) = self { address.definition } else { nil }
  }
}

/// Where the definitions come from.
public protocol CatalogProvider: Sendable {
  /// What is known now.
  func current() async throws(MediatorError) -> DefinitionCatalog
  /// Looks into the store first.
  func refreshed() async throws(MediatorError) -> DefinitionCatalog
}
