import Safeguards
import Values
import Workflow

/// The schedules of one shard. Only the shard's owner writes their rows, so what it has read or written is what holds.
struct ShardSchedules {
  let shard: Int32
  let shards: Int32
  private var rows: [String: ScheduleRow]
  private var knownDefinitions = -1

  init(shard: Int32, shards: Int32, rows: [ScheduleRow]) {
    self.shard = shard
    self.shards = shards
    self.rows = Dictionary(rows.map { ($0.workflow, $0) }) { _, last in last }
  }

  /// What there is to do now: schedules that definitions have brought or taken away, and those that are due.
  mutating func work(_ catalog: DefinitionCatalog, now: Timestamp) -> [TurnWork] {
    var work: [TurnWork] = []
    if catalog.count != knownDefinitions {
      work += changes(catalog, now)
      // Until that is committed it may have to be done again.
      if work.isEmpty { knownDefinitions = catalog.count }
    }
    guard work.isEmpty else { return work }
    for row in rows.values.sorted(by: { $0.workflow < $1.workflow }) {
      guard let due = row.nextAt, due <= now, isKnown(row, catalog) else { continue }
      work.append(.fire(row, due: due))
    }
    return work
  }

  /// Whether a row is of a version that the catalog has yet to learn of.
  func isAhead(of catalog: DefinitionCatalog) -> Bool { rows.values.contains { !isKnown($0, catalog) } }

  private func isKnown(_ row: ScheduleRow, _ catalog: DefinitionCatalog) -> Bool {
    catalog.latest(of: row.workflow).map { $0.number >= row.definition } ?? false
  }

  private func changes(_ catalog: DefinitionCatalog, _ now: Timestamp) -> [TurnWork] {
    var work: [TurnWork] = []
    for entry in catalog.latest
    where ShardHome.of(entry.workflow, shards: shards) == shard || !Safeguard.holds(.scheduleAtHome) {
      guard let schedule = entry.definition.schedule, schedule.isTimed else {
        if let row = rows[entry.workflow], row.definition < entry.number { work.append(.unschedule(entry.workflow)) }
        continue
      }
      // Numbers only grow: a row of a higher one is of a version that is not known here yet.
      if let row = rows[entry.workflow], row.definition >= entry.number { continue }
      // While an instance runs after whose end the next one starts, another version changes nothing about that.
      let isAwaitingEnd = schedule.after != nil && rows[entry.workflow].map { $0.nextAt == nil } == true
      let next = isAwaitingEnd ? Optional.none : schedule.first(now: now)
      work.append(.schedule(ScheduleRow(workflow: entry.workflow, definition: entry.number, nextAt: next)))
    }
    return work
  }

  mutating func committed(_ batch: ShardBatch) {
    for row in batch.schedules { rows[row.workflow] = row }
    for workflow in batch.unscheduled { rows[workflow] = nil }
  }
}
