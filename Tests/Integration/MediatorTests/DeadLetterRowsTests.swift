import Engine
import Kafka
import Postgres
import Synchronization
import Testing
import Values
import Wire

@testable import Mediator

/// Dead letters in Postgres: what comes back is the row that it was, what the topic does not take is tried again.
@Suite struct DeadLetterRowsTests {
  private func record(_ offset: Int64, value: String = "{", _ redrive: Redrive? = nil) -> KafkaRecord {
    let own = [KafkaHeader(name: "x", value: nil)]
    return KafkaRecord(
      topic: "readings", partition: 4, offset: offset, timestamp: 99, key: [0, 255], value: Array(value.utf8),
      headers: redrive?.added(to: own) ?? own)
  }

  private func quarantine(_ shard: OwnedShard, _ records: KafkaRecord...) async throws {
    try await shard.commit { batch in
      for record in records {
        batch.journalHead += 1
        batch.deadLetters.append(
          DeadLetter(sequence: batch.journalHead, record: record, reason: "notJSON", detail: "no"))
      }
    }
  }

  private let id = DeadLetterID(shard: 0, sequence: 1)

  private func back(_ round: Int) -> Redrive { Redrive(letter: id, round: round, origin: "readings/4/17") }

  private func letter(_ cluster: Cluster) async throws -> DeadLetterDetail {
    try #require(try await DeadLetterQueries(pool: cluster.pool).details(of: [id]).first)
  }

  @Test func whatComesBackIsTheSameRow() async throws {
    let cluster = try await Cluster.make()
    let (first, second) = (try await cluster.shard(0), try await cluster.shard(1))
    let store = DeadLetterStore(pool: cluster.pool, actor: "me@here")
    try await quarantine(first, record(17))
    #expect(try await letter(cluster).entry.status == .open)
    #expect(try await letter(cluster).original == record(17))

    try await store.markRedriven([(id, 1, "try it")])
    #expect(try await letter(cluster).entry.status == .redriven)
    // Twice in one batch: the program died before it could mark it, and sent it again.
    try await quarantine(first, record(90, back(1)), record(91, back(1)))
    var now = try await letter(cluster)
    #expect(now.entry.status == .open)
    #expect(now.entry.rounds == 1)
    #expect(now.history.map(\.action) == ["redriven", "returned", "returned"])
    #expect(now.history.map(\.actor) == ["me@here", "mediator", "mediator"])
    // It came back before it was marked: it must not look as if it were on its way.
    try await quarantine(first, record(92, back(2)))
    try await store.markRedriven([(id, 2, "")])
    now = try await letter(cluster)
    #expect(now.entry.status == .open)
    #expect(now.entry.rounds == 2)
    // On another shard, and for the third time.
    try await store.markRedriven([(id, 3, "")])
    try await quarantine(second, record(93, back(3)))
    now = try await letter(cluster)
    #expect(now.entry.status == .parked)
    #expect(now.entry.rounds == 3)
    #expect(now.history.last?.action == "parked")
    #expect(now.original == record(17))
    #expect(try await cluster.count("select count(*) from dead_letters") == 1)
    await cluster.close()
  }

