import Kafka
import Values
import Wire

/// The records that producers put on the queue topic, and what should become of them.
struct SimulatedEvents: Scenario {
  static let tuning = Tuning(
    callTimeout: .seconds(100_000), waits: [.seconds(200_000)], retired: audit, verbs: [.suspend, .resume])

  /// The numbers of the definitions that the same events start.
  static let (calls, audit) = (Int32(1), Int32(2))

  /// Initial events by id that start the workflows deployed from the beginning.
  private(set) var accepted: [String: Fate] = [:]
  /// Initial events for the workflow that is deployed later: each a dead letter or an instance, and an instance when it
  /// came after the deployment.
  private(set) var late: [String: Bool] = [:]
  private var lateIsDeployed = false
  private(set) var count = 0

  mutating func deployed() { lateIsDeployed = true }

  mutating func produce(to kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {
    count += 1
    let id = "event-\(count)"
    let key = "machine-\(random.below(4))"
    switch random.below(20) {
    case 0:
      let value: [UInt8] = random.chance(0.5) ? Array("{not json".utf8) : [0xff, 0xfe]
      kafka.faults.count(.poison)
      kafka.write(OutgoingRecord(topic: Topics.queue, key: Array(key.utf8), value: value), at: now)
    case 1...2:
      late[id] = lateIsDeployed
      kafka.write(Self.record(id, type: "sim.late", key: key, fate: .completes), at: now)
    default:
      let fate = Fate.random(&random)
      accepted[id] = fate
      kafka.write(Self.record(id, type: "sim.event", key: key, fate: fate), at: now)
      // A duplicate may have another key, and so land on another shard.
      guard random.chance(0.4) else { return }
      kafka.faults.count(.duplicate)
      let other = random.chance(0.8) ? "elsewhere-\(random.below(5))" : key
      kafka.write(Self.record(id, type: "sim.event", key: other, fate: fate), at: now)
    }
  }

  /// Poison is sent again as it is, from what the topic says of it: it comes back.
  mutating func goOn(_ kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {
    guard random.chance(0.05) else { return }
    let letters = kafka.records(of: Topics.deadLetters).filter {
      $0.headers.text("dl_topic") == Topics.queue && $0.headers.text("ce_id") == nil
    }
    guard let letter = letters.randomElement(using: &random),
      let id = letter.headers.text("dl_id").flatMap({ DeadLetterID($0) }),
      let partition = letter.headers.text("dl_partition").flatMap({ Int32($0) }),
      let round = letter.headers.text("dl_attempts").flatMap({ Int($0) }), let offset = letter.headers.text("dl_offset")
    else { return }
    let redrive = Redrive(letter: id, round: round, origin: "\(Topics.queue)/\(partition)/\(offset)")
    let headers = letter.headers.filter { !$0.name.hasPrefix("dl_") }
    kafka.write(
      OutgoingRecord(
        topic: Topics.queue, partition: partition, key: letter.key, value: letter.value,
        headers: redrive.added(to: headers)), at: now)
  }

  private static func record(_ id: String, type: String, key: String, fate: Fate) -> OutgoingRecord {
    let headers = [
      ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "/simulation"), ("ce_type", type),
      ("content-type", "application/json"),
    ]
    let data: JSON = ["fate": .string(fate.rawValue)]
    return OutgoingRecord(
      topic: Topics.queue, key: Array(key.utf8), value: data.serialized(),
      headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
  }
}
