import Kafka
import Safeguards
import Values
import Wire

/// The loop of one processor on one channel, driven one turn at a time.
///
/// A turn: poll → decode → inbox and effect in one transaction → replies on their way → commit the offsets of what is
/// acknowledged. A turn that fails keeps its events, and the next one begins with them; what the failed turn may have
/// done already, the inbox knows.
public actor ProcessorLoop {
  private let options: ProcessorLoopOptions
  private let intake: Intake
  private let outgoing: OutgoingRecords
  private let source: any EventSource
  private let sink: any EventSink
  private let positions: (any PositionStore)?
  private let clock: any ProcessorClock
  private let pipeline: ReplyPipeline
  private let metrics: ProcessorMetrics
  /// Taken from the source, and the sink could not take them yet.
  private var held: [ProcessorEvent] = []
  private var revoked: Set<TopicPartition> = []
  /// Of these it is not known yet whether the database is as far as the group.
  private var unchecked: Set<TopicPartition> = []
  /// How many changes of the assignment are under way.
  private var assigning = 0
  /// Why this membership has to end.
  private var failure: ProcessorError?
  /// Since when the group refuses what this member commits; until the client tells what has changed.
  private var fencedSince: Timestamp?
  /// How often the client has told that partitions come or go.
  private var changes = 0
  private var nextCommit: Timestamp
  private var nextResend: Timestamp

  public init(
    options: ProcessorLoopOptions, intake: Intake, source: any EventSource, publisher: any ReplyPublisher,
    sink: any EventSink, positions: (any PositionStore)? = nil, clock: any ProcessorClock, metrics: ProcessorMetrics
  ) {
    self.options = options
    self.intake = intake
    self.source = source
    self.sink = sink
    self.positions = positions
    self.clock = clock
    self.metrics = metrics
    outgoing = OutgoingRecords(source: "/processors/\(options.name)")
    pipeline = ReplyPipeline(publisher: publisher)
    nextCommit = clock.now()
    nextResend = nextCommit
  }

  /// One turn. Returns how many events it handed to the sink: 0 when nothing came within the options' `wait`.
  ///
  /// - Throws: `store` or `conflict` (call again after a while; the events are kept), `source`; `memberLost` when the
  ///   database is not as far as what is read, or when the group refuses what is committed and gives no reason to hope.
  @discardableResult
  public func turn() async throws(ProcessorError) -> Int {
    steadyPace()
    resendIfDue()
    if let failure { throw failure }
    guard assigning == 0 else { return try await pause() }
    if !unchecked.isEmpty, try await goBack(in: Array(unchecked)) { throw Self.isBehind }
    if try isFenced() { _ = try await pause() } else if held.isEmpty { try await poll() }
    let count = held.count
    try await handOver()
    try await commitIfDue()
    return count
  }

  // MARK: The turn

  private func poll() async throws(ProcessorError) {
    let open = pipeline.openCount
    let room = min(options.batchSize, options.maxOpen - open, await sink.room)
    guard room > 0 else {
      // The broker does not acknowledge, or the effects are slow: read no more, and look again soon.
      _ = try await pause()
      return
    }
    var records = try await source.nextBatch(max: room, wait: options.wait)
    // Buffered before their partition was taken away: they are the next owner's.
    if !revoked.isEmpty { records.removeAll { revoked.contains($0.topicPartition) } }
    guard !records.isEmpty else { return }
    pipeline.open(records.map { RecordPlace($0) })
    var events: [ProcessorEvent] = []
    var parcels: [ReplyPipeline.Parcel] = []
    events.reserveCapacity(records.count)
    for record in records {
      switch intake.take(record) {
      case .event(let event): events.append(event)
      case .undecodable(let reason, let detail, let reply):
        parcels.append(undecodable(record, reason, detail, reply))
      }
    }
    if !parcels.isEmpty { pipeline.finish(parcels) }
    held = events
  }

  private func pause() async throws(ProcessorError) -> Int {
    try await source.nextBatch(max: 0, wait: min(options.wait, .milliseconds(20))).count
  }

  private func undecodable(
    _ record: KafkaRecord, _ reason: String, _ detail: String, _ reply: ReplyAddress?
  ) -> ReplyPipeline.Parcel {
    metrics.undecodable(reason, detail: detail, at: RecordPlace(record))
    var messages = [outgoing.deadLetter(record, reason: reason, detail: detail)]
    if let reply {
      let failure = TaskFailure.invalid(400, "the processing event cannot be read: \(detail)")
      messages.append(outgoing.reply(.failed(failure), to: reply, key: record.key))
    }
    return ReplyPipeline.Parcel(place: RecordPlace(record), records: messages)
  }

  private func handOver() async throws(ProcessorError) {
    guard !held.isEmpty else { return }
    let events = held
    held = []
    let started = clock.now()
    do {
      try await sink.take(events) { [pipeline, outgoing, metrics] results in
        metrics.count(results)
        pipeline.finish(
          results.filter { $0.ending != .abandoned }.map { result in
            ReplyPipeline.Parcel(place: result.event.place, records: outgoing.messages(for: result))
          })
        pipeline.abandon(results.filter { $0.ending == .abandoned }.map(\.event.place))
      }
      metrics.batch(events.count, took: clock.now() - started)
    } catch {
      held = events
      dropHeld(of: revoked)
      throw error
    }
  }

  /// What nothing has been done for yet is the next owner's.
  private func dropHeld(of partitions: Set<TopicPartition>) {
    let dropped = held.filter { partitions.contains($0.place.partition) }
    held.removeAll { partitions.contains($0.place.partition) }
    pipeline.abandon(dropped.map(\.place))
  }

  /// A clock that was set back must not put off what is done every so often: replies would wait for it. Nor may it make a
  /// pause longer.
  private func steadyPace() {
    guard Safeguard.holds(.paceSteady) else { return }
    let now = clock.now()
    nextResend = min(nextResend, now + options.resendInterval)
    nextCommit = min(nextCommit, now + options.commitInterval)
    fencedSince = fencedSince.map { min($0, now) }
  }

  private func resendIfDue() {
    let now = clock.now()
    guard now >= nextResend else { return }
    metrics.resent(pipeline.resend())
    for refusal in pipeline.takeRefusals() { metrics.refused(refusal) }
    nextResend = now + options.resendInterval
  }

  private func commitIfDue() async throws(ProcessorError) {
    let now = clock.now()
    guard now >= nextCommit else { return }
    nextCommit = now + options.commitInterval
    let before = changes
    do throws(ProcessorError) {
      if try await commit(pipeline.committable()) { fencedSince = nil }
    } catch  where error.code != .memberLost {
      // Tried again with the next commit; until then it costs only repeated deliveries.
      metrics.commitFailed(error.message)
      // An answer from before a change says nothing about what there is since.
      if error.code == .fenced, changes == before { fencedSince = fencedSince ?? now }
    }
  }

  /// Whether what would be read now may be another member's.
  ///
  /// The client notices with its next heartbeat that it is out, and joins again: to join with a new client would make
  /// the group divide the partitions twice more. But nothing may wait for a client that does not notice.
  private func isFenced() throws(ProcessorError) -> Bool {
    guard let since = fencedSince else { return false }
    guard clock.now() - since < Self.fencedLimit else {
      throw ProcessorError(.memberLost, "the group refuses this member's commits: joining it again")
    }
    return true
  }

  /// The client tells that partitions come or go: what the group refused before is settled.
  private func noteChange() {
    changes += 1
    fencedSince = nil
  }

  private static let fencedLimit = Duration.seconds(10)

  /// First in the database: it is never behind the group, unless it was put back.
  ///
  /// - Returns: whether there was something to commit.
  private func commit(_ next: [TopicPartition: Int64]) async throws(ProcessorError) -> Bool {
    guard !next.isEmpty else { return false }
    try await positions?.save(next)
    try await source.commit(next)
    pipeline.markCommitted(next)
    return true
  }

  /// The last chance to commit.
  private func commitFinally(_ next: [TopicPartition: Int64]) async {
    do throws(ProcessorError) { _ = try await commit(next) } catch { metrics.commitFailed(error.message) }
  }

  // MARK: Coming and going of partitions

  /// To be called before it is decided where these partitions are read from. Where the database is behind the group (an
  /// older state of it was put back), the group goes back as well.
  public func assign(_ partitions: [TopicPartition]) async {
    revoked.subtract(partitions)
    noteChange()
    guard positions != nil else { return }
    unchecked.formUnion(partitions)
    assigning += 1
    let began = clock.now()
    do throws(ProcessorError) {
      let isBehind = try await goBack(in: partitions)
      // By then they may have been given out from where the group was.
      if isBehind, clock.now() - began > Self.assignmentLimit { failure = Self.isBehind }
    } catch {
      // Found out before anything is read.
      metrics.uncheckedPositions(error.message)
    }
    assigning -= 1
  }

  /// Below the consumer's limit for a rebalance.
  private static let assignmentLimit = Duration.seconds(8)
  private static let isBehind = ProcessorError(
    .memberLost, "the database is behind the group's positions: joining the group again, from there")

  /// - Returns: whether the group had to go back.
  private func goBack(in partitions: [TopicPartition]) async throws(ProcessorError) -> Bool {
    guard let positions else { return false }
    let stored = try await positions.load(partitions)
    let committed = stored.isEmpty ? [:] : try await source.committed(in: partitions)
    let behind = stored.filter { partition, position in (committed[partition] ?? position) > position }
    if !behind.isEmpty {
      metrics.wentBack(to: behind, from: committed)
      try await source.commit(behind)
    }
    unchecked.subtract(partitions)
    return !behind.isEmpty
  }

  /// Finishes what is under way for these partitions, commits it and lets go of them. To be called before they are
  /// revoked. What cannot be finished in time is left to the next owner, for whom the inbox knows what was done.
  public func revoke(_ partitions: [TopicPartition], within limit: Duration) async {
    let partitions = Set(partitions)
    revoked.formUnion(partitions)
    dropHeld(of: partitions)
    await sink.abandon(partitions)
    await settle(partitions, within: limit)
    await commitFinally(pipeline.committable(in: partitions))
    unchecked.subtract(partitions)
    pipeline.forget(partitions)
    noteChange()
  }

  /// Another member has these partitions already.
  public func lose(_ partitions: [TopicPartition]) async {
    let partitions = Set(partitions)
    revoked.formUnion(partitions)
    dropHeld(of: partitions)
    await sink.abandon(partitions)
    unchecked.subtract(partitions)
    pipeline.forget(partitions)
    noteChange()
  }

  /// Ends: nothing more may be read; what is under way is finished and committed as far as the time goes.
  public func close(within limit: Duration) async {
    pipeline.abandon(held.map(\.place))
    held = []
    let end = clock.now() + limit
    await sink.close()
    await settle(pipeline.partitions, within: end - clock.now())
    await commitFinally(pipeline.committable())
  }

  private func settle(_ partitions: Set<TopicPartition>, within limit: Duration) async {
    let (clock, pipeline) = (clock, pipeline)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await pipeline.settled(partitions) }
      group.addTask { await clock.sleep(limit) }
      await group.next()
      group.cancelAll()
      pipeline.stopWaiting()
    }
  }
}

public struct ProcessorLoopOptions: Sendable {
  /// Of the processor: `persistence`.
  public var name: String
  /// The most records of one transaction.
  public var batchSize: Int
  /// The most records whose replies are not acknowledged.
  public var maxOpen: Int
  /// How long a turn waits for the first record.
  public var wait: Duration
  public var commitInterval: Duration
  public var resendInterval: Duration

  public init(
    name: String, batchSize: Int = 500, maxOpen: Int = 4000, wait: Duration = .milliseconds(200),
    commitInterval: Duration = .milliseconds(500), resendInterval: Duration = .milliseconds(500)
  ) {
    self.name = name
    self.batchSize = batchSize
    self.maxOpen = maxOpen
    self.wait = wait
    self.commitInterval = commitInterval
    self.resendInterval = resendInterval
  }
}
