import Engine
import Kafka
import Mediator
import Values
import Wire

/// What must hold at the end of every scenario.
extension Simulation {
  func commonProblems(_ tables: SimulatedDatabase.Tables) -> [String] {
    tables.violations + kafka.violations + inbox.violations + watch.violations + brokenEffects(tables)
      + brokenOrder(tables) + unpublished(tables) + brokenCommands(tables) + brokenVersions(tables)
      + (isRestless ? ["it does not come to rest"] : [])
  }

  /// Every task execution had its effect once, and nothing else had any.
  func brokenEffects(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    let requests = tables.journal.values.joined().flatMap(\.requests)
    let ids = requests.map(\.id)
    if Set(ids).count != ids.count { problems.append("a processing event was asked for twice") }
    for request in requests where !kafka.hasArrived(request.id) && !kafka.isRefused(request) {
      problems.append("\(request.id) was never published")
    }
    let effects = inbox.effects
    for (key, count) in effects where count != 1 { problems.append("task execution \(key) had \(count) effects") }
    // One that was given up after attempts that failed, or that came too late, had none.
    let excused = inbox.failures.union(inbox.expired)
    let executions = Set(
      requests.filter { !kafka.isRefused($0) && !(excused.contains($0.id) && effects[$0.idempotencyKey] == nil) }
        .map(\.idempotencyKey))
    if Set(effects.keys) != executions {
      problems.append("\(executions.count) task executions, \(effects.count) effects")
    }
    return problems
  }

  /// What has the same key and shard arrives on a channel in the order in which the journal has it; repeats do not count.
  func brokenOrder(_ tables: SimulatedDatabase.Tables) -> [String] {
    var places: [String: (shard: Int32, sequence: Int64)] = [:]
    for (shard, rows) in tables.journal {
      for row in rows { for request in row.requests { places[request.id] = (shard, row.sequence) } }
    }
    var problems: [String] = []
    for topic in kafka.channelTopics {
      var seen: Set<String> = []
      var last: [Lane: Int64] = [:]
      for record in kafka.records(of: topic) {
        guard let id = record.headers.text("ce_id"), seen.insert(id).inserted, let place = places[id] else { continue }
        let lane = Lane(key: record.key, shard: place.shard)
        if let before = last[lane], before > place.sequence { problems.append("\(id) came too late on \(topic)") }
        last[lane] = place.sequence
      }
    }
    return problems
  }

  /// In the end the marks have caught up.
  func unpublished(_ tables: SimulatedDatabase.Tables) -> [String] {
    tables.shards.compactMap { shard, row in
      row.publishMark == row.journalHead
        ? nil : "the mark of shard \(shard) stays at \(row.publishMark) of \(row.journalHead)"
    }
  }
}

/// What keeps its order: the records with one key from one shard.
private struct Lane: Hashable {
  let key: [UInt8]?
  let shard: Int32
}
