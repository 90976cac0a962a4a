import Engine
import Kafka
import Mediator
import Values
import Wire

/// What must hold at the end of the second scenario.
extension Conversations {
  static func problems(of simulation: Simulation<Self>) -> [String] {
    let tables = simulation.database.read { $0 }
    let ending = Ending(story: simulation.events, tables: tables, kafka: simulation.kafka)
    return simulation.commonProblems(tables) + ending.brokenTalks() + ending.brokenTakers() + ending.brokenLetters()
      + ending.brokenRelations() + ending.brokenOrder() + ending.brokenSagas() + ending.leftovers()
      + ending.brokenLifecycle() + brokenSchedules(simulation, tables)
      + ending.refusedMigrations()
  }

  /// The world once nothing moves any more.
  struct Ending {
    let story: Conversations
    let tables: SimulatedDatabase.Tables
    let kafka: SimulatedKafka
    let instances: [String: [StoredInstance]]
    let rows: [UUIDValue: [(sequence: Int64, entries: [JournalEntry])]]

    init(story: Conversations, tables: SimulatedDatabase.Tables, kafka: SimulatedKafka) {
      self.story = story
      self.tables = tables
      self.kafka = kafka
      instances = Dictionary(grouping: tables.instances.values) { Ending.name(of: $0.definition) }
      var rows: [UUIDValue: [(sequence: Int64, entries: [JournalEntry])]] = [:]
      for row in tables.journal.values.joined() { rows[row.instance, default: []].append((row.sequence, row.entries)) }
      self.rows = rows
    }

    static func name(of definition: Int32) -> String {
      let names = ConversationWorkflows.names + ConversationWorkflows.lateNames
      return names[Int(definition) - 1]
    }

    func entries(_ id: UUIDValue) -> [JournalEntry] { (rows[id] ?? []).flatMap(\.entries) }
  }
}

extension Conversations.Ending {
  // MARK: Conversations

  /// Each ends once and as it should.
  func brokenTalks() -> [String] {
    var problems: [String] = []
    var expected: [String: Int] = [:]
    let lettered = Set(tables.deadLetters.values.joined().compactMap { $0.record.headers.text("ce_id") })
    for talk in story.talks where talk.kind != .leftover {
      let mine = (instances[talk.kind.rawValue] ?? []).filter { isOf(talk, $0) }
      if talk.kind == .late, !talk.isDeployed, mine.isEmpty, lettered.contains(talk.start) { continue }
      expected[talk.kind.rawValue, default: 0] += 1
      guard let instance = mine.first, mine.count == 1 else {
        problems.append("\(talk.start) has \(mine.count) instances")
        continue
      }
      let state = instance.state
      if !talk.mayEnd(state.status, state.error?.status, state.output), !tables.hasStarved(state) {
        problems.append(
          "\(talk.start) (\(talk.fate)) is \(state.status), error \(state.error?.json.text ?? "none"), "
            + "output \(state.output?.text ?? "none")")
      }
    }
    for (name, instances) in instances where Conversations.Kind(rawValue: name) != nil {
      if instances.count != expected[name, default: 0] {
        problems.append("\(instances.count) instances of \(name), \(expected[name, default: 0]) expected")
      }
    }
    let askers = story.talks.count { $0.kind == .asker }
    let answerers = (instances["answerer"] ?? []).count { $0.state.status == .completed }
    if answerers != askers { problems.append("\(askers) questions, \(answerers) answers") }
    for (id, _) in rows {
      let entries = entries(id)
      if entries.count(where: { $0 == .workflowStarted }) > 1 || entries.count(where: \.isEnd) != 1 {
        problems.append("the journal of \(id.text) starts or ends twice, or never ends")
      }
    }
    return problems
  }

  private func isOf(_ talk: Conversations.Talk, _ instance: StoredInstance) -> Bool {
    if talk.kind == .pair { return instance.state.input[0]?["data"]?["n"]?.number?.int == talk.n }
    return instance.eventID == talk.start
  }

  /// An event that is meant for one instance is taken by that one alone.
  func brokenTakers() -> [String] {
    var problems: [String] = []
    for (event, takers) in tables.events.takers where takers.count != 1 {
      problems.append("the event \(event) was taken \(takers.count) times")
    }
    for talk in story.talks {
      for event in talk.awaited where tables.events.takers[event] == nil {
        problems.append("the event \(event) was taken by nobody")
      }
    }
    return problems
  }

