import Kafka
import Synchronization
import Values

@testable import Processors

/// A clock that tests set; sleeping lets it go on.
final class TestClock: ProcessorClock {
  private let time: Mutex<Timestamp>

  init(_ start: Timestamp = noon) { time = Mutex(start) }

  func now() -> Timestamp { time.withLock { $0 } }

  func sleep(_ duration: Duration) async {
    advance(duration)
    await Task.yield()
  }

  func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// Partitions in memory.
final class TestSource: EventSource {
  private struct State {
    var batches: [Result<[KafkaRecord], ProcessorError>] = []
    var committed: [TopicPartition: Int64] = [:]
    var refusal: ProcessorError?
    var meanwhile: (@Sendable () async -> Void)?
    var asked: [Int] = []
  }

  private let state = Mutex(State())

  func give(_ records: [KafkaRecord]) { state.withLock { $0.batches.append(.success(records)) } }
  func fail(_ error: ProcessorError) { state.withLock { $0.batches.append(.failure(error)) } }

  /// What commits are answered with from now on, and what happens before the answer.
  func refuse(_ error: ProcessorError?, meanwhile: (@Sendable () async -> Void)? = nil) {
    state.withLock { ($0.refusal, $0.meanwhile) = (error, meanwhile) }
  }

  var committed: [TopicPartition: Int64] { state.withLock { $0.committed } }
  /// The `max` of each call.
  var asked: [Int] { state.withLock { $0.asked } }

  func nextBatch(max: Int, wait: Duration) async throws(ProcessorError) -> [KafkaRecord] {
    let result = state.withLock { state in
      state.asked.append(max)
      return state.batches.isEmpty || max == 0 ? nil : state.batches.removeFirst()
    }
    return try result?.get() ?? []
  }

  func commit(_ positions: [TopicPartition: Int64]) async throws(ProcessorError) {
    let (refusal, meanwhile) = state.withLock { state in
      if state.refusal == nil { state.committed.merge(positions) { _, new in new } }
      return (state.refusal, state.meanwhile)
    }
    await meanwhile?()
    if let refusal { throw refusal }
  }

  func committed(in partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64] {
    committed.filter { partitions.contains($0.key) }
  }
}

/// Positions in memory, which fail as they are told.
actor TestPositions: PositionStore {
  private(set) var saved: [TopicPartition: Int64]
  private var failures: [ProcessorError] = []

  init(_ saved: [TopicPartition: Int64] = [:]) { self.saved = saved }

  func fail(_ error: ProcessorError) { failures.append(error) }

  func load(_ partitions: [TopicPartition]) throws(ProcessorError) -> [TopicPartition: Int64] {
    if !failures.isEmpty { throw failures.removeFirst() }
    return saved.filter { partitions.contains($0.key) }
  }

  func save(_ positions: [TopicPartition: Int64]) throws(ProcessorError) {
    if !failures.isEmpty { throw failures.removeFirst() }
    saved.merge(positions) { _, new in new }
  }
}

/// Keeps what is published, and acknowledges when it is told to.
final class TestPublisher: ReplyPublisher {
  typealias Completion = @Sendable ([PublishResult]) -> Void

  private struct State {
    var records: [OutgoingRecord] = []
    var waiting: [(records: [OutgoingRecord], completion: Completion)] = []
    var isAutomatic: Bool
  }

  private let state: Mutex<State>

  init(automatic: Bool = true) { state = Mutex(State(isAutomatic: automatic)) }

  /// Everything ever handed over.
  var records: [OutgoingRecord] { state.withLock { $0.records } }

  func publish(_ records: [OutgoingRecord], completion: @escaping Completion) {
    let isAutomatic = state.withLock { state in
      state.records += records
      if !state.isAutomatic { state.waiting.append((records, completion)) }
      return state.isAutomatic
    }
    if isAutomatic { completion(records.map { _ in .published }) }
  }

  /// Answers the calls so far.
  func answer(_ result: (OutgoingRecord) -> PublishResult = { _ in .published }) {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
    for call in waiting { call.completion(call.records.map(result)) }
  }
}

/// A store with an inbox and an effect, both in memory, that fails as it is told.
actor TestStore: BatchStore {
  private(set) var inbox: [String: Outcome] = [:]
  private(set) var effects: [String] = []
  private(set) var calls = 0
  private var failures: [(error: ProcessorError, afterwards: Bool)] = []

  /// - Parameter afterwards: the effect happens, and its outcome is unknown.
  func fail(_ error: ProcessorError, afterwards: Bool = false) { failures.append((error, afterwards)) }

  func settle(_ items: [BatchItem<JSON>]) throws(ProcessorError) -> [Settlement] {
    calls += 1
    let failure = failures.isEmpty ? nil : failures.removeFirst()
    if let failure, !failure.afterwards { throw failure.error }
    let settlements = items.map { item in
      if let known = inbox[item.idempotencyKey] { return Settlement(known, wasKnown: true) }
      let outcome: Outcome
      switch item.work {
      case .work(let data):
        outcome = .completed(data)
        effects.append(item.idempotencyKey)
      case .refused(let failure): outcome = .failed(failure)
      }
      if outcome.isFinal { inbox[item.idempotencyKey] = outcome }
      return Settlement(outcome, wasKnown: false)
    }
    if let failure { throw failure.error }
    return settlements
  }
}
