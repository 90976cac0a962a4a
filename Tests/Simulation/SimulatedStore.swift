import Mediator
import Values

/// One worker's store. Around every call there is a gate: before it, when nothing has happened, and after it, when it
/// has happened and the worker does not know.
final class SimulatedStore: ShardStore {
  private let database: SimulatedDatabase
  private let takeover: ShardTakeover
  private let gate: Gate

  init(database: SimulatedDatabase, takeover: ShardTakeover, gate: Gate) {
    self.database = database
    self.takeover = takeover
    self.gate = gate
  }

  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] {
    try await gate.pass("before load")
    let instances = database.load(ids)
    try await gate.pass("after load")
    return instances
  }

  func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork {
    try await gate.pass("before due")
    let due = database.due(takeover.shard, at: now, limit: quota.limit)
    try await gate.pass("after due")
    return due
  }

  func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand] {
    try await gate.pass("before commands")
    return database.commands(takeover.shard, limit: min(limit, 3))
  }

  func inbox(limit: Int) async throws(MediatorError) -> [InboxItem] {
    try await gate.pass("before inbox")
    let items = database.inbox(takeover.shard, limit: min(limit, 3))
    try await gate.pass("after inbox")
    return items
  }

  func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent] {
    try await gate.pass("before expired")
    return database.expired(takeover.shard, at: now, limit: limit)
  }

  func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent] {
    try await gate.pass("before overdue")
    return database.read { $0.events.overdue(takeover.shard, at: now, limit: limit) }
  }

  func schedules() async throws(MediatorError) -> [ScheduleRow] {
    try await gate.pass("before schedules")
    return database.schedules(takeover.shard)
  }

  func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String> {
    try await gate.pass("before order keys")
    return database.openOrderKeys(takeover.shard, keys)
  }

  func collected(
    _ collections: Set<CollectedEvent.Collection>
  ) async throws(MediatorError) -> [CollectedEvent] {
    try await gate.pass("before collected")
    return database.read { tables in tables.events.collected.filter { collections.contains($0.collection) } }
  }

  func commit(_ batch: ShardBatch) async throws(MediatorError) {
    try await gate.pass("before commit")
    try database.commit(batch, takeover)
    try await gate.pass("after commit")
  }

  func renew(publishMark: Int64) async throws(MediatorError) {
    try await gate.pass("before renew")
    try database.renew(takeover, mark: publishMark)
    try await gate.pass("after renew")
  }

  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    try await gate.pass("before unpublished")
    // Pages so small that there are several of them.
    let rows = database.unpublished(takeover.shard, after: sequence, limit: min(limit, 3))
    try await gate.pass("after unpublished")
    return rows
  }
}