  /// What nobody wanted in its time is told of once; nothing else is.
  func brokenLetters() -> [String] {
    var problems: [String] = []
    let letters = tables.deadLetters.values.joined()
    let expired = letters.filter { $0.reason == "expired" }.map { $0.record.headers.text("ce_id") ?? "" }
    let leftover = story.talks.filter { $0.kind == .leftover }.map(\.start)
    // An item that came before the one it would have followed had ended … cannot be: they are one lane.
    if expired.sorted() != leftover.sorted() { problems.append("expired: \(expired), to expire: \(leftover)") }
    for letter in letters {
      let id = letter.record.headers.text("ce_id") ?? ""
      let isLate = letter.reason == "unknownType" && story.talks.contains { $0.start == id && !$0.isDeployed }
      let isReply = letter.reason == "unstorable" && letter.record.topic == Topics.replies
      let isFault =
        letter.reason == "uncaughtFault"
        && letter.instance.flatMap { tables.instances[$0] }?.state.status == .faulted
      if letter.reason != "expired" && !isLate && !isReply && !isFault {
        problems.append("dead letter \(letter.reason): \(id) \(letter.detail)")
      }
    }
    return problems
  }

  // MARK: Parents and children

  func brokenRelations() -> [String] {
    var problems: [String] = []
    for (parent, _) in rows {
      let journal = entries(parent)
      for entry in journal {
        guard case .childStarted(let start) = entry else { continue }
        if start.name == Self.nobody {
          problems += notStarted(start, journal)
          continue
        }
        guard let child = tables.instances[start.id], child.parent == parent, child.state.status.isTerminal else {
          problems.append("the child \(start.id.text) of \(start.reference) was not started, or has not ended")
          continue
        }
        if start.isAwaited { problems += disagreements(start, child, journal, parent) }
      }
    }
    let started = rows.values.joined().flatMap(\.entries).count {
      if case .childStarted(let start) = $0 { start.name != Self.nobody } else { false }
    }
    if started != (instances["child"] ?? []).count { problems.append("\(started) children started, not as many there") }
    return problems
  }

  /// Is never deployed.
  private static let nobody = "nobody"

  /// That it could not be started is told, though nobody waits for its end.
  private func notStarted(_ start: ChildStart, _ journal: [JournalEntry]) -> [String] {
    let faults = journal.count {
      if case .taskFaulted(start.activity, _, let problem) = $0 { problem.status == 400 } else { false }
    }
    return faults == 1 && tables.instances[start.id] == nil ? [] : ["\(start.reference) faulted \(faults) times"]
  }

  private func disagreements(
    _ start: ChildStart, _ child: StoredInstance, _ journal: [JournalEntry], _ parent: UUIDValue
  ) -> [String] {
    let isGivenUp = journal.contains(.childCancelled(child.id))
    for entry in journal {
      switch entry {
      case .taskCompleted(start.activity, _, let output):
        return child.state.status == .completed && child.state.output == output
          ? [] : ["\(start.reference) completed, its child is \(child.state.status)"]
      case .taskFaulted(start.activity, _, _) where !isGivenUp:
        return child.state.status == .faulted ? [] : ["\(start.reference) faulted, its child is \(child.state.status)"]
      case .taskFaulted(start.activity, _, _), .taskCancelled(start.activity, _):
        return child.state.status == .cancelled || end(of: child.id) < cancellation(of: child.id, by: parent)
          ? [] : ["\(start.reference) was given up, its child is \(child.state.status)"]
      default: continue
      }
    }
    return ["\(start.reference) has not ended"]
  }

  private func end(of id: UUIDValue) -> Int64 {
    rows[id]?.last { $0.entries.contains(where: \.isEnd) }?.sequence ?? .max
  }

  private func cancellation(of child: UUIDValue, by parent: UUIDValue) -> Int64 {
    rows[parent]?.first { $0.entries.contains(.childCancelled(child)) }?.sequence ?? .max
  }

  // MARK: Order

  /// Instances with one key ran in the order in which their events came.
  func brokenOrder() -> [String] {
    var problems: [String] = []
    let byKey = Dictionary(grouping: instances["ordered"] ?? []) { $0.order?.key ?? "" }
    for (key, instances) in byKey {
      let events = instances.sorted { ($0.order?.place ?? 0) < ($1.order?.place ?? 0) }.map(\.eventID)
      let wanted = story.written.filter { Set(events).contains($0) }
      if events != wanted { problems.append("order of \(key): \(events) instead of \(wanted)") }
      let places = instances.compactMap(\.order?.place).sorted()
      if tables.ran[key] != places { problems.append("\(key) ran in the order \(tables.ran[key] ?? [])") }
    }
    return problems
  }

  // MARK: Compensation

