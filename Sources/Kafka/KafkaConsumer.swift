import Logging
import Synchronization
import Threads

/// Reads records, either from partitions that are assigned by hand, or as a member of a group.
///
/// Nothing is committed and no position is moved by itself. A record with an offset below the expected one, which Kafka
/// may deliver again, is dropped; gaps are legal.
public final class KafkaConsumer: Sendable {
  private let mailbox: Mailbox<ConsumerLoop.Command>
  private let reachability: Reachability
  private let nextID = Atomic<Int>(1)

  private init(mailbox: Mailbox<ConsumerLoop.Command>, reachability: Reachability) {
    self.mailbox = mailbox
    self.reachability = reachability
  }

  /// False from the moment that no broker can be reached, or the client's login is refused, until that is over.
  public var isReachable: Bool { reachability.isReachable }

  /// How often a connection to a broker was lost that was in use. Who remembers it before a batch knows afterwards whether the
  /// cluster may be another one than before: what it has at an offset can have changed while nobody was connected.
  public var connectionLosses: Int { reachability.losses }

  deinit { _ = mailbox.post(.close(within: .seconds(5), then: {})) }

  /// A consumer of exactly these partitions.
  ///
  /// - Parameters:
  ///   - positions: the next offset to read of each, or a `KafkaPosition`. Checked against the partition's log.
  ///   - groupID: positions are committed under this name, for lag tools to see; the group is not joined.
  /// - Throws: `offsetOutOfRange` when a position lies outside of the log, `unknownTopic`, `configuration`, and
  ///   retriable errors when the cluster cannot be asked.
  public static func assigned(
    _ configuration: KafkaConfiguration, positions: [TopicPartition: Int64], groupID: String? = nil,
    options: ConsumerOptions = ConsumerOptions(), logger: Logger = Logger(label: "kafka")
  ) async throws(KafkaError) -> KafkaConsumer {
    let consumer = try await start {
      () throws(KafkaError) in
      try ConsumerLoop(configuration, groupID: groupID, options: options, logger: logger)
    }
    do {
      try await consumer.add(positions)
    } catch {
      await consumer.close()
      throw error
    }
    return consumer
  }

  /// A member of a group (`range`, eager). Returns before the group has been joined.
  ///
  /// - Parameters:
  ///   - instanceID: makes the membership static: after a restart within `session.timeout.ms` the member has its
  ///     partitions again without a rebalance.
  ///   - onRebalance: told of every change before it takes effect; the change waits for it, up to `rebalanceLimit`.
  ///     It may call `commit`.
  /// - Throws: `configuration`.
  public static func member(
    _ configuration: KafkaConfiguration, group: String, instanceID: String? = nil, topics: [String],
    options: ConsumerOptions = ConsumerOptions(), logger: Logger = Logger(label: "kafka"),
    onRebalance: @escaping @Sendable (KafkaRebalance) async -> Void
  ) async throws(KafkaError) -> KafkaConsumer {
    try await start {
      () throws(KafkaError) in
      let membership = ConsumerLoop.Membership(
        group: group, instanceID: instanceID, topics: topics, onRebalance: onRebalance)
      return try ConsumerLoop(configuration, member: membership, options: options, logger: logger)
    }
  }

  /// Makes the handle on its own thread, because that may read files and block.
  private static func start(
    _ make: @escaping @Sendable () throws(KafkaError) -> ConsumerLoop
  ) async throws(KafkaError) -> KafkaConsumer {
    typealias Parts = (Mailbox<ConsumerLoop.Command>, Reachability)
    let result: Result<Parts, KafkaError> = await withCheckedContinuation { continuation in
      startThread(named: "kafka-consumer") {
        do throws(KafkaError) {
          let loop = try make()
          continuation.resume(returning: .success((loop.mailbox, loop.reachability)))
          loop.run()
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    // Not made on that thread, which must not keep it alive.
    let (mailbox, reachability) = try result.get()
    return KafkaConsumer(mailbox: mailbox, reachability: reachability)
  }

  /// The next records, in order within each partition: at once as soon as there is one, and at most `max`.
  ///
  /// - Parameter wait: after this long without a record the batch is empty. Cancelling the task ends the wait as well.
  /// - Throws: what happened to a partition (`topicPartition` says which), after the records that came before it. The
  ///   other partitions go on with the next call, unless the error is fatal.
  public func nextBatch(max: Int, wait: Duration) async throws(KafkaError) -> [KafkaRecord] {
    let id = nextID.add(1, ordering: .relaxed).newValue
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Result<[KafkaRecord], KafkaError>, Never>) in
        if Task.isCancelled { return continuation.resume(returning: .success([])) }
        let demand = ConsumerLoop.Demand(id: id, max: Swift.max(1, max), deadline: .now + wait) {
          continuation.resume(returning: $0)
        }
        if !mailbox.post(.next(demand)) { continuation.resume(returning: .failure(.closed("consumer"))) }
      }
    } onCancel: {
      _ = mailbox.post(.cancel(id))
    }
    return try result.get()
  }

  /// Reads these partitions too, from these positions. For a consumer made by `assigned`.
  ///
  /// - Throws: as `assigned` does; nothing was added then.
  public func add(_ positions: [TopicPartition: Int64]) async throws(KafkaError) {
    try await request { .add(positions, then: $0) }
  }

  /// No record of these partitions comes after this call. For a consumer made by `assigned`.
  public func remove(_ partitions: [TopicPartition]) async {
    try? await request { .remove(partitions, then: $0) }
  }

  /// No record of these partitions comes after this call, until they are resumed.
  public func pause(_ partitions: [TopicPartition]) async {
    try? await request { .pause(partitions, then: $0) }
  }

  /// Goes on behind the last record that was given out.
  public func resume(_ partitions: [TopicPartition]) async {
    try? await request { .resume(partitions, then: $0) }
  }

  /// Stores positions (the next offset to read) under the group's name.
  ///
  /// - Throws: `fenced` when the partition is another member's by now; `configuration` without a group.
  public func commit(_ positions: [TopicPartition: Int64]) async throws(KafkaError) {
    if positions.isEmpty { return }
    try await request { .commit(positions, then: $0) }
  }

  /// Leaves the group (a static member stays in it) after the rebalance handler was told, and ends the client.
  ///
  /// - Parameter limit: for all of that. Whoever waits for a batch gets `closed`.
  public func close(within limit: Duration = .seconds(5)) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      if !mailbox.post(.close(within: limit, then: { continuation.resume() })) { continuation.resume() }
    }
  }

  private func request(
    _ command: (@escaping ConsumerLoop.Reply) -> ConsumerLoop.Command
  ) async throws(KafkaError) {
    let error: KafkaError? = await withCheckedContinuation { continuation in
      if !mailbox.post(command { continuation.resume(returning: $0) }) {
        continuation.resume(returning: .closed("consumer"))
      }
    }
    if let error { throw error }
  }
}
