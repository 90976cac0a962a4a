import Hosting
import Kafka
import Logging
import Synchronization
import Wire

/// One membership of the group, from joining to leaving, with the loop that works on what it is given.
struct ProcessorMember: Sendable {
  let options: ProcessorOptions
  let sink: any EventSink
  /// Nil where the processor keeps nothing in a database.
  let positions: (any PositionStore)?
  let producer: KafkaProducer
  let metrics: ProcessorMetrics
  let status: ProcessorStatus
  let stop: StopSignal
  let logger: Logger

  /// Together below the 10 s within which a service has to end.
  private enum Limit {
    static let lastTurn = Duration.seconds(4)
    static let settling = Duration.seconds(3)
    static let leaving = Duration.seconds(1)
    /// Below the consumer's own limit for a rebalance.
    static let revocation = Duration.seconds(6)
  }

  /// Returns when told to stop.
  ///
  /// - Throws: `memberLost`, `configuration`.
  func run() async throws(ProcessorError) {
    // The consumer tells of partitions as soon as it exists, the loop needs the consumer to exist.
    let loop = Handle<ProcessorLoop>()
    let consumer: KafkaConsumer
    do throws(KafkaError) {
      consumer = try await KafkaConsumer.member(
        memberConfiguration, group: options.group, instanceID: options.instance, topics: [options.topic], logger: logger
      ) { change in await rebalance(change, await loop.value) }
    } catch {
      throw ProcessorError(kafka: error)
    }
    let made = ProcessorLoop(
      options: options.loop, intake: options.intake,
      source: KafkaEventSource(consumer: consumer, configuration: options.kafka, group: options.group),
      publisher: KafkaReplyPublisher(producer: producer), sink: sink, positions: positions, clock: SystemClock(),
      metrics: metrics)
    await loop.set(made)
    // A last turn that takes too long is cancelled.
    let failure = await stop.run(grace: Limit.lastTurn) { await turn(made, consumer) }
    status.left()
    if stop.isSet { await made.close(within: Limit.settling) }
    await consumer.close(within: Limit.leaving)
    if let failure { throw failure }
  }

  /// How long the group waits for a member to rejoin, and how long this member waits for the group: some brokers forget
  /// to answer when the leader leaves at the wrong moment, and librdkafka would ask again after five minutes only.
  private var memberConfiguration: KafkaConfiguration {
    var configuration = options.kafka
    configuration.properties["max.poll.interval.ms"] = configuration.properties["max.poll.interval.ms"] ?? "20000"
    return configuration
  }

  private func rebalance(_ change: KafkaRebalance, _ loop: ProcessorLoop) async {
    switch change {
    case .assigned(let partitions):
      await loop.assign(partitions)
      status.joined()
      logger.info("partitions assigned", metadata: ["partitions": "\(partitions.map(\.partition).sorted())"])
    case .revoking(let partitions):
      status.left()
      await loop.revoke(partitions, within: Limit.revocation)
      logger.info("partitions given back", metadata: ["partitions": "\(partitions.map(\.partition).sorted())"])
    case .lost(let partitions):
      status.left()
      await loop.lose(partitions)
      logger.warning("partitions lost", metadata: ["partitions": "\(partitions.map(\.partition).sorted())"])
    }
  }

  /// Turns until told to stop.
  ///
  /// - Returns: why no turn can follow.
  private func turn(_ loop: ProcessorLoop, _ consumer: KafkaConsumer) async -> ProcessorError? {
    var backoff = Backoff(base: .milliseconds(50), cap: .seconds(5))
    while !stop.isSet, !Task.isCancelled {
      do throws(ProcessorError) {
        let count = try await loop.turn()
        backoff.reset()
        if count > 0 {
          status.worked()
        } else if consumer.isReachable {
          status.source.up()
        } else {
          // Nothing came because nothing can come.
          status.source.down("no Kafka broker can be reached")
        }
      } catch {
        if error.code == .memberLost || error.code == .configuration { return error }
        status.failed(error)
        await stop.sleep(backoff.next(random: .random(in: 0.5...1)))
      }
    }
    return nil
  }
}

/// A value that comes later.
private actor Handle<Value: Sendable> {
  private var known: Value?
  private var waiters: [CheckedContinuation<Value, Never>] = []

  var value: Value {
    get async {
      if let known { return known }
      return await withCheckedContinuation { waiters.append($0) }
    }
  }

  func set(_ value: Value) {
    known = value
    for waiter in waiters { waiter.resume(returning: value) }
    waiters = []
  }
}