  /// What was completed is undone once, the last first; and nothing when all went well.
  func brokenSagas() -> [String] {
    var problems: [String] = []
    for instance in instances["saga"] ?? [] {
      var completed: [String] = []
      var undone: [String] = []
      for entry in entries(instance.id) {
        switch entry {
        case .taskCompleted(_, let reference, _) where Self.undoable.contains(path(reference)):
          completed.append(path(reference))
        case .compensating(let reference): undone.append(path(reference))
        default: continue
        }
      }
      let wanted = instance.state.status == .completed ? [] : Array(completed.reversed())
      if completed.count != 4 || undone != wanted { problems.append("done \(completed), undone \(undone)") }
      if instance.state.error?.extensions["compensation"] != nil { problems.append("a compensation failed") }
    }
    return problems
  }

  private static let undoable: Set = [
    "reserve/for/do/0/take", "reserve/do/0/take", "both/fork/branches/0/book", "both/fork/branches/1/charge",
  ]

  /// Without the place among the workflow's own tasks, which is another one in another version.
  private func path(_ reference: String) -> String {
    reference.split(separator: "/").dropFirst(2).joined(separator: "/")
  }

  // MARK: What is left

  func leftovers() -> [String] {
    var problems: [String] = []
    let open = tables.instances.values.filter { !$0.state.status.isTerminal }
    for instance in open { problems.append("\(Self.name(of: instance.definition)) \(instance.eventID) is open") }
    if !tables.events.waits.isEmpty { problems.append("\(tables.events.waits.count) waits are left") }
    if !tables.events.inbox.isEmpty { problems.append("\(tables.events.inbox.count) items are left in the inbox") }
    if !tables.events.events.isEmpty { problems.append("\(tables.events.events.count) events are left") }
    if !tables.events.collected.isEmpty { problems.append("\(tables.events.collected.count) events are collected") }
    return problems
  }

  /// Every lifecycle event arrived.
  func brokenLifecycle() -> [String] {
    var problems: [String] = []
    for row in tables.journal.values.joined() {
      for (place, entry) in row.entries.enumerated() {
        switch entry {
        case .workflowStarted, .workflowCompleted, .workflowFaulted, .workflowCancelled, .taskStarted, .taskCompleted,
          .taskFaulted, .taskCancelled:
          let id = "\(row.instance.text).\(row.sequence).\(place).0"
          if !kafka.hasArrived(id) { problems.append("the lifecycle event \(id) never arrived") }
        default: continue
        }
      }
    }
    return problems
  }
}

extension Conversations.Talk {
  /// Whether this is how its instance ends.
  func mayEnd(_ status: InstanceStatus, _ error: Int?, _ output: JSON?) -> Bool {
    let number = JSON.number(JSONNumber(n))
    let isGood = status == .completed && error == nil
    switch kind {
    case .asker: return isGood && output == [["n": number, "said": "yes"]]
    case .noted: return isGood && output == ["heard": [.object(data)]]
    case .gather: return isGood && output == [.object(data), .object(data)]
    case .stream: return isGood && output == .array((0..<items).map { ["i": .number(JSONNumber($0))] })
    case .parent:
      // Its own timeout may be faster.
      let right = output?[1]
      let expected: JSON = failure.map { ["status": .number(JSONNumber($0))] } ?? ["n": number]
      return isGood && output?[0] == ["n": number] && (right == expected || right == ["status": 408])
    case .race:
      // The second never ends by itself; the third wins when the first does not end in time.
      if output == .object(data) { return isGood }
      if failure == nil { return isGood && output == ["n": number] }
      return failure != 408 && status == .faulted && error == failure
    case .ordered, .late:
      if fate == .fails { return isGood && output == ["gaveUp": true] }
      return failure == nil ? isGood : status == .faulted && error == failure
    case .saga: return failure == nil ? isGood : status == .faulted && error == failure
    case .pair: return isGood && output?[0]?["type"] == "pair.left" && output?[1]?["type"] == "pair.right"
    case .lately: return isGood && output?[0]?["mark"] == number
    case .leftover: return false
    }
  }

  private var failure: Int? {
    switch fate {
    case .fails: 422
    case .refused: 500
    case .silent, .unstorableReply: 408
    case .completes, .unstorable: nil
    }
  }

  /// The ids of the events that its instance listens to.
  var awaited: [String] {
    switch kind {
    case .noted: ["first-\(n)", "second-\(n)"]
    case .gather: ["a-\(n)", "b-\(n)"]
    case .lately: ["mark-\(n)"]
    case .stream: (0..<items).map { "item-\(n)-\($0)" } + ["end-\(n)"]
    default: []
    }
  }
}
