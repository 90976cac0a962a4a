import Engine
import Kafka
import Mediator
import Values

/// What must hold at every commit. What does not is noted at that moment.
extension SimulatedDatabase {
  func check(_ batch: ShardBatch, _ row: Shard, _ tables: inout Tables) {
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
      if known.state.status != .pending, instance.state.status == .pending {
        tables.violations.append("the instance \(instance.id.text) waits for its turn again")
      }
      let isEarlier = known.state.updatedAt > instance.state.updatedAt && kafka.faults.counts[.clockBack] == nil
      if known.state.nextActivity > instance.state.nextActivity || isEarlier {
        tables.violations.append("the instance \(instance.id.text) goes back in time")
      }
    }
    checkResults(batch, &tables)
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

  /// A call completes only when a processor has completed it.
  func checkResults(_ batch: ShardBatch, _ tables: inout Tables) {
    for row in batch.journal {
      let calls = tables.instances[row.instance]?.state.activities.filter {
        if case .requested = $0.phase { true } else { false }
      }
      for case .taskCompleted(let activity, let reference, _) in row.entries {
        guard calls?.contains(where: { $0.id == activity }) == true else { continue }
        if !processors.isCompleted("\(row.instance.text).\(activity)") {
          tables.violations.append("\(row.instance.text) \(reference) is completed, and no processor says so")
        }
      }
    }
  }

  /// Which instances with an order key begin to run in this batch.
  func noteRuns(_ batch: ShardBatch, _ tables: inout Tables) {
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
  func checkRelations(_ batch: ShardBatch, _ tables: inout Tables) {
    for instance in batch.started + batch.updated {
      let waits = tables.events.waits.filter { $0.instance == instance.id }.map(\.key).sorted()
      let expected = expectedWaits(instance).map(\.key).sorted()
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
  func advanceMark(_ shard: Int32, to mark: Int64, _ tables: inout Tables) {
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
      for event in row.emitted where !kafka.hasArrived(event: event) {
        tables.violations.append("the mark \(mark) covers the event \(event), which is not published")
      }
    }
  }
}
