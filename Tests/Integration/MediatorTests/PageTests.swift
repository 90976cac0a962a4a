import Engine
import Kafka
import Postgres
import Synchronization
import Testing
import Values
import Wire

@testable import Mediator

/// A backlog of kept events, and who begins to wait for them.
@Suite struct PageTests {
  /// Commits events that nothing waits for, oldest first.
  private func keep(_ numbers: Range<Int>, key: String = "paid", _ shard: OwnedShard) async throws {
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 1000) {
      let page = numbers[start..<min(start + 1000, numbers.upperBound)]
      try await shard.commit { batch in
        batch.offered = page.map { offered("\($0)", type: "paid", keys: key, for: .seconds(100_000)) }
      }
    }
  }

  @Test func theOldestComeFirstAndTheRestInTheirTurn() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await keep(0..<100, home)
    try await other.wait(instance(1), for: "paid", "sent")
    var seen: [String] = []
    var pages: [Int] = []
    // Meanwhile one arrives: it may not overtake those that are kept.
    try await home.offer(offered("late", keys: "sent"))
    while true {
      let items = try await other.inbox()
      if items.isEmpty { break }
      pages.append(items.count)
      seen += items.compactMap { $0.eventID }
      #expect(items.dropLast().allSatisfy { $0.page == nil })
      let waits = ["paid", "sent"].enumerated().map { EventWait(activity: 1, filter: $0, type: $1, key: $1) }
      let end = items.last.flatMap { last in last.page.map { (event: last.event, size: $0) } }
      try await other.commit { batch in
        batch.handled = items.map { HandledItem(number: $0.number, event: $0.event, isConsumed: false) }
        batch.pages =
          end.map {
            [WaitPage(instance: instance(1), waits: waits, after: $0.event, size: WaitPage.size(after: $0.size))]
          } ?? []
      }
    }
    #expect(seen == (0..<100).map { "\($0)" } + ["late"])
    #expect(pages == [32, 64, 5])
    // It has caught up: what arrives is offered at once.
    try await home.offer(offered("last", keys: "paid"))
    #expect(try await other.inbox().map { $0.eventID } == ["last"])
    await cluster.close()
  }

  /// A page that ends with what is in the inbox already, from an earlier wait, has an end all the same.
  @Test func whoWaitsForSomethingElseBeginsAnew() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    try await keep(0..<40, home)
    try await other.wait(instance(1), for: "paid")
    let first = try await other.inbox()
    try await other.commit { batch in
      batch.handled = [HandledItem(number: first[0].number, event: first[0].event, isConsumed: true)]
      batch.waits = [
        WaitChange(instance: instance(1), waits: [EventWait(activity: 2, filter: 0, type: "paid", key: "paid")])
      ]
    }
    let second = try await other.inbox()
    #expect(second.compactMap { $0.eventID } == (1...32).map { "\($0)" })
    #expect(second.map(\.page).suffix(2) == [32, 32])
    await cluster.close()
  }

  /// Events and pages that meet: each is offered once, in order.
  @Test func anArrivingEventAndANextPage() async throws {
    let cluster = try await Cluster.make()
    let (home, other) = (try await cluster.shard(0), try await cluster.shard(1))
    for round in 0..<100 {
      let key = "paid\n\(round)"
      let (who, waits) = (instance(UInt64(round)), [EventWait(activity: 1, filter: 0, type: "paid", key: key)])
      try await home.commit { batch in batch.offered = (0..<32).map { offered("\(round)-\($0)", keys: key) } }
      try await other.wait(who, for: key)
      let items = try await other.inbox()
      #expect(items.count == 32)
      async let arrival: Void = {
        if round % 2 == 1 { await Task.yield() }
        try await home.offer(offered("\(round)-late", keys: key))
      }()
      async let next: Void = other.commit { batch in
        batch.handled = items.map { HandledItem(number: $0.number, event: $0.event, isConsumed: false) }
        batch.pages = [WaitPage(instance: who, waits: waits, after: items[31].event, size: 64)]
      }
      _ = try await (arrival, next)
      let rest = try await other.inbox()
      #expect(rest.compactMap { $0.eventID } == ["\(round)-late"])
      for item in rest { try await other.handle(item, consumed: true) }
    }
    await cluster.close()
  }

  // MARK: Time

  private static func counting(_ count: Int) -> String {
    """
    schedule: {on: {one: {with: {type: go}}}}
    do: [{hear: {listen: {to: {any: [{with: {type: paid}}], until: "(. | length) >= \(count)"}}}}]
    """
  }

  /// One after the other, each with another wait.
  private static func oneByOne(_ count: Int) -> String {
    """
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - all:
          for: {each: n, in: "${ [range(\(count))] }"}
          do: [{hear: {listen: {to: {one: {with: {type: paid}}}}, output: {as: "${ null }"}}}, {rest: {wait: PT0.001S}}]
    """
  }

  @Test(arguments: [(true, 1250, 5000), (false, 250, 1000)])
  func aBacklogTakesTimeInProportionToItsEvents(untilEnough: Bool, few: Int, many: Int) async throws {
    let body = untilEnough ? Self.counting : Self.oneByOne
    let short = try await measure(few, body(few))
    let long = try await measure(many, body(many))
    print(
      "\(untilEnough ? "any until" : "one by one"): \(few) kept events in \(short.time), \(short.items) items; "
        + "\(many) in \(long.time), \(long.items) items")
    let ratio = Double(many) / Double(few)
    #expect(long.time < short.time * (ratio * 2.5) + .seconds(1))
    #expect(long.items < many * 34)
  }

  private func measure(_ count: Int, _ body: String) async throws -> (time: Duration, items: Int) {
    let cluster = try await Cluster.make()
    let engine = try await cluster.deploy(body: body)
    let (home, waiting) = (try await cluster.shard(0), try await cluster.shard(1))
    try await keep(0..<count, home)
    _ = try await home.connection.execute(script: "analyze events", timeout: .seconds(20))
    let clock = SteppingClock()
    let store = CountingStore(store: waiting.store)
    let worker = ShardWorker(
      takeover: waiting.takeover, options: ShardOptions(), source: OneEvent(), publisher: NoPublisher(), store: store,
      catalogs: OneCatalog(catalog: DefinitionCatalog([DefinitionCatalog.Entry(number: 1, engine: engine)])),
      clock: clock)
    let begin = ContinuousClock.now
    var ended = 0
    while ended == 0, ContinuousClock.now - begin < .seconds(120) {
      ended += try await worker.turn().ended[.completed] ?? 0
      clock.advance()
    }
    let time = ContinuousClock.now - begin
    #expect(ended == 1)
    #expect(try await cluster.count("select count(*) from events where consumed") == count)
    await cluster.close()
    return (time, store.items)
  }
}

