import Engine
import Generator
import Kafka
import Mediator
import Values
import Wire
import Workflow

/// The third scenario: workflows that nobody has written. What each of them does is the model tests' affair; here they
/// have to begin once, have their effects once and end once, whatever goes wrong. Calls have little time, so that
/// deadlines pass.
struct RandomWorkflows: Scenario {
  static let tuning = Tuning(
    shards: 3, callTimeout: .seconds(20), leap: .seconds(9), waits: [.seconds(100), .seconds(400), .seconds(900)],
    eventRetention: .seconds(20), processes: 2, verbs: Verb.allCases + [.migrate, .migrate])

  /// What processors answer there is as random as the workflows are.
  static let channels: Set<String> = ["oracle", "store", "http"]

  /// The types of the events that start the workflows; the last one's workflow is deployed late.
  let types: [String]
  /// The ids of the events that were to start an instance, and whether their workflow was there from the beginning.
  private(set) var starts: [String: Bool] = [:]
  private(set) var count = 0

  init(types: [String]) { self.types = types }

  mutating func deployed() {}

  mutating func produce(to kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {
    count += 1
    let place = random.below(types.count)
    let id = "start-\(count)"
    starts[id] = place < types.count - 1
    write(id, type: types[place], kafka, &random, now)
    if random.chance(0.3) {
      kafka.faults.count(.duplicate)
      write(id, type: types[place], kafka, &random, now)
    }
    // Something to listen to.
    for place in 0..<random.below(3) {
      write("news-\(count)-\(place)", type: ["red", "green", "blue"][random.below(3)], kafka, &random, now)
    }
  }

  private func write(
    _ id: String, type: String, _ kafka: SimulatedKafka, _ random: inout SeededGenerator, _ now: Timestamp
  ) {
    // The same id means the same data.
    var dice = Dice(seed: id.utf8.reduce(UInt64(5)) { $0 &* 31 &+ UInt64($1) })
    let data: JSON = [
      "n": .number(JSONNumber(dice.roll(6))), "ok": .bool(dice.chance(50)), "s": dice.pick(["a", "b"]),
      "list": .array((0..<dice.roll(4)).map { _ in .number(JSONNumber(dice.roll(5))) }),
    ]
    let event = CloudEvent(id: id, source: "/world", type: type, subject: dice.pick(["a", "b"]), data: data)
    kafka.write(
      CloudEventCodec.encode(event, topic: Topics.queue, key: Array("p\(random.below(9))".utf8)), at: now)
  }

  // MARK: What must hold at the end

  static func problems(of simulation: Simulation<Self>) -> [String] {
    let tables = simulation.database.read { $0 }
    return simulation.commonProblems(tables) + simulation.events.brokenStarts(tables)
      + simulation.events.brokenEnds(tables) + simulation.events.leftovers(tables)
  }

  private func brokenStarts(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    // Those that an operator has started from an event again do not count.
    let replayed = Set(tables.operations.audit.keys.map { OperatorCommand.replayID($0) })
    let first = tables.instances.values.filter { $0.parent == nil && !replayed.contains($0.id) }
    let byEvent = Dictionary(grouping: first, by: \.eventID)
    let lettered = Set(tables.deadLetters.values.joined().compactMap { $0.record.headers.text("ce_id") })
    for (id, isSure) in starts {
      let instances = byEvent[id]?.count ?? 0
      // One for a workflow that comes late may be known as something that others listen to.
      if instances > 1 || isSure && (instances != 1 || lettered.contains(id)) {
        problems.append("\(id) has \(instances) instances\(lettered.contains(id) ? " and a dead letter" : "")")
      }
    }
    return problems
  }

  /// Everything has a time limit, but for an undoing that listens.
  private func brokenEnds(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    var entries: [UUIDValue: [JournalEntry]] = [:]
    for (_, rows) in tables.journal { for row in rows { entries[row.instance, default: []] += row.entries } }
    for instance in tables.instances.values {
      let journal = entries[instance.id] ?? []
      if !journal.isConsistent(hasEnded: instance.state.status.isTerminal) {
        problems.append("the journal of \(instance.id.text) does not begin once and end once")
      }
      if !instance.state.status.isTerminal, instance.state.wakeAt != nil || instance.state.status != .waiting {
        problems.append("\(instance.eventID) is \(instance.state.status)")
      }
      for case .childStarted(let start) in journal where start.isAwaited || instance.state.status.isTerminal {
        if tables.instances[start.id] == nil, start.name != "missing", !hasFaulted(start, journal) {
          problems.append("the child \(start.name) of \(instance.eventID) was not started")
        }
      }
    }
    return problems
  }

  private func hasFaulted(_ start: ChildStart, _ journal: [JournalEntry]) -> Bool {
    journal.contains {
      switch $0 {
      case .taskFaulted(start.activity, _, _): true
      default: false
      }
    }
  }

  private func leftovers(_ tables: SimulatedDatabase.Tables) -> [String] {
    let open = Set(tables.instances.values.filter { !$0.state.status.isTerminal }.map(\.id))
    var problems: [String] = []
    if tables.events.waits.contains(where: { !open.contains($0.instance) }) {
      problems.append("an ended instance still waits")
    }
    if !tables.events.inbox.isEmpty { problems.append("\(tables.events.inbox.count) items are left in the inbox") }
    if !tables.events.events.isEmpty { problems.append("\(tables.events.events.count) events are left") }
    return problems
  }
}
