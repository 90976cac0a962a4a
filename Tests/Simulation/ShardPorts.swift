import Kafka
import Mediator
import Synchronization
import Values

/// One worker's source: its shard's partitions from the positions that the store gave it.
final class SimulatedSource: RecordSource {
  private struct State {
    var next: [TopicPartition: Int64]
    var generator: SeededGenerator
    /// For how many polls a partition gives nothing.
    var stalled: [TopicPartition: Int] = [:]
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
    do throws(Interruption) {
      try await gate.pass(.poll)
    } catch {
      throw MediatorError(.source, error.message)
    }
    return state.withLock { state in
      let limit = min(max, 1 + state.generator.below(6))
      var batch: [KafkaRecord] = []
      for partition in partitions(&state) where !isStalled(partition, &state) {
        let records = kafka.read(partition, from: state.next[partition] ?? 0, max: limit - batch.count)
        if let last = records.last { state.next[partition] = last.offset + 1 }
        batch += records
      }
      return batch
    }
  }

  /// In which order the partitions are read.
  private func partitions(_ state: inout State) -> [TopicPartition] {
    let sorted = state.next.keys.sorted()
    let filled = sorted.count { kafka.end(of: $0) > state.next[$0] ?? 0 }
    guard filled > 1, kafka.faults.strikes(.reordering, 0.3) else { return sorted }
    return sorted.shuffled(using: &state.generator)
  }

  private func isStalled(_ partition: TopicPartition, _ state: inout State) -> Bool {
    if let polls = state.stalled[partition] {
      state.stalled[partition] = polls > 1 ? polls - 1 : Optional.none
      return true
    }
    guard kafka.end(of: partition) > state.next[partition] ?? 0, kafka.faults.strikes(.delay, 0.03) else {
      return false
    }
    state.stalled[partition] = 1 + state.generator.below(8)
    return true
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
    kafka.send(records, producer: id) { landings in
      completion(
        landings.map { landing in
          switch landing {
          case .written: .published
          case .refused: .refused("too large")
          case .forbidden: .forbidden("no right")
          case .failed: .failed("the producer's identity is lost")
          }
        })
    }
  }
}
