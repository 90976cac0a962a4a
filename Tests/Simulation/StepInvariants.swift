import Engine
import Kafka
import Mediator
import Values

/// What must hold after every step of the simulation, compared with what was there before it. What must hold within one
/// transaction is checked where it is written (`DatabaseChecks`, `SimulatedInbox`, `GroupOffsets`).
struct StepInvariants {
  private var shards: [Int32: SimulatedDatabase.Shard] = [:]
  private var positions: [TopicPartition: Int64] = [:]
  private var ended: [UUIDValue: InstanceStatus] = [:]
  private var rows: [Int32: Int] = [:]
  private var letters = 0
  private(set) var violations: [String] = []

  mutating func check(_ database: SimulatedDatabase, _ kafka: SimulatedKafka) {
    // One of a kind says enough, and what is broken stays so.
    guard violations.isEmpty else { return }
    database.read { tables in
      checkShards(tables)
      checkPositions(tables, kafka)
      checkInstances(tables)
    }
  }

  private mutating func checkShards(_ tables: SimulatedDatabase.Tables) {
    for (shard, row) in tables.shards {
      let known = shards[shard] ?? SimulatedDatabase.Shard()
      if row.epoch < known.epoch || row.batch < known.batch || row.journalHead < known.journalHead
        || row.publishMark < known.publishMark
      {
        violations.append("shard \(shard) goes back from \(known) to \(row)")
      }
      if row.publishMark > row.journalHead {
        violations.append("the mark of shard \(shard) is \(row.publishMark), its journal ends at \(row.journalHead)")
      }
      let count = tables.journal[shard]?.count ?? 0
      if count < rows[shard] ?? 0 { violations.append("the journal of shard \(shard) loses rows") }
      rows[shard] = count
    }
    shards = tables.shards
    let count = tables.deadLetters.values.reduce(0) { $0 + $1.count }
    if count < letters { violations.append("dead letters are lost") }
    letters = count
  }

  private mutating func checkPositions(_ tables: SimulatedDatabase.Tables, _ kafka: SimulatedKafka) {
    for (partition, position) in tables.positions {
      let known = positions[partition] ?? 0
      if position.next < known {
        violations.append("the position of \(partition) goes back from \(known) to \(position.next)")
      }
      let end = kafka.end(of: partition)
      if position.next > end {
        violations.append("the position of \(partition) is \(position.next), its end \(end)")
      }
      positions[partition] = position.next
    }
  }

  /// An instance that has ended stays as it is, and none disappears.
  private mutating func checkInstances(_ tables: SimulatedDatabase.Tables) {
    for (id, status) in ended where tables.instances[id]?.state.status != status {
      ended[id] = nil
      if tables.instances[id] != nil, tables.operations.isReopened(id) { continue }
      violations.append("the instance \(id.text) had ended, and is another")
    }
    for instance in tables.instances.values where instance.state.status.isTerminal {
      ended[instance.id] = instance.state.status
    }
  }

  /// Once nothing moves any more, nothing that is due may be left: its owner would have to see it.
  mutating func checkNoticed(_ database: SimulatedDatabase, shards: Int, at now: Timestamp) {
    for shard in 0..<Int32(shards) {
      guard let id = database.due(shard, at: now + .seconds(-3), limit: 1).timers.first else { continue }
      violations.append("the instance \(id.text) is past its time, and nobody notices")
    }
  }
}
