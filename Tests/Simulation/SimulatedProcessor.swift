import Kafka
import Mediator
import Synchronization
import Values

/// A processor as the wire contract asks for one, written against headers only: inbox, effect and stored reply in one
/// transaction, then the reply, then the offset. It crashes between any of them.
struct SimulatedProcessor {
  private let kafka: SimulatedKafka
  private let channel: String
  private var committed: [Int]
  /// idempotency key → stored reply.
  private var inbox: [String: JSON] = [:]
  /// How often each task execution had its effect. More than once is what must never happen.
  private(set) var effects: [String: Int] = [:]
  /// The order of the effects of each key.
  private(set) var effectsByKey: [[UInt8]: [String]] = [:]

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
      if faulty, random.chance(0.1), attempt(of: record) < 4 {
        // A failure that may pass is not stored: the next attempt has to act.
        let problem: JSON = ["type": "about:blank", "status": 503, "title": "busy", "retryable": true]
        reply(to: record, type: "task.failed", value: problem, &random, now, faulty)
      } else {
        reply(to: record, type: "task.completed", value: act(on: record), &random, now, faulty)
      }
      // Dies after the reply and before the offset: the record comes again.
      if crash == 1 { return }
      committed[partition] = Int(record.offset) + 1
    }
  }

  private mutating func act(on record: KafkaRecord) -> JSON {
    let key = header("ce_idempotencykey", record)
    if let stored = inbox[key] { return stored }
    effects[key, default: 0] += 1
    effectsByKey[record.key ?? [], default: []].append(key)
    let output: JSON = ["channel": .string(channel), "n": .number(JSONNumber(effects.count))]
    inbox[key] = output
    return output
  }

  private func reply(
    to record: KafkaRecord, type: String, value: JSON, _ random: inout SeededGenerator, _ now: Timestamp, _ faulty: Bool
  ) {
    let topic = header("ce_replyto", record)
    var partition = Int32(header("ce_replypartition", record)) ?? 0
    // Now and then a reply lands on another partition, or twice.
    if faulty, random.chance(0.05) { partition = Int32(random.below(kafka.partitions(of: topic))) }
    let copies = faulty && random.chance(0.05) ? 2 : 1
    let headers = [
      ("ce_causationid", header("ce_id", record)), ("ce_correlationid", header("ce_correlationid", record)),
      ("ce_type", type),
    ]
    for _ in 0..<copies {
      kafka.write(
        OutgoingRecord(
          topic: topic, partition: partition, key: record.key, value: value.serialized(),
          headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) }), at: now)
    }
  }

  private func attempt(of record: KafkaRecord) -> Int { Int(header("ce_attempt", record)) ?? 0 }

  private func header(_ name: String, _ record: KafkaRecord) -> String {
    let value = record.headers.first { $0.name == name }?.value ?? []
    return String(decoding: value, as: UTF8.self)
  }
}