/// Gives one event that starts an instance, and then none.
private final class OneEvent: RecordSource {
  private let isGiven = Mutex(false)

  func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord] {
    let isFirst = isGiven.withLock { given in
      defer { given = true }
      return !given && max > 0
    }
    guard isFirst else { return [] }
    let headers = [("ce_specversion", "1.0"), ("ce_id", "go"), ("ce_source", "/tests"), ("ce_type", "go")]
    return [
      KafkaRecord(
        topic: Topics.queue, partition: 1, offset: 0, timestamp: 1, key: nil, value: Array("{}".utf8),
        headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
    ]
  }

  func report(_ positions: [TopicPartition: Int64]) async {}
  func close() async {}
}

private struct NoPublisher: RecordPublisher {
  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    completion(records.map { _ in .published })
  }
}

private struct OneCatalog: CatalogProvider {
  let catalog: DefinitionCatalog
  func current() async throws(MediatorError) -> DefinitionCatalog { catalog }
  func refreshed() async throws(MediatorError) -> DefinitionCatalog { catalog }
}

/// Goes on by as much as the worker's own intervals with every turn.
private final class SteppingClock: MediatorClock {
  private let time = Mutex(start)
  func now() -> Timestamp { time.withLock { $0 } }
  func advance() { time.withLock { $0 = $0 + .milliseconds(500) } }
}

/// The store of Postgres, and how many items it gave out.
private final class CountingStore: ShardStore {
  private let store: PostgresShardStore
  private let count = Mutex(0)

  init(store: PostgresShardStore) { self.store = store }

  var items: Int { count.withLock { $0 } }

  func inbox(limit: Int) async throws(MediatorError) -> [InboxItem] {
    let items = try await store.inbox(limit: limit)
    count.withLock { $0 += items.count }
    return items
  }

  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] { try await store.load(ids) }
  func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork {
    try await store.due(at: now, within: quota)
  }
  func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand] {
    try await store.commands(limit: limit)
  }
  func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent] {
    try await store.overdue(at: now, limit: limit)
  }
  func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent] {
    try await store.expired(at: now, limit: limit)
  }
  func channelLoad() async throws(MediatorError) -> ChannelLoad { try await store.channelLoad() }
  func queuedCalls(_ wanted: [ChannelLoad.Key: Int]) async throws(MediatorError) -> [QueuedCall] {
    try await store.queuedCalls(wanted)
  }
  func schedules() async throws(MediatorError) -> [ScheduleRow] { try await store.schedules() }
  func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String> {
    try await store.openOrderKeys(keys)
  }
  func collected(
    _ collections: Set<CollectedEvent.Collection>
  ) async throws(MediatorError) -> [CollectedEvent] { try await store.collected(collections) }
  func commit(_ batch: ShardBatch) async throws(MediatorError) { try await store.commit(batch) }
  func renew(publishMark: Int64) async throws(MediatorError) { try await store.renew(publishMark: publishMark) }
  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    try await store.unpublished(after: sequence, limit: limit)
  }
}
