import Kafka
import Mediator
import Values
import Wire

/// The second scenario: instances that talk to each other. Each conversation has a number, which is in all its events.
struct Conversations: Scenario {
  static let tuning = Tuning(
    shards: 3, callTimeout: .seconds(600), leap: .seconds(45), waits: [.seconds(700), .seconds(700), .seconds(4000)],
    horizon: .seconds(200), stride: .seconds(20), eventRetention: .seconds(3600), processes: 2, lifecycle: .all,
    verbs: [.suspend, .resume, .migrate])

  enum Kind: String, CaseIterable {
    case asker, noted, gather, stream, parent, race, ordered, late, saga, pair
    /// Begins to wait after its deployment for an event of a type that others wait for.
    case lately
    /// An event that one listens to, and nobody with this number.
    case leftover
  }

  /// One conversation.
  struct Talk {
    let n: Int
    let kind: Kind
    let fate: Fate
    /// For those that keep an order.
    let key: String
    /// How many items a stream has.
    let items: Int
    /// Whether its workflow was deployed when it began.
    let isDeployed: Bool
    /// What all its events carry.
    let data: JSONObject

    /// The id of the event that starts it.
    var start: String { "\(kind.rawValue)-\(n)" }
  }

  private(set) var talks: [Talk] = []
  /// Events to come: those of one lane in their order.
  private var pending: [(lane: String, record: OutgoingRecord)] = []
  /// Ids of events in the order in which they were written for the first time.
  private(set) var written: [String] = []
  private var isDeployed = false

  var count: Int { talks.count }

  mutating func deployed() { isDeployed = true }

  mutating func produce(to kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {
    let kinds = Kind.allCases + [.ordered, .ordered, .asker]
    let fates: [Fate] = [.completes, .completes, .completes, .fails, .silent, .refused, .unstorableReply]
    let n = talks.count + 1
    let fate = fates[random.below(fates.count)]
    let key = "k\(random.below(2))"
    var kind = kinds[random.below(kinds.count)]
    // What comes before it is deployed, it need not hear.
    if kind == .lately, !isDeployed { kind = .late }
    let talk = Talk(
      n: n, kind: kind, fate: fate, key: key, items: random.below(4),
      isDeployed: isDeployed,
      data: [
        "n": .number(JSONNumber(n)), "fate": .string(fate.rawValue), "key": .string(key),
        "here": .string("p\(random.below(9))"), "there": .string("p\(random.below(9))"),
      ])
    talks.append(talk)
    begin(talk, &random)
    goOn(kafka, &random, at: now)
  }

  mutating func goOn(_ kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {
    guard !pending.isEmpty, random.chance(0.5) else { return }
    let lane = pending[random.below(pending.count)].lane
    if let place = pending.firstIndex(where: { $0.lane == lane }) {
      write(pending.remove(at: place).record, kafka, now)
    }
  }

  mutating func finish(_ kafka: SimulatedKafka, at now: Timestamp) {
    for (_, record) in pending { write(record, kafka, now) }
    pending = []
  }

  private mutating func write(_ record: OutgoingRecord, _ kafka: SimulatedKafka, _ now: Timestamp) {
    kafka.write(record, at: now)
    if let id = record.headers.text("ce_id"), !written.contains(id) { written.append(id) }
  }

  // MARK: Their events

  private mutating func begin(_ talk: Talk, _ random: inout SeededGenerator) {
    func add(_ type: String, _ id: String, _ more: JSONObject = [:], lane: String? = nil) {
      var data = talk.data
      for (name, value) in more { data[name] = value }
      let lane = lane ?? "p\(random.below(9))"
      pending.append(("\(type) \(lane)", Self.record(id, type: type, key: lane, .object(data))))
      // A repetition, often on another partition.
      guard random.chance(0.3) else { return }
      let other = talk.kind == .stream || talk.kind == .ordered ? lane : "p\(random.below(9))"
      pending.append(("\(type) \(other)", Self.record(id, type: type, key: other, .object(data))))
    }
    switch talk.kind {
    case .asker, .parent, .race, .saga: add("\(talk.kind).start", talk.start)
    // Records with one key come from one partition, in the order in which they were written.
    case .ordered: add("ordered.start", talk.start, lane: "order-\(talk.key)")
    case .late: add("late.start", talk.start)
    case .lately:
      add("note.other", "mark-\(talk.n)", ["n": .number(JSONNumber(-talk.n)), "mark": .number(JSONNumber(talk.n))])
      add("lately.start", talk.start)
    case .noted:
      add("note.first", "first-\(talk.n)")
      add(random.chance(0.5) ? "note.second" : "note.other", "second-\(talk.n)")
      add("noted.start", talk.start)
    case .gather:
      add("gather.start", talk.start)
      add("part.a", "a-\(talk.n)")
      add("part.b", "b-\(talk.n)")
    case .stream:
      let lane = "stream-\(talk.n)"
      add("stream.start", talk.start)
      for i in 0..<talk.items { add("item", "item-\(talk.n)-\(i)", ["i": .number(JSONNumber(i))], lane: lane) }
      add("items.end", "end-\(talk.n)", lane: lane)
      // Items and their end are one lane.
      for index in pending.indices where pending[index].lane.hasSuffix(" \(lane)") { pending[index].lane = lane }
    case .pair:
      add("pair.left", "left-\(talk.n)")
      add("pair.right", "right-\(talk.n)")
    case .leftover: add("note.first", talk.start, ["n": .number(JSONNumber(-talk.n))])
    }
  }

  private static func record(_ id: String, type: String, key: String, _ data: JSON) -> OutgoingRecord {
    let headers = [
      ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "/world"), ("ce_type", type),
      ("content-type", "application/json"),
    ]
    return OutgoingRecord(
      topic: Topics.queue, key: Array(key.utf8), value: data.serialized(),
      headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
  }
}
