import Safeguards
import Values
import Workflow

/// The schedules of one shard. Only the shard's owner writes their rows, so what it has read or written is what holds.
struct ShardSchedules {
  let shard: Int32
  let shards: Int32
  private var rows: [String: ScheduleRow]
  /// The newest of the catalog that the rows agree with.
  private var known: Int32 = -1

  init(shard: Int32, shards: Int32, rows: [ScheduleRow]) {
    self.shard = shard
    self.shards = shards
    self.rows = Dictionary(rows.map { ($0.workflow, $0) }) { _, last in last }
  }

  /// What there is to do now: schedules that definitions have brought or taken away, and those that are due.
  mutating func work(_ catalog: DefinitionCatalog, now: Timestamp) -> [TurnWork] {
    var work: [TurnWork] = []
    if catalog.newest != known {
      work += changes(catalog, now)
      // Until that is committed it may have to be done again.
      if work.isEmpty { known = catalog.newest }
    }
    guard work.isEmpty else { return work }
    for row in rows.values.sorted(by: { $0.workflow < $1.workflow }) {
      guard let due = row.nextAt, due <= now, isKnown(row, catalog) else { continue }
      work.append(.fire(row, due: due))
    }
    return work
  }

  /// Whether a row is of a version that the catalog has yet to learn of.
  func isAhead(of catalog: DefinitionCatalog) -> Bool { rows.values.contains { $0.definition > catalog.newest } }

  /// One that is not known here is of a version that is yet to be learnt of, or that this program cannot read.
  private func isKnown(_ row: ScheduleRow, _ catalog: DefinitionCatalog) -> Bool { catalog[row.definition] != nil }

  /// By another version than the highest number: of those deployed, some may be retired.
  private func isSuperseded(_ row: ScheduleRow, by entry: DefinitionCatalog.Entry?, _ catalog: DefinitionCatalog)
    -> Bool
  {
    row.definition != entry?.number && isKnown(row, catalog)
  }

  /// A row without a time is the mark of an instance after whose end the next one starts: it stays until that has ended,
  /// or a version restored meanwhile would start a second chain.
  private func isAwaitingEnd(_ row: ScheduleRow) -> Bool { row.nextAt == nil }

  private func changes(_ catalog: DefinitionCatalog, _ now: Timestamp) -> [TurnWork] {
    // Those of which no version is left that a schedule starts.
    var work: [TurnWork] = rows.values.sorted { $0.workflow < $1.workflow }.filter { row in
      let latest = catalog.latest(of: row.workflow)
      return latest?.definition.schedule?.isTimed != true && !isAwaitingEnd(row)
        && isSuperseded(row, by: latest, catalog)
    }.map { .unschedule($0.workflow) }
    for entry in catalog.latest
    where ShardHome.of(entry.workflow, shards: shards) == shard || !Safeguard.holds(.scheduleAtHome) {
      guard let schedule = entry.definition.schedule, schedule.isTimed else { continue }
      if let row = rows[entry.workflow], !isSuperseded(row, by: entry, catalog) { continue }
      // While an instance runs after whose end the next one starts, another version changes nothing about that.
      let isHeld = schedule.after != nil && rows[entry.workflow].map(isAwaitingEnd) == true
      let next = isHeld ? Optional.none : schedule.first(now: now)
      work.append(.schedule(ScheduleRow(workflow: entry.workflow, definition: entry.number, nextAt: next)))
    }
    return work
  }

  mutating func committed(_ batch: ShardBatch) {
    for row in batch.schedules { rows[row.workflow] = row }
    for workflow in batch.unscheduled { rows[workflow] = nil }
  }
}
