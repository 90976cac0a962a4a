import Engine
import Kafka
import Mediator
import Safeguards
import Synchronization
import Values
import Wire

/// The mediator's tables in memory, with the one property that matters: a transaction applies as a whole, and only in
/// the epoch that holds. Promises that a commit breaks are noted at that moment.
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
    /// The definition that each instance began with.
    var startedAs: [UUIDValue: Int32] = [:]
    var journal: [Int32: [JournalRow]] = [:]
    var deadLetters: [Int32: [DeadLetter]] = [:]
    /// Those that came back, by their places in the journal, and how often each letter did.
    var returned: [Int32: [DeadLetter]] = [:]
    var rounds: [DeadLetterID: Int] = [:]
    /// By its id, why a letter is not on its topic.
    var unpublishedLetters: [DeadLetterID: String] = [:]
    var forwarded: [Int32: [ForwardedReply]] = [:]
    var positions: [TopicPartition: Position] = [:]
    var events = EventTables()
    var operations = OperationTables()
    var queues = QueueTables()
    /// When the instances that wait for their turn may run.
    var released: [UUIDValue: Timestamp] = [:]
    /// By order key, the places of the instances that have run, in the order in which they began to.
    var ran: [String: [Int64]] = [:]
    /// Events that came while the workflow that also wants them was retired.
    var unaudited: Set<String> = []
    /// Commits refused because the epoch had moved on, and because an instance was there already.
    var fencedCommits = 0
    var conflicts = 0
    /// Commits refused because a definition was deployed after they had been planned.
    var outdated = 0
    /// Commits of which the worker knows nothing, and that are still under way.
    var late: [LateCommit] = []
    var violations: [String] = []

    func wakeAt(_ instance: StoredInstance) -> Timestamp? {
      instance.state.status == .pending ? released[instance.id] : instance.state.wakeAt
    }
  }

  struct LateCommit {
    let batch: ShardBatch
    let takeover: ShardTakeover
    let seen: EventTables?
  }

  private let tables = Mutex(Tables())
  let kafka: SimulatedKafka
  let processors: SimulatedInbox
  private let publishesEveryRow: Bool
  private let callLimits: CallLimits
  let deployments: Deployments

  init(
    kafka: SimulatedKafka, processors: SimulatedInbox, publishesEveryRow: Bool, callLimits: CallLimits,
    deployments: Deployments
  ) {
    self.callLimits = callLimits
    self.kafka = kafka
    self.processors = processors
    self.publishesEveryRow = publishesEveryRow
    self.deployments = deployments
  }

  func read<Value: Sendable>(_ body: (Tables) -> Value) -> Value { tables.withLock { body($0) } }

  func takeOver(_ shard: Int32) -> ShardTakeover {
    tables.withLock { tables in
      tables.shards[shard, default: Shard()].epoch += Safeguard.holds(.epochRaised) ? 1 : 0
      let row = tables.shards[shard, default: Shard()]
      return ShardTakeover(
        shard: shard, epoch: row.epoch, batch: row.batch, journalHead: row.journalHead, publishMark: row.publishMark)
    }
  }

  // MARK: Reading

  func load(_ ids: [UUIDValue]) -> [StoredInstance] {
    tables.withLock { tables in ids.compactMap { tables.instances[$0] } }
  }

  func openInstances(_ shard: Int32) -> Set<UUIDValue> {
    tables.withLock { tables in
      Set(tables.instances.values.filter { $0.shard == shard && !$0.state.status.isTerminal }.map(\.id))
    }
  }

  /// When the next open instance is due, or was.
  var nextWake: Timestamp? { tables.withLock { tables in tables.instances.values.compactMap(tables.wakeAt).min() } }

  func due(_ shard: Int32, at now: Timestamp, limit: Int) -> DueWork {
    tables.withLock { tables in
      var due: [(at: Timestamp, id: UUIDValue)] = []
      for instance in tables.instances.values where instance.shard == shard {
        if let at = tables.wakeAt(instance), at <= now { due.append((at, instance.id)) }
      }
      let timers = due.sorted { ($0.at, $0.id.high, $0.id.low) < ($1.at, $1.id.high, $1.id.low) }.prefix(limit)
      return DueWork(timers: timers.map(\.id), hasCommands: tables.operations.has(shard))
    }
  }

  /// What an operator does, whoever owns the shard.
  func submit(_ command: OperatorCommand, slipsThrough: Bool = false) {
    tables.withLock { tables in
      guard let instance = tables.instances[command.instance] else { return }
      tables.operations.submit(command, instance.shard, slipsThrough: slipsThrough)
    }
  }

  func take(_ commands: [Int64]) { tables.withLock { $0.operations.take(commands) } }

  func commands(_ shard: Int32, limit: Int) -> [QueuedCommand] {
    tables.withLock { $0.operations.queued(shard, limit: limit) }
  }

  func unpublished(_ shard: Int32, after sequence: Int64, limit: Int) -> [UnpublishedRow] {
    tables.withLock { tables in
      var rows: [UnpublishedRow] = []
      for row in tables.journal[shard] ?? [] where row.sequence > sequence {
        guard row.publications > 0 || publishesEveryRow else { continue }
        guard let instance = tables.instances[row.instance] else { continue }
        var address = instance.address
        let later = (tables.journal[shard] ?? []).filter { $0.instance == row.instance && $0.sequence > row.sequence }
        address.formerVersion = later.lazy.flatMap(\.entries).compactMap(\.migration).first?.from
        rows.append(.journal(row, address))
      }
      let letters = (tables.deadLetters[shard] ?? []) + (tables.returned[shard] ?? [])
      rows += letters.filter { letter in
        letter.sequence > sequence && tables.unpublishedLetters[letter.id(in: shard)] == nil
      }.map { .deadLetter($0) }
      rows += (tables.forwarded[shard] ?? []).filter { $0.sequence > sequence }.map { .forwarded($0) }
      return Array(rows.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }
  }

  // MARK: Writing

  func renew(_ takeover: ShardTakeover, mark: Int64) throws(MediatorError) {
    let isOwned = tables.withLock { tables -> Bool in
      guard tables.shards[takeover.shard]?.epoch == takeover.epoch else { return false }
      advanceMark(takeover.shard, to: mark, &tables)
      return true
    }
    if !isOwned { throw MediatorError(.fenced, "epoch \(takeover.epoch) is over") }
  }

  /// - Parameter seen: what it sees of events and waits where nothing makes transactions take turns.
  func commit(
    _ batch: ShardBatch, _ takeover: ShardTakeover, seeing seen: EventTables?
  ) throws(MediatorError) {
    let failure = tables.withLock { tables in apply(batch, takeover, seen, &tables) }
    kafka.faults.note(
      "commit \(failure?.message ?? "")", Int64(takeover.shard), takeover.epoch, batch.number, batch.journalHead,
      batch.publishMark)
    if let failure { throw failure }
  }

  /// The transaction was sent, and the connection lost: it takes place some time later.
  func commitLater(_ batch: ShardBatch, _ takeover: ShardTakeover, seeing seen: EventTables?) {
    tables.withLock { $0.late.append(LateCommit(batch: batch, takeover: takeover, seen: seen)) }
  }

  /// Nobody hears how it ended.
  func landLateCommit() {
    let late = tables.withLock { $0.late.isEmpty ? nil : $0.late.removeFirst() }
    guard let late else { return }
    try? commit(late.batch, late.takeover, seeing: late.seen)
  }

  /// The positions alone: what happens where they are no part of the transaction.
  func savePositions(_ batch: ShardBatch, _ takeover: ShardTakeover) {
    tables.withLock { tables in
      guard tables.shards[takeover.shard]?.epoch == takeover.epoch else { return }
      for (partition, position) in batch.positions { tables.positions[partition] = position }
    }
  }

  private func apply(
    _ batch: ShardBatch, _ takeover: ShardTakeover, _ seen: EventTables?, _ tables: inout Tables
  ) -> MediatorError? {
    let shard = takeover.shard
    guard let row = tables.shards[shard], row.epoch == takeover.epoch || !Safeguard.holds(.epochChecked) else {
      tables.fencedCommits += 1
      return MediatorError(.fenced, "epoch \(takeover.epoch) is over")
    }
    if let known = batch.newestDefinition, deployments.newest > known, Safeguard.holds(.newestDefinitionChecked) {
      tables.outdated += 1
      return MediatorError(.conflict, "there is a definition above the number \(known)")
    }
    if Safeguard.holds(.instanceUnique), batch.started.contains(where: { tables.instances[$0.id] != nil }) {
      tables.conflicts += 1
      return MediatorError(.conflict, "an instance is there already")
    }
    if !tables.events.mayExpire(batch.expired) {
      tables.conflicts += 1
      return MediatorError(.conflict, "an event that was to expire is wanted after all")
    }
    if Self.isUnstorable(batch) {
      kafka.faults.count(.poison)
      return MediatorError(.unstorable, "the database does not like this data")
    }
    check(batch, row, &tables)
    noteRuns(batch, &tables)
    tables.shards[shard]?.batch = batch.number
    tables.shards[shard]?.journalHead = batch.journalHead
    for instance in batch.started { tables.startedAs[instance.id] = instance.definition }
    for instance in batch.started + batch.updated { tables.instances[instance.id] = instance }
    tables.journal[shard, default: []] += batch.journal
    store(batch.deadLetters, shard, &tables)
    for letter in batch.unpublishedLetters { leaveUnpublished(letter, shard, &tables) }
    tables.forwarded[shard, default: []] += batch.forwarded
    for (partition, position) in batch.positions { tables.positions[partition] = position }
    tables.violations += tables.events.apply(batch, shard, seeing: seen)
    tables.violations += tables.operations.apply(batch)
    tables.violations += tables.queues.apply(batch, shard, tables.instances, callLimits)
    release(batch, shard, &tables)
    checkRelations(batch, &tables)
    advanceMark(shard, to: batch.publishMark, &tables)
    return nil
  }

  /// What names a letter that is there is that one.
  private func store(_ letters: [DeadLetter], _ shard: Int32, _ tables: inout Tables) {
    for letter in letters {
      if let redrive = letter.redrive,
        tables.deadLetters[redrive.letter.shard]?.contains(where: { $0.sequence == redrive.letter.sequence }) == true
      {
        let known = tables.rounds[redrive.letter] ?? 0
        tables.rounds[redrive.letter] = max(known, min(redrive.round, known + 1))
        tables.returned[shard, default: []].append(letter)
        tables.unpublishedLetters[redrive.letter] = nil
      } else {
        tables.deadLetters[shard, default: []].append(letter)
      }
    }
  }

  private func leaveUnpublished(_ letter: UnpublishedLetter, _ shard: Int32, _ tables: inout Tables) {
    let rows = (tables.deadLetters[shard] ?? []) + (tables.returned[shard] ?? [])
    guard let row = rows.first(where: { $0.sequence == letter.sequence }) else {
      return tables.violations.append("\(letter.sequence) is no dead letter")
    }
    tables.unpublishedLetters[row.id(in: shard)] = letter.reason
  }

  /// The first open instance of each key may run.
  private func release(_ batch: ShardBatch, _ shard: Int32, _ tables: inout Tables) {
    for key in batch.releasedOrderKeys {
      let open = tables.instances.values.filter {
        $0.shard == shard && $0.order?.key == key && !$0.state.status.isTerminal
      }
      guard let first = open.min(by: { ($0.order?.place ?? 0) < ($1.order?.place ?? 0) }) else { continue }
      if first.state.status == .pending { tables.released[first.id] = batch.at }
    }
  }

  func openOrderKeys(_ shard: Int32, _ keys: Set<String>) -> Set<String> {
    tables.withLock { tables in
      Set(
        tables.instances.values.compactMap { instance in
          guard instance.shard == shard, !instance.state.status.isTerminal else { return nil }
          return instance.order.map(\.key).flatMap { keys.contains($0) ? $0 : nil }
        })
    }
  }

  func inbox(_ shard: Int32, limit: Int) -> [InboxItem] {
    tables.withLock { $0.events.inbox(shard, limit: limit) }
  }

  func expired(_ shard: Int32, at now: Timestamp, limit: Int) -> [ExpiredEvent] {
    tables.withLock { $0.events.expired(shard, at: now, limit: limit) }
  }

  func schedules(_ shard: Int32) -> [ScheduleRow] {
    tables.withLock { $0.events.schedules.values.filter { $0.shard == shard }.map(\.row) }
  }

  /// Stands for whatever Postgres refuses: the text `unstorable` in an input or an output.
  private static func isUnstorable(_ batch: ShardBatch) -> Bool {
    batch.started.contains { $0.state.input[0]?["data"]?["fate"]?.string == Fate.unstorable.rawValue }
      || batch.journal.contains { row in
        row.entries.contains {
          if case .taskCompleted(_, _, let output) = $0 { output["is"]?.string == "unstorable" } else { false }
        }
      }
      // What a suspended instance was told rests in its state.
      || batch.updated.contains { instance in
        instance.state.unfinished.contains {
          if case .complete(_, let output) = $0 { output["is"]?.string == "unstorable" } else { false }
        }
      }
  }
}

extension JournalRow {
  /// The ids of the events that are emitted.
  var emitted: [String] {
    entries.compactMap { if case .emitted(let emitted) = $0 { emitted.event["id"]?.string } else { nil } }
  }
}