  @Test func whatOnlySaysThatItComesBackIsKeptAsItIs() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17))
    // No such letter, a letter of another topic, and a round that nobody sent.
    var elsewhere = record(5, back(1))
    elsewhere.topic = "other"
    let unknown = Redrive(letter: DeadLetterID(shard: 0, sequence: 4711), round: 1, origin: nil)
    try await quarantine(shard, record(90, unknown), elsewhere, record(91, back(900)))
    #expect(try await cluster.count("select count(*) from dead_letters") == 3)
    #expect(try await letter(cluster).entry.rounds == 1)
    #expect(try await letter(cluster).entry.status == .open)
    await cluster.close()
  }

  @Test func aDroppedOneStaysDropped() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17))
    let store = DeadLetterStore(pool: cluster.pool, actor: "me@here")
    #expect(try await store.drop([id, DeadLetterID(shard: 9, sequence: 9)], why: "a\0test") == [id])
    #expect(try await store.drop([id], why: "again").isEmpty)
    try await quarantine(shard, record(90, back(1)))
    let now = try await letter(cluster)
    #expect(now.entry.status == .dropped)
    #expect(now.history.map(\.action) == ["dropped", "returned"])
    #expect(now.history.first?.detail == "a\u{FFFD}test")
    await cluster.close()
  }

  @Test func theOriginalStaysBesideTheEditedVersion() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17))
    let store = DeadLetterStore(pool: cluster.pool, actor: "me@here")
    let headers = [KafkaHeader(name: "y", value: [1])]
    #expect(try await store.edit(id, value: [0x7b, 0x7d], headers: headers, detail: "closed it"))
    #expect(try await !store.edit(DeadLetterID(shard: 9, sequence: 9), value: nil, headers: [], detail: ""))
    let now = try await letter(cluster)
    #expect(now.original == record(17))
    #expect(now.edited?.value == [0x7b, 0x7d])
    #expect(now.edited?.headers == headers)
    #expect(now.entry.isEdited)
    let sent = now.redriven(round: 1, partitions: 8)
    #expect(sent.value == [0x7b, 0x7d])
    #expect(Redrive(sent.headers) == back(1))
    // A tombstone is a version as well.
    #expect(try await store.edit(id, value: nil, headers: [], detail: ""))
    #expect(try await letter(cluster).edited?.value == nil)
    #expect(try await letter(cluster).entry.isEdited)
    await cluster.close()
  }

  // MARK: Faults that are settled

  private static let body = """
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - ask: {call: oracle}
    """

  private func fault(_ instance: UUIDValue, _ batch: inout ShardBatch, reason: String = DeadLetter.uncaughtFault) {
    batch.journalHead += 1
    let record = KafkaRecord(
      topic: "mediator.channel.oracle", partition: -1, offset: -1, timestamp: 1, key: nil, value: nil, headers: [])
    batch.deadLetters.append(
      DeadLetter(sequence: batch.journalHead, record: record, reason: reason, detail: "no", instance: instance))
  }

  private func statuses(_ cluster: Cluster) async throws -> [DeadLetterStatus] {
    try await DeadLetterQueries(pool: cluster.pool).list(DeadLetterFilter(), limit: 20).items
      .sorted { $0.id < $1.id }.map(\.status)
  }

  @Test func theFaultsOfAnInstanceThatGoesOnAreResolved() async throws {
    let cluster = try await Cluster.make()
    let (shard, other) = (try await cluster.shard(0), try await cluster.shard(1))
    let id = instance(1)
    try await shard.commit { batch in
      fault(id, &batch)
      fault(instance(2), &batch)
      fault(id, &batch, reason: "undeliverable")
      fault(id, &batch)
      // It goes on, and faults again, in this very batch.
      batch.settledFaults = [SettledFaults(instance: id, head: batch.journalHead)]
      fault(id, &batch)
    }
    try await other.commit { fault(id, &$0) }
    #expect(try await statuses(cluster) == [.resolved, .open, .open, .resolved, .open, .open])
    let history = try await letter(cluster).history
    #expect(history.map(\.action) == ["resolved"])
    #expect(history.map(\.actor) == ["mediator"])
    // Only the newest, and what was dropped stays dropped.
    let store = DeadLetterStore(pool: cluster.pool, actor: "me@here")
    _ = try await store.drop([DeadLetterID(shard: 0, sequence: 2)], why: "known")
    try await shard.commit { batch in
      fault(instance(2), &batch)
      fault(id, &batch)
      batch.settledFaults = [
        SettledFaults(instance: id, head: batch.journalHead, isNewestOnly: true),
        SettledFaults(instance: instance(2), head: batch.journalHead),
      ]
    }
    #expect(
      try await statuses(cluster) == [.resolved, .dropped, .open, .resolved, .open, .resolved, .resolved, .open])
    await cluster.close()
  }

  /// A batch that is not committed settles nothing: a former owner's, say.
  @Test func theyAreResolvedInTheTransactionOfTheStep() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    let engine = try await cluster.deploy(body: Self.body)
    let (state, _) = engine.start(id: instance(1), input: [["data": 1]], now: start)
    try await shard.commit { fault(instance(1), &$0) }
    let unknown = StoredInstance(
      shard: 0, definition: 4711, key: nil, eventID: "1", eventSource: "/tests", state: state)
    await #expect(throws: MediatorError.self) {
      try await shard.commit { batch in
        batch.started = [unknown]
        batch.settledFaults = [SettledFaults(instance: instance(1), head: batch.journalHead)]
      }
    }
    #expect(try await statuses(cluster) == [.open])
    await cluster.close()
  }

  /// A new owner publishes both, as whoever committed them would have.
  @Test func aNewOwnerPublishesWhatCameBack() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17))
    try await quarantine(shard, record(90, back(1)))
    let rows = try await shard.store.unpublished(after: 0, limit: 10)
    let records = rows.compactMap { row in
      if case .deadLetter(let letter) = row { letter.published(by: 0) } else { nil }
    }
    let first = DeadLetter(sequence: 1, record: record(17), reason: "notJSON", detail: "no")
    let second = DeadLetter(sequence: 2, record: record(90, back(1)), reason: "notJSON", detail: "no")
    #expect(records == [first.published(by: 0), second.published(by: 0)])
    #expect(try await shard.store.unpublished(after: 1, limit: 10).map(\.sequence) == [2])
    await cluster.close()
  }

  @Test func whatTheTopicDoesNotTakeIsTriedAgain() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17), record(18))
    // The second came back and is known by the place of that, too.
    let second = DeadLetterID(shard: 0, sequence: 2)
    try await quarantine(shard, record(90, Redrive(letter: second, round: 1, origin: "readings/4/18")))
    try await shard.commit {
      $0.unpublishedLetters = [
        UnpublishedLetter(sequence: 1, reason: "no\0right"), UnpublishedLetter(sequence: 3, reason: "no right"),
      ]
    }
    #expect(try await letter(cluster).entry.unpublished == "no\u{FFFD}right")
    #expect(try await cluster.count("select count(*) from dead_letters where unpublished is not null") == 2)
    #expect(try await shard.store.unpublished(after: 0, limit: 10).isEmpty)

    let broker = DecidedPublisher()
    let publisher = DeadLetterPublisher(pool: cluster.pool, publisher: broker, timeout: .seconds(20))
    #expect(try await publisher.publishDue() == 0, "not at once")
    #expect(broker.taken.isEmpty)
    func due() async throws {
      _ = try await cluster.count(
        "with u as (update dead_letters set publish_at = now() returning 1) select count(*) from u")
    }
    try await due()
    broker.refuses.withLock { $0 = true }
    #expect(try await publisher.publishDue() == 0)
    #expect(try await letter(cluster).entry.unpublished == "still no right")
    #expect(try await cluster.count("select min(publish_failures) from dead_letters") == 2)
    try await due()
    broker.refuses.withLock { $0 = false }
    #expect(try await publisher.publishDue(limit: 1) == 1)
    #expect(try await publisher.publishDue() == 1)
    #expect(try await publisher.publishDue() == 0)
    #expect(try await letter(cluster).entry.unpublished == nil)
    let ids = broker.taken.map { record in
      record.headers.last { $0.name == "dl_id" }?.value.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    #expect(ids.sorted() == ["0-1", "0-2"])
    await cluster.close()
  }

  @Test func filtersAreCombined() async throws {
    let cluster = try await Cluster.make()
    let shard = try await cluster.shard(0)
    try await quarantine(shard, record(17), record(18), record(19))
    let store = DeadLetterStore(pool: cluster.pool, actor: "me@here")
    _ = try await store.drop([id], why: "no")
    let queries = DeadLetterQueries(pool: cluster.pool)
    func list(_ limit: Int = 10, _ change: (inout DeadLetterFilter) -> Void) async throws -> [Int64] {
      var filter = DeadLetterFilter()
      change(&filter)
      return try await queries.list(filter, limit: limit).items.map(\.id.sequence)
    }
    #expect(try await list { _ in } == [3, 2, 1])
    #expect(try await list(1) { $0.statuses = [.open, .parked] } == [3])
    #expect(try await list { $0.statuses = [.dropped] } == [1])
    #expect(
      try await list { $0.ids = [DeadLetterID(shard: 0, sequence: 2), DeadLetterID(shard: 1, sequence: 3)] } == [2])
    #expect(try await list { $0.reasons = ["other"] }.isEmpty)
    #expect(
      try await list {
        $0.topic = "readings"; $0.reasons = ["notJSON"]
      }.count == 3)
    #expect(try await list { $0.since = .now() + .seconds(3600) }.isEmpty)
    #expect(try await list { $0.until = .now() + .seconds(3600) }.count == 3)
    #expect(try await list { $0.workflow = "none" }.isEmpty)
    #expect(try await list { $0.topic = "readings' or true" }.isEmpty)
    await cluster.close()
  }
}

/// Takes everything, or nothing.
private final class DecidedPublisher: RecordPublisher {
  let refuses = Mutex(false)
  private let records = Mutex<[OutgoingRecord]>([])

  var taken: [OutgoingRecord] { records.withLock { $0 } }

  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    guard !refuses.withLock({ $0 }) else { return completion(records.map { _ in .forbidden("still no right") }) }
    self.records.withLock { $0 += records }
    completion(records.map { _ in .published })
  }
}
