import Engine
import Kafka
import Synchronization
import Testing
import Values
import Wire

@testable import Mediator

/// What a worker asks of the world, turn by turn. How it survives failures is for the simulation to show.
@Suite struct ShardWorkerTests {
  private let source = ScriptedSource()
  private let publisher = HeldPublisher()
  private let store = ScriptedStore()
  private let clock = ManualClock()

  private func worker(
    _ body: String = oneCall, options: ShardOptions = ShardOptions(), takeover: ShardTakeover = firstTakeover
  ) throws -> ShardWorker<ScriptedSource, HeldPublisher, ScriptedStore> {
    ShardWorker(
      takeover: takeover, options: options, source: source, publisher: publisher, store: store,
      catalogs: ScriptedCatalogs([try entry(1, body)]), clock: clock)
  }

  // MARK: Taking over

  private func unpublished(_ count: Int) -> [UnpublishedRow] {
    (1...count).map { number in
      .deadLetter(DeadLetter(sequence: 90 + Int64(number), record: event("\(number)"), reason: "r", detail: ""))
    }
  }

  @Test func whatIsUnpublishedGoesOutBeforeAnythingIsRead() async throws {
    store.unpublished = unpublished(10)
    store.page = 4
    source.batches = [[event()]]
    let worker = try worker()
    for pages in 1...3 {
      try await worker.turn()
      #expect(publisher.count == pages)
    }
    try await worker.turn()
    #expect(source.asked.isEmpty)
    #expect(store.commits.isEmpty)
    try await worker.turn()
    #expect(source.asked == [500])
    #expect(store.commits.count == 1)
  }

  /// What is not handed over yet is not published, even when all that was handed over has arrived.
  @Test func theMarkDoesNotRunAheadOfTheTakeover() async throws {
    store.unpublished = unpublished(10)
    store.page = 4
    let worker = try worker(options: ShardOptions(lease: .seconds(3)))
    try await worker.turn()
    publisher.complete()
    clock.advance(by: .seconds(2))
    try await worker.turn()
    #expect(store.renewals == [94])
    #expect(await worker.publishMark == 94)
    publisher.complete()
    try await worker.turn()
    publisher.complete()
    try await worker.turn()
    #expect(await worker.publishMark == 100)
  }

  @Test func aTakeoverWaitsForTheBroker() async throws {
    store.unpublished = unpublished(10)
    store.page = 4
    let worker = try worker(options: ShardOptions(maxUnpublished: 4))
    for _ in 0..<5 { try await worker.turn() }
    #expect(publisher.count == 1)
    #expect(source.asked == [0, 0, 0, 0])
    publisher.complete()
    try await worker.turn()
    #expect(publisher.count == 1)
  }

  // MARK: Backpressure

  @Test func nothingIsReadWhileTheBrokerTakesNothing() async throws {
    source.batches = [[event("1"), event("2", offset: 1)], [event("3", offset: 2)]]
    let worker = try worker(options: ShardOptions(maxUnpublished: 2))
    try await worker.turn()
    for _ in 0..<3 { try await worker.turn() }
    #expect(source.asked == [500, 0, 0])
    for _ in 0..<3 { try await worker.turn() }
    #expect(source.asked == [500, 0, 0, 0, 0, 0])
    #expect(store.commits.count == 1)
    publisher.complete()
    try await worker.turn()
    #expect(store.commits.count == 2)
  }

  /// A hundred thousand timers that are due would fill the memory as well as records do.
  @Test func noTimerIsTakenWhileTheBrokerTakesNothing() async throws {
    source.batches = [[event("1"), event("2", offset: 1)]]
    let worker = try worker(options: ShardOptions(maxUnpublished: 2))
    while store.commits.isEmpty { try await worker.turn() }
    let looks = store.dueCalls
    for _ in 0..<3 {
      clock.advance(by: .seconds(1))
      try await worker.turn()
    }
    #expect(store.dueCalls == looks)
    publisher.complete()
    try await worker.turn()
    #expect(store.dueCalls == looks + 1)
  }

  @Test func largeRecordsFillTheRoomSooner() async throws {
    let large = "\"" + String(repeating: "x", count: 10_000) + "\""
    source.batches = [[event("1", value: large)], [event("2", offset: 1)]]
    let worker = try worker(options: ShardOptions(maxUnpublishedBytes: 10_000))
    for _ in 0..<4 { try await worker.turn() }
    #expect(store.commits.count == 1)
  }

