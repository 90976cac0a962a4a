import Engine
import Kafka
import Mediator
import Synchronization
import Values

/// The mediator's tables in memory, with the one property that matters: a transaction applies as a whole, and only in
/// the epoch that holds.
final class SimulatedDatabase: Sendable {
  struct Shard {
    var epoch: Int64 = 0
    var batch: Int64 = 0
    var journalHead: Int64 = 0
    var publishMark: Int64 = 0
  }

  struct Tables {
    var shards: [Int32: Shard] = [:]
    var instances: [UUIDValue: StoredInstance] = [:]
    var journal: [Int32: [JournalRow]] = [:]
    var deadLetters: [DeadLetter] = []
    var letterShards: [Int32: [DeadLetter]] = [:]
    var forwarded: [Int32: [ForwardedReply]] = [:]
    var positions: [TopicPartition: Position] = [:]
    /// Commits refused because the epoch had moved on.
    var fencedCommits = 0
    /// Broken promises, found when they happen.
    var violations: [String] = []
  }

  private let tables = Mutex(Tables())

  func read<Value: Sendable>(_ body: (Tables) -> Value) -> Value { tables.withLock { body($0) } }

  func takeOver(_ shard: Int32) -> ShardTakeover {
    tables.withLock { tables in
      tables.shards[shard, default: Shard()].epoch += 1
      let row = tables.shards[shard, default: Shard()]
      return ShardTakeover(
        shard: shard, epoch: row.epoch, batch: row.batch, journalHead: row.journalHead, publishMark: row.publishMark)
    }
  }

  func load(_ ids: [UUIDValue]) -> [StoredInstance] {
    tables.withLock { tables in ids.compactMap { tables.instances[$0] } }
  }

  func due(_ shard: Int32, at now: Timestamp, limit: Int) -> [UUIDValue] {
    tables.withLock { tables in
      let due = tables.instances.values.filter { instance in
        instance.shard == shard && instance.state.wakeAt.map { $0 <= now } ?? false
      }
      return Array(due.map(\.id).sorted { ($0.high, $0.low) < ($1.high, $1.low) }.prefix(limit))
    }
  }

  func renew(_ takeover: ShardTakeover, mark: Int64) throws(MediatorError) {
    let owned = tables.withLock { tables -> Bool in
      guard tables.shards[takeover.shard]?.epoch == takeover.epoch else { return false }
      let known = tables.shards[takeover.shard]?.publishMark ?? 0
      tables.shards[takeover.shard]?.publishMark = max(known, mark)
      return true
    }
    if !owned { throw MediatorError(.fenced, "epoch \(takeover.epoch) is over") }
  }

  func commit(_ batch: ShardBatch, _ takeover: ShardTakeover) throws(MediatorError) {
    let failure = tables.withLock { tables in Self.apply(batch, takeover, &tables) }
    if let failure { throw failure }
  }

  private static func apply(_ batch: ShardBatch, _ takeover: ShardTakeover, _ tables: inout Tables) -> MediatorError? {
    let shard = takeover.shard
    guard let row = tables.shards[shard], row.epoch == takeover.epoch else {
      tables.fencedCommits += 1
      return MediatorError(.fenced, "epoch \(takeover.epoch) is over")
    }
    if batch.started.contains(where: { tables.instances[$0.id] != nil }) {
      return MediatorError(.conflict, "an instance is there already")
    }
    check(batch, row, &tables)
    tables.shards[shard]?.batch = batch.number
    tables.shards[shard]?.journalHead = batch.journalHead
    tables.shards[shard]?.publishMark = max(row.publishMark, batch.publishMark)
    for instance in batch.started + batch.updated { tables.instances[instance.id] = instance }
    tables.journal[shard, default: []] += batch.journal
    tables.deadLetters += batch.deadLetters
    tables.letterShards[shard, default: []] += batch.deadLetters
    tables.forwarded[shard, default: []] += batch.forwarded
    for (partition, position) in batch.positions { tables.positions[partition] = position }
    return nil
  }

