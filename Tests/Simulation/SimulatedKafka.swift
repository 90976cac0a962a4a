import Engine
import Kafka
import Mediator
import Synchronization
import Values
import Wire

/// Topics as arrays in memory.
final class SimulatedKafka: Sendable {
  private struct State {
    var topics: [String: [[KafkaRecord]]] = [:]
    /// Handed to a producer and not yet written, per producer.
    var flying: [Int: [Flight]] = [:]
    /// By `ce_id`, what was written with it.
    var arrived: [String: OutgoingRecord] = [:]
    var arrivedLetters: Set<DeadLetterID> = []
    var violations: [String] = []
  }

  private struct Flight {
    let records: [OutgoingRecord]
    let completion: @Sendable ([PublishResult]) -> Void
  }

  private let state = Mutex(State())

  func createTopic(_ name: String, partitions: Int) {
    state.withLock { $0.topics[name] = Array(repeating: [], count: partitions) }
  }

  func write(_ record: OutgoingRecord, at now: Timestamp) {
    state.withLock { Self.write(record, now, &$0) }
  }

  private static func write(_ record: OutgoingRecord, _ now: Timestamp, _ state: inout State) {
    let count = state.topics[record.topic]?.count ?? 0
    guard count > 0 else { return state.violations.append("a record for the unknown topic \(record.topic)") }
    let hash = (record.key ?? []).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
    let partition = record.partition ?? Int32(hash % UInt64(count))
    let offset = Int64(state.topics[record.topic]?[Int(partition)].count ?? 0)
    state.topics[record.topic]?[Int(partition)].append(
      KafkaRecord(
        topic: record.topic, partition: partition, offset: offset, timestamp: now.microseconds / 1000,
        key: record.key, value: record.value, headers: record.headers))
    if record.topic == Topics.deadLetters, let id = record.headers.text("dl_id").flatMap({ DeadLetterID($0) }) {
      state.arrivedLetters.insert(id)
    }
    guard let id = record.headers.text("ce_id"), isOurs(record) else { return }
    if let first = state.arrived[id], first != record { state.violations.append("\(id) was published in two versions") }
    state.arrived[id] = record
  }

  /// Whether the mediator has written it: of what others write, there may be several versions.
  private static func isOurs(_ record: OutgoingRecord) -> Bool {
    record.topic.hasPrefix("mediator.channel.") || record.topic == Topics.lifecycle
      || record.topic == Topics.queue && record.headers.text("ce_correlationid") != nil
  }

  func read(_ partition: TopicPartition, from offset: Int64, max: Int) -> [KafkaRecord] {
    state.withLock { state in
      guard let records = state.topics[partition.topic]?[Int(partition.partition)], offset < records.count else {
        return []
      }
      return Array(records[Int(offset)...].prefix(max))
    }
  }

  func records(of topic: String) -> [KafkaRecord] { state.withLock { ($0.topics[topic] ?? []).flatMap { $0 } } }

  func partitions(of topic: String) -> Int { state.withLock { $0.topics[topic]?.count ?? 0 } }

  var channelTopics: [String] {
    state.withLock { $0.topics.keys.filter { $0.hasPrefix("mediator.channel.") }.sorted() }
  }

  func hasArrived(_ requestID: String) -> Bool { state.withLock { $0.arrived[requestID] != nil } }

  func hasArrived(letter: DeadLetterID) -> Bool { state.withLock { $0.arrivedLetters.contains(letter) } }

  var violations: [String] { state.withLock { $0.violations } }

  // MARK: Refusals

  /// The broker will never take this one.
  private static func refuses(_ record: OutgoingRecord) -> Bool {
    if record.topic == Topics.deadLetters { return record.value?.first == Fate.refusedLetter }
    guard record.topic == "mediator.channel.\(Fate.refusingChannel)", let value = record.value else { return false }
    return (try? JSON.parse(value))?["fate"]?.string == Fate.refused.rawValue
  }

