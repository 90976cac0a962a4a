import Engine
import Kafka
import Mediator
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
    /// When the instances that wait for their turn may run.
    var released: [UUIDValue: Timestamp] = [:]
    /// By order key, the places of the instances that have run, in the order in which they began to.
    var ran: [String: [Int64]] = [:]
    /// Commits refused because the epoch had moved on, and because an instance was there already.
    var fencedCommits = 0
    var conflicts = 0
    /// Commits refused because a definition was deployed after they had been planned.
    var outdated = 0
    var violations: [String] = []
  }

  private let tables = Mutex(Tables())
  private let kafka: SimulatedKafka
  private let publishesEveryRow: Bool
  private let deployments: Deployments

  init(kafka: SimulatedKafka, publishesEveryRow: Bool, deployments: Deployments) {
    self.kafka = kafka
    self.publishesEveryRow = publishesEveryRow
    self.deployments = deployments
  }

  func read<Value: Sendable>(_ body: (Tables) -> Value) -> Value { tables.withLock { body($0) } }

  func takeOver(_ shard: Int32) -> ShardTakeover {
    tables.withLock { tables in
      tables.shards[shard, default: Shard()].epoch += 1
      let row = tables.shards[shard, default: Shard()]
      return ShardTakeover(
        shard: shard, epoch: row.epoch, batch: row.batch, journalHead: row.journalHead, publishMark: row.publishMark)
    }
  }

  // MARK: Reading

  func load(_ ids: [UUIDValue]) -> [StoredInstance] {
    tables.withLock { tables in ids.compactMap { tables.instances[$0] } }
  }

  func due(_ shard: Int32, at now: Timestamp, limit: Int) -> DueWork {
    tables.withLock { tables in
      var due: [(at: Timestamp, id: UUIDValue)] = []
      for instance in tables.instances.values where instance.shard == shard {
        let at = instance.state.status == .pending ? tables.released[instance.id] : instance.state.wakeAt
        if let at, at <= now { due.append((at, instance.id)) }
      }
      let timers = due.sorted { ($0.at, $0.id.high, $0.id.low) < ($1.at, $1.id.high, $1.id.low) }.prefix(limit)
      return DueWork(timers: timers.map(\.id), hasCommands: tables.operations.has(shard))
    }
  }

  /// What an operator does, whoever owns the shard.
  func submit(_ command: OperatorCommand) {
    tables.withLock { tables in
      guard let instance = tables.instances[command.instance] else { return }
      tables.operations.submit(command, instance.shard)
    }
  }

  func commands(_ shard: Int32, limit: Int) -> [QueuedCommand] {
    tables.withLock { $0.operations.queued(shard, limit: limit) }
  }

  func unpublished(_ shard: Int32, after sequence: Int64, limit: Int) -> [UnpublishedRow] {
    tables.withLock { tables in
      var rows: [UnpublishedRow] = []
      for row in tables.journal[shard] ?? [] where row.sequence > sequence {
        guard row.publications > 0 || publishesEveryRow else { continue }
        guard let instance = tables.instances[row.instance] else { continue }
        rows.append(.journal(row, instance.address))
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

  func commit(_ batch: ShardBatch, _ takeover: ShardTakeover) throws(MediatorError) {
    let failure = tables.withLock { tables in apply(batch, takeover, &tables) }
    if let failure { throw failure }
  }

  private func apply(_ batch: ShardBatch, _ takeover: ShardTakeover, _ tables: inout Tables) -> MediatorError? {
    let shard = takeover.shard
    guard let row = tables.shards[shard], row.epoch == takeover.epoch else {
      tables.fencedCommits += 1
      return MediatorError(.fenced, "epoch \(takeover.epoch) is over")
    }
    if let known = batch.newestDefinition, deployments.newest > known {
      tables.outdated += 1
      return MediatorError(.conflict, "there is a definition above the number \(known)")
    }
    if batch.started.contains(where: { tables.instances[$0.id] != nil }) {
      tables.conflicts += 1
      return MediatorError(.conflict, "an instance is there already")
    }
    if !tables.events.mayExpire(batch.expired) {
      tables.conflicts += 1
      return MediatorError(.conflict, "an event that was to expire is wanted after all")
    }
    if Self.isUnstorable(batch) { return MediatorError(.unstorable, "the database does not like this data") }
    check(batch, row, &tables)
    noteRuns(batch, &tables)
    tables.shards[shard]?.batch = batch.number
    tables.shards[shard]?.journalHead = batch.journalHead
    for instance in batch.started + batch.updated { tables.instances[instance.id] = instance }
    tables.journal[shard, default: []] += batch.journal
    store(batch.deadLetters, shard, &tables)
    for letter in batch.unpublishedLetters { leaveUnpublished(letter, shard, &tables) }
    tables.forwarded[shard, default: []] += batch.forwarded
    for (partition, position) in batch.positions { tables.positions[partition] = position }
    tables.violations += tables.events.apply(batch, shard)
    tables.violations += tables.operations.apply(batch)
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
  }

  // MARK: What must hold at every commit

  private func check(_ batch: ShardBatch, _ row: Shard, _ tables: inout Tables) {
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
      if known.state.status.isTerminal, !batch.audit.contains(where: { $0.command.instance == instance.id }) {
        tables.violations.append("change of the ended instance \(instance.id.text)")
      }
      if known.state.status != .pending, instance.state.status == .pending {
        tables.violations.append("the instance \(instance.id.text) waits for its turn again")
      }
      if known.state.nextActivity > instance.state.nextActivity || known.state.updatedAt > instance.state.updatedAt {
        tables.violations.append("the instance \(instance.id.text) goes back in time")
      }
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

  /// Which instances with an order key begin to run in this batch.
  private func noteRuns(_ batch: ShardBatch, _ tables: inout Tables) {
    for instance in batch.started + batch.updated {
      guard let order = instance.order, instance.state.status != .pending else { continue }
      let known = tables.instances[instance.id]?.state.status
      guard known == nil || known == .pending else { continue }
      if let last = tables.ran[order.key]?.last, last >= order.place {
        tables.violations.append("\(instance.id.text) runs at the place \(order.place), after \(last)")
      }
      tables.ran[order.key, default: []].append(order.place)
    }
  }

  /// What holds between rows once the batch is written.
  private func checkRelations(_ batch: ShardBatch, _ tables: inout Tables) {
    for instance in batch.started + batch.updated {
      let waits = tables.events.waits.filter { $0.instance == instance.id }.map(\.key).sorted()
      let expected = deployments.waits(of: instance).map(\.key).sorted()
      if waits != expected {
        tables.violations.append("\(instance.id.text) waits for \(waits) instead of \(expected)")
      }
    }
    for key in Set((batch.started + batch.updated).compactMap(\.order?.key)) {
      let running = tables.instances.values.count {
        $0.order?.key == key && !$0.state.status.isTerminal && $0.state.status != .pending
      }
      if running > 1 { tables.violations.append("\(running) instances of one order key run at once") }
    }
  }

  /// Below the mark everything must have arrived: nobody looks there again.
  private func advanceMark(_ shard: Int32, to mark: Int64, _ tables: inout Tables) {
    let known = tables.shards[shard]?.publishMark ?? 0
    guard mark > known else { return }
    tables.shards[shard]?.publishMark = mark
    let covered = known + 1...mark
    for row in tables.journal[shard] ?? [] where covered.contains(row.sequence) {
      for request in row.requests where !kafka.hasArrived(request.id) {
        // One that the broker will never take is settled when the engine has been told.
        let open = tables.instances[row.instance]?.state.activities ?? []
        let isSettled = kafka.isRefused(request) && !open.contains { $0.id == request.activity }
        if !isSettled { tables.violations.append("the mark \(mark) covers \(request.id), which is not published") }
      }
      for event in row.emitted where !kafka.hasArrived(event) {
        tables.violations.append("the mark \(mark) covers the event \(event), which is not published")
      }
    }
    for letter in tables.deadLetters[shard] ?? [] where covered.contains(letter.sequence) {
      let id = letter.id(in: shard)
      // One that its topic will not take has to be known to be only here.
      guard !kafka.hasArrived(letter: id), tables.unpublishedLetters[id] == nil, tables.rounds[id] == nil else {
        continue
      }
      tables.violations.append("the mark \(mark) covers the dead letter \(id), which is nowhere")
    }
  }
}

extension DeadLetter {
  func id(in shard: Int32) -> DeadLetterID {
    redrive?.letter ?? DeadLetterID(shard: shard, sequence: sequence)
  }
}

extension JournalRow {
  /// The ids of the events that are emitted.
  var emitted: [String] {
    entries.compactMap { if case .emitted(let emitted) = $0 { emitted.event["id"]?.string } else { nil } }
  }
}
