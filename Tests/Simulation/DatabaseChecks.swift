import Engine
import Kafka
import Mediator
import Values
import Wire

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
      if known.state.status.isTerminal, !batch.audit.contains(where: { $0.command.instance == instance.id }) {
        tables.violations.append("change of the ended instance \(instance.id.text)")
      }
      if !known.state.isPending, instance.state.isPending {
        tables.violations.append("the instance \(instance.id.text) waits for its turn again")
      }
      let isEarlier = known.state.updatedAt > instance.state.updatedAt && kafka.faults.counts[.clockBack] == nil
      if known.state.nextActivity > instance.state.nextActivity || isEarlier {
        tables.violations.append("the instance \(instance.id.text) goes back in time")
      }
    }
    checkRetired(batch, &tables)
    checkResults(batch, &tables)
    checkSuspended(batch, &tables)
    checkMigrations(batch, &tables)
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

  /// Nothing starts a version from the transaction on in which it was retired.
  func checkRetired(_ batch: ShardBatch, _ tables: inout Tables) {
    let retired = deployments.catalog.retired
    guard !retired.isEmpty else { return }
    for instance in batch.started where instance.parent == nil && retired.contains(instance.definition) {
      tables.violations.append("\(instance.id.text) starts the version \(instance.definition), which is retired")
    }
    if retired.contains(SimulatedEvents.audit) {
      tables.unaudited.formUnion(batch.started.map(\.eventID))
    }
  }

  /// Of a suspended instance nothing is started or sent, and only an operator lets it go on. Or its parent ends it.
  func checkSuspended(_ batch: ShardBatch, _ tables: inout Tables) {
    for instance in batch.updated where instance.parent == nil {
      guard tables.instances[instance.id]?.state.status == .suspended,
        !batch.audit.contains(where: { $0.command.instance == instance.id })
      else { continue }
      let rows = batch.journal.filter { $0.instance == instance.id }
      let isHeld = instance.state.status == .suspended || instance.state.status.isTerminal
      if !isHeld || rows.contains(where: { $0.publications > 0 }) {
        tables.violations.append("the suspended instance \(instance.id.text) goes on")
      }
    }
  }

  /// A call completes only when a processor has completed it, or an operator.
  func checkResults(_ batch: ShardBatch, _ tables: inout Tables) {
    let skipped = Set(batch.audit.filter { Verb(rawValue: $0.command.verb) == .skip }.map(\.command.instance))
    for row in batch.journal where !skipped.contains(row.instance) {
      // What is skipped during a suspension is completed when that ends.
      if tables.instances[row.instance]?.state.status == .suspended, tables.operations.isSkipped(row.instance) {
        continue
      }
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
      guard let order = instance.order, !instance.state.isPending else { continue }
      guard tables.instances[instance.id]?.state.isPending ?? true else { continue }
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
      let expected = deployments.waits(of: instance).map(\.key).sorted()
      if waits != expected {
        tables.violations.append("\(instance.id.text) waits for \(waits) instead of \(expected)")
      }
    }
    for key in Set((batch.started + batch.updated).compactMap(\.order?.key)) {
      let running = tables.instances.values.count {
        $0.order?.key == key && !$0.state.status.isTerminal && !$0.state.isPending
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
        let isSettled = kafka.isRefused(request) && !open.contains { $0.id == request.activity && !$0.isAnswered }
        if !isSettled { tables.violations.append("the mark \(mark) covers \(request.id), which is not published") }
      }
      for event in row.emitted where !kafka.hasArrived(event: event) {
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

extension Activity {
  /// Whether it knows how its call has ended, and rests until its instance is resumed.
  fileprivate var isAnswered: Bool { if case .requested(let call) = phase { call.isAnswered } else { false } }
}
