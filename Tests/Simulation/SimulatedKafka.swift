import Engine
import Kafka
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
    /// The requests that a reply has arrived for.
    var answered: Set<String> = []
    /// Ids of the events that workflows have emitted.
    var emitted: Set<String> = []
    var violations: [String] = []
    var producers = 0
  }

  /// What became of a record that was handed to a producer.
  enum Landing: Sendable { case written, refused, forbidden, failed }

  private struct Flight {
    let records: [OutgoingRecord]
    let completion: @Sendable ([Landing]) -> Void
  }

  let faults: Faults
  private let state = Mutex(State())

  init(faults: Faults) { self.faults = faults }

  func createTopic(_ name: String, partitions: Int) {
    state.withLock { $0.topics[name] = Array(repeating: [], count: partitions) }
  }

  func write(_ record: OutgoingRecord, at now: Timestamp) {
    state.withLock { write(record, now, &$0) }
  }

  private func write(_ record: OutgoingRecord, _ now: Timestamp, _ state: inout State) {
    guard let partition = Self.partition(of: record, state) else {
      return state.violations.append("a record for the unknown topic \(record.topic)")
    }
    let offset = Int64(state.topics[record.topic]?[Int(partition)].count ?? 0)
    state.topics[record.topic]?[Int(partition)].append(
      KafkaRecord(
        topic: record.topic, partition: partition, offset: offset, timestamp: now.microseconds / 1000,
        key: record.key, value: record.value, headers: record.headers))
    if record.topic == Topics.deadLetters, let id = record.headers.text("dl_id").flatMap({ DeadLetterID($0) }) {
      state.arrivedLetters.insert(id)
    }
    let id = record.headers.text("ce_id")
    faults.note("\(record.topic) \(id ?? "")", Int64(partition), offset, Content.digest(record), now.microseconds)
    if record.topic == Topics.replies, let request = record.headers.text("ce_causationid"),
      record.headers.text("ce_type") != "task.progress"
    {
      state.answered.insert(request)
    }
    if let id, record.headers.text("ce_correlationid") != nil { state.emitted.insert(id) }
    guard let id, isOurs(record) else { return }
    if let first = state.arrived[id], first != record { state.violations.append("\(id) was published in two versions") }
    state.arrived[id] = record
  }

  private static func partition(of record: OutgoingRecord, _ state: State) -> Int32? {
    guard let count = state.topics[record.topic]?.count, count > 0 else { return nil }
    let hash = (record.key ?? []).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
    return record.partition ?? Int32(hash % UInt64(count))
  }

  /// Whether the mediator has written it: of what others write, there may be several versions. An event that a workflow
  /// gave an id is the workflow's affair.
  private func isOurs(_ record: OutgoingRecord) -> Bool {
    if record.topic.hasPrefix("mediator.channel.") || record.topic == Topics.lifecycle { return true }
    guard record.topic == Topics.queue, let instance = record.headers.text("ce_correlationid") else { return false }
    return record.headers.text("ce_id")?.hasPrefix(instance) ?? false
  }

  func read(_ partition: TopicPartition, from offset: Int64, max: Int) -> [KafkaRecord] {
    state.withLock { state in
      guard let records = state.topics[partition.topic]?[Int(partition.partition)], offset < records.count else {
        return []
      }
      return Array(records[Int(offset)...].prefix(max))
    }
  }

  func end(of partition: TopicPartition) -> Int64 {
    state.withLock { Int64($0.topics[partition.topic]?[Int(partition.partition)].count ?? 0) }
  }

  func records(of topic: String) -> [KafkaRecord] { state.withLock { ($0.topics[topic] ?? []).flatMap { $0 } } }

  func partitions(of topic: String) -> Int { state.withLock { $0.topics[topic]?.count ?? 0 } }

  var channelTopics: [String] {
    state.withLock { $0.topics.keys.filter { $0.hasPrefix("mediator.channel.") }.sorted() }
  }

  func hasArrived(_ requestID: String) -> Bool { state.withLock { $0.arrived[requestID] != nil } }

  func hasArrived(letter: DeadLetterID) -> Bool { state.withLock { $0.arrivedLetters.contains(letter) } }

  func hasArrived(event id: String) -> Bool { state.withLock { $0.emitted.contains(id) } }

  func isAnswered(_ requestID: String) -> Bool { state.withLock { $0.answered.contains(requestID) } }

  var violations: [String] { state.withLock { $0.violations } }

  // MARK: Refusals

  /// The broker will never take this one.
  private static func refuses(_ record: OutgoingRecord) -> Bool {
    if record.topic == Topics.deadLetters { return record.value?.first == Fate.refusedLetter }
    guard record.topic == "mediator.channel.\(Fate.refusingChannel)", let value = record.value else { return false }
    return (try? JSON.parse(value))?["fate"]?.string == Fate.refused.rawValue
  }

  func isRefused(_ request: Request) -> Bool {
    request.channel == Fate.refusingChannel && request.data["fate"]?.string == Fate.refused.rawValue
  }

  // MARK: Producers

  func newProducer() -> Int {
    state.withLock { state in
      state.producers += 1
      return state.producers
    }
  }

  func send(_ records: [OutgoingRecord], producer: Int, completion: @escaping @Sendable ([Landing]) -> Void) {
    state.withLock { $0.flying[producer, default: []].append(Flight(records: records, completion: completion)) }
  }

  /// Producers with something under way.
  var flyingProducers: [Int] { state.withLock { $0.flying.filter { !$0.value.isEmpty }.keys.sorted() } }

  /// Writes one flight of a producer and tells it: the oldest, or one that shares no partition with those before it.
  func land(producer: Int, at now: Timestamp) {
    let flight = state.withLock { state -> Flight? in
      guard let flights = state.flying[producer], !flights.isEmpty else { return nil }
      let place = next(of: flights, state)
      let flight = state.flying[producer]?.remove(at: place)
      for record in flight?.records ?? [] where !Self.refuses(record) { write(record, now, &state) }
      return flight
    }
    guard let flight else { return }
    flight.completion(
      flight.records.map { record in
        guard Self.refuses(record) else { return .written }
        faults.count(.refusedRecord)
        return record.topic == Topics.deadLetters ? .forbidden : .refused
      })
  }

  /// Only a partition keeps its order.
  private func next(of flights: [Flight], _ state: State) -> Int {
    guard flights.count > 1 else { return 0 }
    func partitions(_ flight: Flight) -> Set<TopicPartition> {
      Set(flight.records.map { TopicPartition(topic: $0.topic, partition: Self.partition(of: $0, state) ?? -1) })
    }
    let place = 1 + faults.below(flights.count - 1)
    let before = flights[..<place].reduce(into: Set<TopicPartition>()) { $0.formUnion(partitions($1)) }
    guard before.isDisjoint(with: partitions(flights[place])) else { return 0 }
    return faults.strikes(.acknowledgedOutOfOrder, 0.5) ? place : 0
  }

  /// The producer's identity is lost: a beginning of what is under way arrived, and all of it is told to have failed.
  func fail(producer: Int, arrived: Int, at now: Timestamp) {
    let flights = drop(producer: producer, arrived: arrived, at: now)
    faults.count(.lostTail)
    for flight in flights { flight.completion(flight.records.map { _ in .failed }) }
  }

  /// The producer's process is gone: a beginning of what is under way arrived, the rest never will.
  func crash(producer: Int, at now: Timestamp) {
    let flying = flyingRecords(of: producer)
    guard flying > 0 else { return }
    faults.count(.producerCrash)
    _ = drop(producer: producer, arrived: faults.below(flying + 1), at: now)
  }

  private func drop(producer: Int, arrived: Int, at now: Timestamp) -> [Flight] {
    state.withLock { state in
      let flights = state.flying.removeValue(forKey: producer) ?? []
      for record in flights.flatMap(\.records).prefix(arrived) where !Self.refuses(record) {
        write(record, now, &state)
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

private enum Content {
  /// For the trace.
  static func digest(_ record: OutgoingRecord) -> Int64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in record.value ?? [] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int64(bitPattern: hash)
  }
}
