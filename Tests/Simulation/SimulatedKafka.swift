import Kafka
import Mediator
import Synchronization
import Values

/// Topics as arrays in memory.
final class SimulatedKafka: Sendable {
  private struct State {
    var topics: [String: [[KafkaRecord]]] = [:]
    /// Handed to a producer and not yet written, per producer.
    var flying: [Int: [Flight]] = [:]
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
    guard count > 0 else { return }
    let hash = (record.key ?? []).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
    let partition = record.partition ?? Int32(hash % UInt64(count))
    let offset = Int64(state.topics[record.topic]?[Int(partition)].count ?? 0)
    state.topics[record.topic]?[Int(partition)].append(
      KafkaRecord(
        topic: record.topic, partition: partition, offset: offset, timestamp: now.microseconds / 1000,
        key: record.key, value: record.value, headers: record.headers))
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

  // MARK: Producers

  func send(
    _ records: [OutgoingRecord], producer: Int, completion: @escaping @Sendable ([PublishResult]) -> Void
  ) {
    state.withLock { $0.flying[producer, default: []].append(Flight(records: records, completion: completion)) }
  }

  var hasFlights: Bool { state.withLock { $0.flying.values.contains { !$0.isEmpty } } }

  /// Writes the oldest flight of one producer, and tells it when `acknowledge`.
  func land(producer: Int, at now: Timestamp, acknowledge: Bool) {
    let flight = state.withLock { state -> Flight? in
      guard let flight = state.flying[producer]?.first else { return nil }
      state.flying[producer]?.removeFirst()
      for record in flight.records { Self.write(record, now, &state) }
      return flight
    }
    guard let flight else { return }
    flight.completion(flight.records.map { _ in acknowledge ? .published : .failed("no acknowledgement") })
  }

  /// The producer's process is gone: a prefix of what it had sent arrived, the rest never will.
  func crash(producer: Int, arrived: Int, at now: Timestamp) {
    state.withLock { state in
      let records = (state.flying.removeValue(forKey: producer) ?? []).flatMap(\.records)
      for record in records.prefix(arrived) { Self.write(record, now, &state) }
    }
  }

  func flyingRecords(of producer: Int) -> Int {
    state.withLock { ($0.flying[producer] ?? []).reduce(0) { $0 + $1.records.count } }
  }
}

/// One worker's source: its shard's partitions from the positions that the store gave it.
final class SimulatedSource: RecordSource {
  private let kafka: SimulatedKafka
  private let next: Mutex<[TopicPartition: Int64]>
  private let generator: Mutex<SeededGenerator>

  init(kafka: SimulatedKafka, positions: [TopicPartition: Int64], seed: UInt64) {
    self.kafka = kafka
    next = Mutex(positions)
    generator = Mutex(SeededGenerator(seed: seed))
  }

  func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord] {
    let limit = generator.withLock { min(max, 1 + $0.below(6)) }
    return next.withLock { next in
      var batch: [KafkaRecord] = []
      for (partition, offset) in next.sorted(by: { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }
      ) {
        let records = kafka.read(partition, from: offset, max: limit - batch.count)
        if let last = records.last { next[partition] = last.offset + 1 }
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
