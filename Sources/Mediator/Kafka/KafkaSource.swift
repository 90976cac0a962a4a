import Kafka
import Synchronization
import Values

/// The source partitions of one shard: its partition of the replies topic, and every queue partition that falls to it.
public final class KafkaSource: RecordSource {
  private let consumer: KafkaConsumer
  private let guarded: Mutex<PositionGuard>
  private let isReporting = Atomic<Bool>(false)
  private let halts: Halts
  /// Those that the positions came with.
  private let decisions: [TopicPartition: Int64]
  private let losses: Int

  private init(
    consumer: KafkaConsumer, guarded: PositionGuard, halts: Halts, decisions: [TopicPartition: Int64]
  ) {
    self.consumer = consumer
    losses = consumer.connectionLosses
    self.guarded = Mutex(guarded)
    self.halts = halts
    self.decisions = decisions
  }

  /// Opens a shard's partitions at their stored positions. A partition whose position does not fit the broker any more
  /// is halted and left out, until somebody decides.
  static func open(
    _ partitions: [TopicPartition], stored: StoredPositions, configuration: KafkaConfiguration,
    repliesTopic: String, admin: KafkaAdmin, groupID: String, halts: Halts
  ) async throws(MediatorError) -> KafkaSource {
    var starts: [TopicPartition: Int64] = [:]
    var guarded = PositionGuard()
    halts.lift(stored.decisions)
    let halted = halts.all
    let readable = partitions.filter { halted[$0] == nil }
    let watermarks = try await kafka { () throws(KafkaError) in try await admin.watermarks(readable) }
    for partition in readable {
      guard let ends = watermarks[partition] else {
        throw MediatorError(.source, "the broker told no offsets of \(partition.topic)/\(partition.partition)")
      }
      let position = stored.positions[partition]
      switch PositionGuard.start(partition, stored: position, low: ends.low, high: ends.high) {
      case .foreign(let reason), .deleted(let reason):
        halts.add(partition, reason, after: stored.decisions[partition] ?? 0)
      case .at(let offset, let verifying):
        starts[partition] = offset
        if verifying, let position { guarded.expect(partition, position) }
      }
    }
    let assigned = starts
    // What has begun is finished before more begins: or replies would pile up before each other in their partition.
    var options = ConsumerOptions()
    options.preferredTopics = [repliesTopic]
    let consumer = try await kafka { [options] () throws(KafkaError) in
      try await KafkaConsumer.assigned(configuration, positions: assigned, groupID: groupID, options: options)
    }
    return KafkaSource(consumer: consumer, guarded: guarded, halts: halts, decisions: stored.decisions)
  }

  /// See `KafkaConsumer.isReachable`.
  var isReachable: Bool { consumer.isReachable }

  public func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord] {
    guard max > 0 else {
      // Short, because what it is waited for (the producer's acknowledgements) may come at any moment.
      try? await Task.sleep(for: min(wait, .milliseconds(20)))
      return []
    }
    let records = try await kafka { () throws(KafkaError) in try await consumer.nextBatch(max: max, wait: wait) }
    guard !records.isEmpty else { return [] }
    // The consumer would read on at its offset, whatever has come to stand there: a broker that lost its tail and got
    // new records since has no gap to show. So the shard starts over, and compares.
    if consumer.connectionLosses != losses {
      throw MediatorError(.source, "the connection to the brokers was lost: the positions are compared anew")
    }
    let admission = guarded.withLock { $0.admit(records) }
    if let (partition, reason) = admission.mismatch {
      halts.add(partition, reason, after: decisions[partition] ?? 0)
      throw MediatorError(.halted, reason)
    }
    return admission.records
  }

  public func report(_ positions: [TopicPartition: Int64]) async {
    // Only lag tools read this: a failure changes nothing for the shard, and a slow broker must not hold up its turns.
    guard !isReporting.exchange(true, ordering: .acquiringAndReleasing) else { return }
    Task {
      try? await consumer.commit(positions)
      isReporting.store(false, ordering: .releasing)
    }
  }

  public func close() async { await consumer.close() }
}

/// Runs a body that talks to Kafka, with its errors as the mediator's own.
@discardableResult
func kafka<Value>(_ body: () async throws(KafkaError) -> Value) async throws(MediatorError) -> Value {
  do throws(KafkaError) {
    return try await body()
  } catch {
    throw MediatorError(kafka: error)
  }
}
