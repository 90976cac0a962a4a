import Engine
import Kafka
import Mediator
import Values
import Wire

/// What must hold at the end, whatever happened on the way.
extension SimulatedEvents {
  static func problems(of simulation: Simulation<Self>) -> [String] {
    let tables = simulation.database.read { $0 }
    return simulation.commonProblems(tables) + simulation.brokenStarts(tables) + simulation.brokenLetters(tables)
      + simulation.brokenJournals(tables)
  }
}

extension Simulation where Story == SimulatedEvents {
  /// Every accepted event leads to one instance of each workflow that wants it, and each ends as it should.
  fileprivate func brokenStarts(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    let byEvent = Dictionary(grouping: tables.instances.values, by: \.eventID)
    for (event, fate) in events.accepted {
      let instances = (byEvent[event] ?? []).sorted { $0.definition < $1.definition }
      guard let ending = fate.ending else {
        if !instances.isEmpty { problems.append("\(event) cannot be stored and has \(instances.count) instances") }
        continue
      }
      let started = instances.map(\.definition)
      guard started == [Story.calls, Story.audit] || started == [Story.calls] && tables.unaudited.contains(event) else {
        problems.append("\(event) has instances of the definitions \(started)")
        continue
      }
      let calls = instances[0].state
      if (calls.status, calls.error?.status) != (ending.status, ending.error), !tables.hasStarved(calls) {
        problems.append("\(event) (\(fate)) is \(calls.status), error \(calls.error?.status ?? 0)")
      }
      if let audit = instances.last?.state, audit.status != .completed, instances.count > 1 {
        problems.append("the audit of \(event) is \(audit.status)")
      }
    }
    let lettered = Set(tables.deadLetters.values.joined().compactMap { $0.record.headers.text("ce_id") })
    for (event, isSure) in events.late {
      let instances = byEvent[event] ?? []
      if instances.count + (lettered.contains(event) ? 1 : 0) != 1 || isSure && instances.isEmpty {
        problems.append("\(event) came early or late and has \(instances.count) instances")
      }
      if instances.contains(where: { $0.state.status != .completed }) { problems.append("\(event) is not completed") }
    }
    let strangers = Set(byEvent.keys).subtracting(events.accepted.keys).subtracting(events.late.keys)
    return problems + strangers.map { "an instance of the unknown event \($0)" }
  }

  /// One dead letter for each record that deserves one, in the store and on the topic.
  fileprivate func brokenLetters(_ tables: SimulatedDatabase.Tables) -> [String] {
    func place(_ record: KafkaRecord) -> String { "\(record.topicPartition)@\(record.offset)" }
    let all = tables.deadLetters.values.joined()
    let letters = all.filter { $0.reason != "uncaughtFault" }.map(\.record)
    let places = letters.map(place)
    var problems: [String] = []
    if Set(places).count != places.count { problems.append("a record is a dead letter twice") }
    let queue = kafka.records(of: Topics.queue)
    let expected = Set(queue.filter { Redrive($0.headers) == nil && isDead($0, places) }.map(place))
    let fromQueue = Set(letters.filter { $0.topic == Topics.queue }.map(place))
    if fromQueue != expected { problems.append("dead letters: \(fromQueue.symmetricDifference(expected).sorted())") }
    // Each record that was sent again came back once, to the letter that it was.
    let again = queue.filter { Redrive($0.headers) != nil }.map(place).sorted()
    let returned = tables.returned.values.joined().map { place($0.record) }.sorted()
    if again != returned { problems.append("\(again.count) sent again, \(returned.count) came back") }
    return problems + brokenPublications(tables) + brokenFaults(tables)
  }

  /// Each letter is on the topic, or is known not to be.
  fileprivate func brokenPublications(_ tables: SimulatedDatabase.Tables) -> [String] {
    tables.deadLetters.flatMap { shard, letters in
      letters.map { $0.id(in: shard) }.filter { id in
        !kafka.hasArrived(letter: id) && tables.unpublishedLetters[id] == nil
      }
    }.map { "the dead letter \($0) is not on its topic, and nobody knows" }
  }

  /// Of each instance that a call has brought down, the last processing event of that call.
  fileprivate func brokenFaults(_ tables: SimulatedDatabase.Tables) -> [String] {
    let letters = tables.deadLetters.values.joined().filter { $0.reason == "uncaughtFault" }
    let faulted = tables.instances.values.filter { $0.state.status == .faulted }.map(\.id.text).sorted()
    let told = letters.compactMap { $0.instance?.text }.sorted()
    return told == faulted ? [] : ["\(faulted.count) instances are faulted, \(told.count) dead letters tell of it"]
  }

  fileprivate func isDead(_ record: KafkaRecord, _ places: [String]) -> Bool {
    guard let id = record.headers.text("ce_id") else { return true }
    if events.late[id] != nil { return places.contains("\(record.topicPartition)@\(record.offset)") }
    return events.accepted[id] == .unstorable
  }

  /// Each instance's journal starts once, ends once, and has nothing that nobody said.
  fileprivate func brokenJournals(_ tables: SimulatedDatabase.Tables) -> [String] {
    var entries: [UUIDValue: [JournalEntry]] = [:]
    for rows in tables.journal.values { for row in rows { entries[row.instance, default: []] += row.entries } }
    let failures = inbox.failures
    var problems: [String] = []
    for (id, entries) in entries {
      let starts = entries.count { $0 == .workflowStarted }
      let ends = entries.count(where: \.isEnd)
      if starts != 1 || ends != 1 || entries.last?.isEnd != true {
        problems.append("the journal of \(id.text) starts \(starts) times and ends \(ends) times")
      }
      for entry in entries {
        switch entry {
        case .taskCompleted(_, _, let output) where output["is"]?.string == "forged":
          problems.append("\(id.text) took a forged reply")
        case .attemptFailed(let activity, _, let attempt, _, _)
        where !failures.contains("\(id.text).\(activity).\(attempt)"):
          problems.append("attempt \(attempt) of \(id.text).\(activity) did not fail")
        default: break
        }
      }
    }
    return problems
  }

}

extension JournalEntry {
  var isEnd: Bool {
    switch self {
    case .workflowCompleted, .workflowFaulted, .workflowCancelled: true
    default: false
    }
  }
}