  // MARK: What Postgres refuses

  @Test func onlyTheCulpritIsSetAside() async throws {
    let records = (0..<100).map { event("\($0)", offset: Int64($0), value: $0 == 37 || $0 == 61 ? "\"bad\"" : "{}") }
    source.batches = [records]
    store.refuses = { batch in batch.started.contains { $0.state.input[0]?["data"] == "bad" } }
    let worker = try worker()
    try await worker.turn()
    let report = try await worker.turn()
    #expect(store.commits.flatMap(\.started).count == 98)
    #expect(store.commits.flatMap(\.deadLetters).map(\.record.offset) == [37, 61])
    #expect(store.commits.flatMap(\.deadLetters).allSatisfy { $0.reason == "unstorable" })
    #expect(report.records == 100)
    #expect(report.deadLetters == ["unstorable": 2])
    // Found by halving, not one by one.
    #expect(store.commits.count < 30)
    // In the order in which they came.
    #expect(
      store.commits.flatMap(\.started).map(\.eventID)
        == records.filter { ![37, 61].contains($0.offset) }.map { "\($0.offset)" })
    let sequences = store.commits.flatMap { $0.journal.map(\.sequence) + $0.deadLetters.map(\.sequence) }
    #expect(sequences == Array(101...200))
  }

  /// A timer comes back by itself: without an end it would stop its shard for ever.
  @Test func anInstanceThatCannotBeWokenIsAbandoned() async throws {
    source.batches = [[event("1"), event("2", offset: 1), event("3", offset: 2)]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    let second = try #require(store.commits.last?.started[1].id)
    clock.advance(by: .seconds(601))
    store.refuses = { batch in
      batch.updated.contains { $0.id == second && $0.state.error?.status == 408 }
    }
    try await worker.turn()
    let ended = Dictionary(
      uniqueKeysWithValues: store.instances.map { ($0.value.eventID, $0.value.state.error?.status) })
    #expect(ended == ["1": 408, "2": 500, "3": 408])
  }

  @Test func whatCannotBeStoredAtAllIsAnErrorOfTheStore() async throws {
    source.batches = [[event()]]
    store.refuses = { _ in true }
    let worker = try worker()
    try await worker.turn()
    let error = await #expect(throws: MediatorError.self) { try await worker.turn() }
    #expect(error?.code == .store)
  }

  // MARK: What the broker refuses

  private let oneEvent = """
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - tell: {emit: {event: {with: {type: order.placed, source: /shop, data: {n: 1}}}}}
    """

  @Test func anEventThatTheBrokerRefusesIsADeadLetterOfTheNextTurn() async throws {
    source.batches = [[event("1")]]
    let worker = try worker(oneEvent)
    try await worker.turn()
    try await worker.turn()
    let flight = publisher.take(0)
    let emitted = try #require(flight.records.first)
    #expect(flight.records.count == 1)
    let head = try #require(store.commits.last?.journalHead)
    flight.completion([.refused("too large")])
    #expect(await worker.publishMark == head - 1)
    let report = try await worker.turn()
    #expect(report.deadLetters == ["undeliverable": 1])
    let commit = try #require(store.commits.last)
    // Whoever takes over in the middle of it publishes the event again, and is refused again.
    #expect(commit.publishMark == head - 1)
    let letter = try #require(commit.deadLetters.first)
    #expect(letter.record.topic == Topics.queue)
    #expect(letter.record.value == emitted.value)
    #expect(letter.record.headers == emitted.headers)
    // The event's row is done, the letter's own is on its way.
    #expect(await worker.publishMark == head)
    #expect(publisher.take(0).records.map(\.topic) == [Topics.deadLetters])
  }

  /// It is in the store; the turns go on, and so does the mark.
  @Test func aDeadLetterTopicThatCannotBeWrittenStopsNothing() async throws {
    source.batches = [[event("1", value: "{")], [event("2", offset: 1)]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    let letter = try #require(store.commits.last?.deadLetters.first)
    publisher.complete(0, .forbidden("no right"))
    try await worker.turn()
    #expect(store.commits.last?.started.count == 1)
    #expect(
      store.commits.last?.unpublishedLetters == [UnpublishedLetter(sequence: letter.sequence, reason: "no right")])
    publisher.complete()
    #expect(await worker.publishMark == store.commits.last?.journalHead)
  }

  /// The shard goes on with what is for other topics; after the patience the task faults.
  @Test func aChannelThatCannotBeWrittenFaultsItsTasks() async throws {
    source.batches = [[event("1")]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    publisher.complete(0, .forbidden("no right"))
    try await worker.turn()
    source.batches = [[event("2", offset: 1)]]
    try await worker.turn()
    #expect(store.commits.count == 2)
    #expect(publisher.count == 0)
    clock.advance(by: .seconds(31))
    try await worker.turn()
    #expect(store.instances.values.map(\.state.status) == [.faulted, .faulted])
    #expect(store.instances.values.allSatisfy { $0.state.error?.detail?.contains("no right") == true })
    // The letters that tell of it are what is on its way now.
    #expect(publisher.take(0).records.map(\.topic) == [Topics.deadLetters, Topics.deadLetters])
  }

  // MARK: The rest of a turn

  /// Both are there in one turn: the reply counts.
  @Test func aReplyAtHandIsNotTooLate() async throws {
    source.batches = [[event("1")]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    let id = try #require(store.commits.last?.started.first).id.text
    clock.advance(by: .seconds(601))
    source.batches = [[reply(.completed(["yes": true]), to: "\(id).1.1", of: id)]]
    let report = try await worker.turn()
    #expect(report.ended == [.completed: 1])
    #expect(report.ignored == [.terminal: 1])
  }

  @Test func anIdleWorkerRenewsAndAsksForTimersNowAndThen() async throws {
    let worker = try worker(options: ShardOptions(lease: .seconds(6)))
    for _ in 0..<40 {
      try await worker.turn()
      clock.advance(by: .milliseconds(250))
    }
    // In ten seconds: every two, and every half.
    #expect(store.renewals.count == 4)
    #expect((18...21).contains(store.dueCalls))
    #expect(store.loads == 0)
    #expect(store.commits.isEmpty)
  }

  @Test func aFullPageOfTimersIsFollowedByTheNextAtOnce() async throws {
    source.batches = [(0..<5).map { event("\($0)", offset: Int64($0)) }]
    let worker = try worker(options: ShardOptions(maxTimers: 2))
    try await worker.turn()
    try await worker.turn()
    clock.advance(by: .seconds(700))
    for _ in 0..<3 { try await worker.turn() }
    #expect(store.instances.values.filter { $0.state.status == .faulted }.count == 5)
  }

  @Test func cachedInstancesAreNotLoaded() async throws {
    source.batches = [[event("1")]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    #expect(store.loads == 1)
    let id = try #require(store.commits.last?.started.first).id.text
    source.batches = [[reply(.progress(percent: 1, message: nil), to: "\(id).1.1", of: id)]]
    try await worker.turn()
    #expect(store.loads == 1)
  }

  @Test func aFailedPublisherEndsTheWorker() async throws {
    source.batches = [[event("1")]]
    let worker = try worker()
    try await worker.turn()
    try await worker.turn()
    publisher.complete(0, .failed("lost"))
    let error = await #expect(throws: MediatorError.self) { try await worker.turn() }
    #expect(error?.code == .publish)
  }
}

// MARK: - Doubles

final class ScriptedSource: RecordSource {
  private let state = Mutex<(batches: [[KafkaRecord]], asked: [Int])>(([], []))

  var batches: [[KafkaRecord]] {
    get { state.withLock { $0.batches } }
    set { state.withLock { $0.batches = newValue } }
  }
  /// The `max` of each call.
  var asked: [Int] { state.withLock { $0.asked } }

  func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord] {
    state.withLock { state in
      state.asked.append(max)
      return max > 0 && !state.batches.isEmpty ? state.batches.removeFirst() : []
    }
  }

  func report(_ positions: [TopicPartition: Int64]) async {}
  func close() async {}
}

final class ScriptedStore: ShardStore {
  private struct State {
    var instances: [UUIDValue: StoredInstance] = [:]
    var commits: [ShardBatch] = []
    var unpublished: [UnpublishedRow] = []
    var page = 500
    var renewals: [Int64] = []
    var refuses: @Sendable (ShardBatch) -> Bool = { _ in false }
    var conflicts: @Sendable (ShardBatch) -> Bool = { _ in false }
    var items: [InboxItem] = []
    var rows: [ScheduleRow] = []
    var expiring: [ExpiredEvent] = []
    var counts: [ChannelLoad.Key: ChannelLoad.Count] = [:]
    var queue: [QueuedCall] = []
    var loads = 0
    var dueCalls = 0
  }

  private let state = Mutex(State())

  var instances: [UUIDValue: StoredInstance] { state.withLock { $0.instances } }
  var commits: [ShardBatch] { state.withLock { $0.commits } }
  var renewals: [Int64] { state.withLock { $0.renewals } }
  var loads: Int { state.withLock { $0.loads } }
  var dueCalls: Int { state.withLock { $0.dueCalls } }
  var unpublished: [UnpublishedRow] {
    get { state.withLock { $0.unpublished } }
    set { state.withLock { $0.unpublished = newValue } }
  }
  var page: Int {
    get { state.withLock { $0.page } }
    set { state.withLock { $0.page = newValue } }
  }
  var conflicts: @Sendable (ShardBatch) -> Bool {
    get { state.withLock { $0.conflicts } }
    set { state.withLock { $0.conflicts = newValue } }
  }
  var items: [InboxItem] {
    get { state.withLock { $0.items } }
    set { state.withLock { $0.items = newValue } }
  }
  var rows: [ScheduleRow] {
    get { state.withLock { $0.rows } }
    set { state.withLock { $0.rows = newValue } }
  }
  var expiring: [ExpiredEvent] {
    get { state.withLock { $0.expiring } }
    set { state.withLock { $0.expiring = newValue } }
  }
  var refuses: @Sendable (ShardBatch) -> Bool {
    get { state.withLock { $0.refuses } }
    set { state.withLock { $0.refuses = newValue } }
  }

  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] {
    state.withLock { state in
      state.loads += 1
      return ids.compactMap { state.instances[$0] }
    }
  }

  func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork {
    state.withLock { state in
      state.dueCalls += 1
      let due = state.instances.values.filter { $0.state.wakeAt.map { $0 <= now } ?? false }
      let ids = due.map(\.id).sorted { ($0.high, $0.low) < ($1.high, $1.low) }.prefix(quota.limit)
      return DueWork(timers: Array(ids), hasCommands: false)
    }
  }

  func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand] { [] }

  func commit(_ batch: ShardBatch) async throws(MediatorError) {
    let isRefused = try state.withLock { state throws(MediatorError) in
      if state.refuses(batch) { return true }
      if state.conflicts(batch) { throw MediatorError(.conflict, "not as it was") }
      state.items.removeAll { item in batch.handled.contains { $0.number == item.number } }
      state.commits.append(batch)
      state.queue.removeAll { batch.unqueued.contains($0) }
      state.queue += batch.queued
      for (key, count) in batch.loads { state.counts[key] = count }
      for instance in batch.started + batch.updated { state.instances[instance.id] = instance }
      return false
    }
    if isRefused { throw MediatorError(.unstorable, "refused") }
  }

  func inbox(limit: Int) async throws(MediatorError) -> [InboxItem] { items }
  func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent] { expiring }
  func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent] { [] }
  func schedules() async throws(MediatorError) -> [ScheduleRow] { rows }
  func channelLoad() async throws(MediatorError) -> ChannelLoad { state.withLock { ChannelLoad($0.counts) } }
  func queuedCalls(_ wanted: [ChannelLoad.Key: Int]) async throws(MediatorError) -> [QueuedCall] {
    state.withLock { state in wanted.flatMap { key, count in state.queue.filter { $0.key == key }.prefix(count) } }
  }
  func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String> { [] }
  func collected(
    _ collections: Set<CollectedEvent.Collection>
  ) async throws(MediatorError) -> [CollectedEvent] { [] }

  func renew(publishMark: Int64) async throws(MediatorError) { state.withLock { $0.renewals.append(publishMark) } }

  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    state.withLock { state in
      Array(state.unpublished.filter { $0.sequence > sequence }.prefix(min(limit, state.page)))
    }
  }
}

final class ManualClock: MediatorClock {
  private let time = Mutex(start)
  func now() -> Timestamp { time.withLock { $0 } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}

struct ScriptedCatalogs: CatalogProvider {
  private let catalog: DefinitionCatalog
  init(_ entries: [DefinitionCatalog.Entry]) { catalog = DefinitionCatalog(entries) }
  func current() async throws(MediatorError) -> DefinitionCatalog { catalog }
  func refreshed() async throws(MediatorError) -> DefinitionCatalog { catalog }
}
