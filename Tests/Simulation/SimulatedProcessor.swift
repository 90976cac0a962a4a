import Kafka
import Mediator
import Values

/// A processor as the wire contract asks for one, written against headers only: inbox, effect and stored reply in one
/// transaction, then the reply, then the offset. It crashes between any of them.
struct SimulatedProcessor {
  private let kafka: SimulatedKafka
  private let channel: String
  private var committed: [Int]
  /// idempotency key → stored reply.
  private var inbox: [String: (type: String, value: JSON)?] = [:]
  /// How often each task execution had its effect. More than once is what must never happen.
  private(set) var effects: [String: Int] = [:]
  /// The requests whose attempt failed for a passing reason.
  private(set) var failures: Set<String> = []

  init(kafka: SimulatedKafka, channel: String) {
    self.kafka = kafka
    self.channel = channel
    committed = Array(repeating: 0, count: kafka.partitions(of: "mediator.channel.\(channel)"))
  }

  /// Handles some records of one partition.
  mutating func turn(_ random: inout SeededGenerator, at now: Timestamp, faulty: Bool) {
    let partition = random.below(committed.count)
    let source = TopicPartition(topic: "mediator.channel.\(channel)", partition: Int32(partition))
    for record in kafka.read(source, from: Int64(committed[partition]), max: 4) {
      let crash = faulty ? random.below(12) : -1
      if crash == 0 { return }
      handle(record, &random, now, faulty)
      // Dies after the reply and before the offset: the record comes again.
      if crash == 1 { return }
      committed[partition] = Int(record.offset) + 1
    }
  }

  private mutating func handle(
    _ record: KafkaRecord, _ random: inout SeededGenerator, _ now: Timestamp, _ faulty: Bool
  ) {
    let key = record.headers.text("ce_idempotencykey") ?? ""
    let attempt = record.headers.text("ce_attempt").flatMap(Int.init) ?? 0
    if faulty, inbox[key] == nil, random.chance(0.12), attempt < 4 {
      // A failure that may pass is not stored: the next attempt has to act.
      failures.insert(record.headers.text("ce_id") ?? "")
      let problem: JSON = ["type": "about:blank", "status": 503, "title": "busy", "retryable": true]
      return reply(to: record, type: "task.failed", value: problem, &random, now, faulty)
    }
    if faulty, random.chance(0.05) {
      reply(to: record, type: "task.progress", value: ["percent": 50], &random, now, faulty)
    }
    if let answer = act(key, record) {
      reply(to: record, type: answer.type, value: answer.value, &random, now, faulty)
    }
  }

  private mutating func act(_ key: String, _ record: KafkaRecord) -> (type: String, value: JSON)? {
    if let stored = inbox[key] { return stored }
    effects[key, default: 0] += 1
    let data = record.value.flatMap { try? JSON.parse($0) }
    let answer = answer(channel == "alerts" ? data?["fate"]?.string.flatMap(Fate.init) : nil)
    inbox[key] = .some(answer)
    return answer
  }

  private func answer(_ fate: Fate?) -> (type: String, value: JSON)? {
    switch fate {
    case .silent: nil
    case .unstorableReply: ("task.completed", ["is": "unstorable"])
    case .fails: ("task.failed", ["type": "about:blank", "status": 422, "title": "will never do"])
    default: ("task.completed", ["channel": .string(channel), "n": .number(JSONNumber(effects.count))])
    }
  }

  private func reply(
    to record: KafkaRecord, type: String, value: JSON, _ random: inout SeededGenerator, _ now: Timestamp, _ faulty: Bool
  ) {
    let topic = record.headers.text("ce_replyto") ?? ""
    var partition = record.headers.text("ce_replypartition").flatMap(Int32.init) ?? 0
    // Now and then a reply lands on another partition, or several times.
    if faulty, random.chance(0.08) { partition = Int32(random.below(kafka.partitions(of: topic))) }
    let copies = faulty && random.chance(0.08) ? 3 : 1
    for _ in 0..<copies {
      kafka.write(
        Self.reply(
          topic, partition, type: type, causation: record.headers.text("ce_id") ?? "",
          correlation: record.headers.text("ce_correlationid") ?? "", value), at: now)
    }
  }

  static func reply(
    _ topic: String, _ partition: Int32, type: String, causation: String, correlation: String, _ value: JSON
  ) -> OutgoingRecord {
    let headers = [("ce_causationid", causation), ("ce_correlationid", correlation), ("ce_type", type)]
    return OutgoingRecord(
      topic: topic, partition: partition, value: value.serialized(),
      headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
  }
}
