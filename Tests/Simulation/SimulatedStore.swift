import Engine
import Mediator
import Safeguards
import Values

/// One worker's store. Around every call there is a gate: before it, when nothing has happened, and after it, when it
/// has happened and the worker does not know.
final class SimulatedStore: ShardStore {
  private let database: SimulatedDatabase
  private let takeover: ShardTakeover
  private let gate: Gate
  /// What was open at the takeover.
  private let inherited: Set<UUIDValue>

  init(database: SimulatedDatabase, takeover: ShardTakeover, gate: Gate) {
    self.database = database
    self.takeover = takeover
    self.gate = gate
    inherited = database.openInstances(takeover.shard)
  }

  private func pass(_ place: Place) async throws(MediatorError) {
    do throws(Interruption) {
      try await gate.pass(place)
    } catch {
      throw MediatorError(.store, error.message)
    }
  }

  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] {
    try await pass(.read)
    let instances = database.load(ids)
    try await pass(.afterRead)
    return instances
  }

  func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork {
    try await pass(.read)
    var due = database.due(takeover.shard, at: now, limit: quota.limit)
    if !Safeguard.holds(.timersAtTakeover) {
      due = DueWork(timers: due.timers.filter { !inherited.contains($0) }, hasCommands: due.hasCommands)
    }
    try await pass(.afterRead)
    return due
  }

  func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand] {
    try await pass(.read)
    return database.commands(takeover.shard, limit: min(limit, 3))
  }

  func inbox(limit: Int) async throws(MediatorError) -> [InboxItem] {
    try await pass(.read)
    let items = database.inbox(takeover.shard, limit: min(limit, 3))
    try await pass(.afterRead)
    return items
  }

  func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent] {
    try await pass(.read)
    return database.expired(takeover.shard, at: now, limit: limit)
  }

  func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent] {
    try await pass(.read)
    return database.read { $0.events.overdue(takeover.shard, at: now, limit: limit) }
  }

  func channelLoad() async throws(MediatorError) -> ChannelLoad {
    try await pass(.read)
    return database.read { $0.queues.load(takeover.shard) }
  }

  func queuedCalls(_ wanted: [ChannelLoad.Key: Int]) async throws(MediatorError) -> [QueuedCall] {
    try await pass(.read)
    let calls = database.read { $0.queues.first(wanted, takeover.shard) }
    try await pass(.afterRead)
    return calls
  }

  func schedules() async throws(MediatorError) -> [ScheduleRow] {
    try await pass(.read)
    return database.schedules(takeover.shard)
  }

  func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String> {
    try await pass(.read)
    return database.openOrderKeys(takeover.shard, keys)
  }

  func collected(
    _ collections: Set<CollectedEvent.Collection>
  ) async throws(MediatorError) -> [CollectedEvent] {
    try await pass(.read)
    return database.read { tables in tables.events.collected.filter { collections.contains($0.collection) } }
  }

  func commit(_ batch: ShardBatch) async throws(MediatorError) {
    // What a transaction without the lock per event type would see.
    let seen = Safeguard.holds(.eventsTakeTurns) ? Optional.none : database.read { $0.events }
    if !Safeguard.holds(.commandsInTransaction) { database.take(batch.commands) }
    if !Safeguard.holds(.positionsInTransaction) { database.savePositions(batch, takeover) }
    do throws(Interruption) {
      try await gate.pass(.beforeCommit)
    } catch {
      if error.kind == .commitLate { database.commitLater(batch, takeover, seeing: seen) }
      throw MediatorError(.store, error.message)
    }
    try database.commit(batch, takeover, seeing: seen)
    try await pass(.afterCommit)
  }

  func renew(publishMark: Int64) async throws(MediatorError) {
    try await pass(.beforeRenew)
    try database.renew(takeover, mark: publishMark)
    try await pass(.afterRenew)
  }

  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    try await pass(.read)
    // Pages so small that there are several of them.
    let rows = database.unpublished(takeover.shard, after: sequence, limit: min(limit, 3))
    try await pass(.afterRead)
    return Safeguard.holds(.idsJournalled) ? rows : rows.map { $0.withOtherIDs(takeover.epoch) }
  }
}

extension UnpublishedRow {
  /// As if the ids were made up anew.
  fileprivate func withOtherIDs(_ epoch: Int64) -> UnpublishedRow {
    guard case .journal(let row, let address) = self else { return self }
    let entries = row.entries.map { entry -> JournalEntry in
      guard case .requested(let request) = entry else { return entry }
      return .requested(
        Request(
          activity: request.activity, channel: request.channel, id: "\(request.id)+\(epoch)",
          idempotencyKey: request.idempotencyKey, reference: request.reference, attempt: request.attempt,
          deadline: request.deadline, data: request.data))
    }
    return .journal(JournalRow(sequence: row.sequence, instance: row.instance, at: row.at, entries: entries), address)
  }
}