  private static func refusal(of record: OutgoingRecord) -> PublishResult {
    record.topic == Topics.deadLetters ? .forbidden("no right") : .refused("too large")
  }

  func isRefused(_ request: Request) -> Bool {
    request.channel == Fate.refusingChannel && request.data["fate"]?.string == Fate.refused.rawValue
  }

  // MARK: Producers

  func send(
    _ records: [OutgoingRecord], producer: Int, completion: @escaping @Sendable ([PublishResult]) -> Void
  ) {
    state.withLock { $0.flying[producer, default: []].append(Flight(records: records, completion: completion)) }
  }

  /// Producers with something under way.
  var flyingProducers: [Int] { state.withLock { $0.flying.filter { !$0.value.isEmpty }.keys.sorted() } }

  /// Writes the oldest flight of one producer and tells it.
  func land(producer: Int, at now: Timestamp) {
    let flight = state.withLock { state -> Flight? in
      guard let flight = state.flying[producer]?.first else { return nil }
      state.flying[producer]?.removeFirst()
      for record in flight.records where !Self.refuses(record) { Self.write(record, now, &state) }
      return flight
    }
    guard let flight else { return }
    flight.completion(flight.records.map { Self.refuses($0) ? Self.refusal(of: $0) : .published })
  }

  /// The producer's identity is lost: a beginning of what is under way arrived, and all of it is told to have failed.
  func fail(producer: Int, arrived: Int, at now: Timestamp) {
    let flights = drop(producer: producer, arrived: arrived, at: now)
    for flight in flights { flight.completion(flight.records.map { _ in .failed("the producer's identity is lost") }) }
  }

  /// The producer's process is gone: a beginning of what is under way arrived, the rest never will.
  func crash(producer: Int, arrived: Int, at now: Timestamp) { _ = drop(producer: producer, arrived: arrived, at: now) }

  private func drop(producer: Int, arrived: Int, at now: Timestamp) -> [Flight] {
    state.withLock { state in
      let flights = state.flying.removeValue(forKey: producer) ?? []
      for record in flights.flatMap(\.records).prefix(arrived) where !Self.refuses(record) {
        Self.write(record, now, &state)
      }
      return flights
    }
  }

  func flyingRecords(of producer: Int) -> Int {
    state.withLock { ($0.flying[producer] ?? []).reduce(0) { $0 + $1.records.count } }
  }
}

extension [KafkaHeader] {
  func text(_ name: String) -> String? {
    first { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// One worker's source: its shard's partitions from the positions that the store gave it.
final class SimulatedSource: RecordSource {
  private struct State {
    var next: [TopicPartition: Int64]
    var generator: SeededGenerator
  }

  private let kafka: SimulatedKafka
  private let gate: Gate
  private let state: Mutex<State>

  init(kafka: SimulatedKafka, positions: [TopicPartition: Int64], gate: Gate, seed: UInt64) {
    self.kafka = kafka
    self.gate = gate
    state = Mutex(State(next: positions, generator: SeededGenerator(seed: seed)))
  }

  func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord] {
    try await gate.pass("poll")
    return state.withLock { state in
      let limit = min(max, 1 + state.generator.below(6))
      var batch: [KafkaRecord] = []
      for partition in state.next.keys.sorted() {
        let records = kafka.read(partition, from: state.next[partition] ?? 0, max: limit - batch.count)
        if let last = records.last { state.next[partition] = last.offset + 1 }
        batch += records
      }
      return batch
    }
  }

  func report(_ positions: [TopicPartition: Int64]) async {}
  func close() async {}
}

final class SimulatedPublisher: RecordPublisher {
  private let kafka: SimulatedKafka
  let id: Int

  init(kafka: SimulatedKafka, id: Int) {
    self.kafka = kafka
    self.id = id
  }

  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    kafka.send(records, producer: id, completion: completion)
  }
}