  /// What must hold at every commit.
  private static func check(_ batch: ShardBatch, _ row: Shard, _ tables: inout Tables) {
    if batch.number != row.batch + 1 { tables.violations.append("batch \(batch.number) after \(row.batch)") }
    for (partition, position) in batch.positions {
      if let known = tables.positions[partition], known.next >= position.next {
        tables.violations.append("position of \(partition) goes from \(known.next) to \(position.next)")
      }
    }
    for instance in batch.updated {
      guard let known = tables.instances[instance.id] else {
        tables.violations.append("update of the unknown instance \(instance.id.text)")
        continue
      }
      if known.state.status.isTerminal { tables.violations.append("change of the ended instance \(instance.id.text)") }
    }
    var expected = row.journalHead
    let sequences = batch.journal.map(\.sequence) + batch.deadLetters.map(\.sequence) + batch.forwarded.map(\.sequence)
    for sequence in sequences.sorted() {
      expected += 1
      if sequence != expected { tables.violations.append("journal sequence \(sequence) instead of \(expected)") }
    }
    if batch.journalHead != expected {
      tables.violations.append("journal head \(batch.journalHead), rows to \(expected)")
    }
  }

  func unpublished(_ shard: Int32, after sequence: Int64, limit: Int) -> [UnpublishedRow] {
    tables.withLock { tables in
      var rows: [UnpublishedRow] = []
      for row in tables.journal[shard] ?? [] where row.sequence > sequence && !row.requests.isEmpty {
        guard let instance = tables.instances[row.instance] else { continue }
        rows.append(.requests(sequence: row.sequence, instance: instance.address, row.requests))
      }
      rows += (tables.letterShards[shard] ?? []).filter { $0.sequence > sequence }.map { .deadLetter($0) }
      rows += (tables.forwarded[shard] ?? []).filter { $0.sequence > sequence }.map { .forwarded($0) }
      return Array(rows.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }
  }
}

/// One worker's store: passes every call through the fault injector, before and after it takes effect.
final class SimulatedStore: ShardStore {
  private let database: SimulatedDatabase
  private let takeover: ShardTakeover
  private let faults: Faults

  init(database: SimulatedDatabase, takeover: ShardTakeover, faults: Faults) {
    self.database = database
    self.takeover = takeover
    self.faults = faults
  }

  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] {
    try faults.strike("load")
    return database.load(ids)
  }

  func due(at now: Timestamp, limit: Int) async throws(MediatorError) -> [UUIDValue] {
    try faults.strike("due")
    return database.due(takeover.shard, at: now, limit: limit)
  }

  func commit(_ batch: ShardBatch) async throws(MediatorError) {
    try faults.strike("before commit")
    try database.commit(batch, takeover)
    // The commit happened, and the worker will never know.
    try faults.strike("after commit")
  }

  func renew(publishMark: Int64) async throws(MediatorError) {
    try faults.strike("before renew")
    try database.renew(takeover, mark: publishMark)
    try faults.strike("after renew")
  }

  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    try faults.strike("unpublished")
    return database.unpublished(takeover.shard, after: sequence, limit: min(limit, 3))
  }
}

/// Decides, from the seed, where a worker dies.
final class Faults: Sendable {
  private let generator: Mutex<SeededGenerator>
  private let probability: Mutex<Double>
  private let struck = Mutex<[String: Int]>([:])

  init(seed: UInt64, probability: Double) {
    generator = Mutex(SeededGenerator(seed: seed))
    self.probability = Mutex(probability)
  }

  func stop() { probability.withLock { $0 = 0 } }

  var counts: [String: Int] { struck.withLock { $0 } }

  func strike(_ place: String) throws(MediatorError) {
    let limit = probability.withLock { $0 }
    guard limit > 0, generator.withLock({ $0.chance(limit) }) else { return }
    struck.withLock { $0[place, default: 0] += 1 }
    throw MediatorError(.store, "simulated crash: \(place)")
  }
}
