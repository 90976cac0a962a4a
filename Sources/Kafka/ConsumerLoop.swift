import CRDKafka
import Logging

/// What the consumer's thread does: serves librdkafka's events at all times, and takes records out of its queue only
/// when somebody asks for a batch. So the prefetch is librdkafka's own, bounded there, and a slow reader still answers
/// a rebalance at once.
///
/// `@unchecked Sendable` is safe because after `init` only the thread that calls `run` touches the stored properties;
/// others only post to `mailbox`.
final class ConsumerLoop: @unchecked Sendable {
  typealias Reply = @Sendable (KafkaError?) -> Void

  struct Demand: Sendable {
    let id: Int
    let max: Int
    let deadline: ContinuousClock.Instant
    let reply: @Sendable (Result<[KafkaRecord], KafkaError>) -> Void
  }

  enum Command: Sendable {
    case next(Demand)
    case cancel(Int)
    case add([TopicPartition: Int64], then: Reply)
    case remove([TopicPartition], then: Reply)
    case pause([TopicPartition], then: Reply)
    case resume([TopicPartition], then: Reply)
    case commit([TopicPartition: Int64], then: Reply)
    case rebalanceHandled(Int)
    case close(within: Duration, then: @Sendable () -> Void)
  }

  struct Membership: Sendable {
    let group: String
    let instanceID: String?
    let topics: [String]
    let onRebalance: @Sendable (KafkaRebalance) async -> Void
  }

  let mailbox: Mailbox<Command>
  let reachability = Reachability()
  let handle: ClientHandle
  let options: ConsumerOptions
  let membership: Membership?
  /// Each partition's records are led to a queue of its own, apart from the events: what floods one partition must not
  /// stand before the others.
  var lanes = RecordLanes()
  var reader = RecordReader()

  var assigned: Set<TopicPartition> = []
  var paused: Set<TopicPartition> = []
  private var demands: [Demand] = []
  private var errors: [KafkaError] = []
  var fatal: KafkaError?
  private let hasGroup: Bool

  var rebalances: [Rebalance] = []
  var nextRebalance = 1
  /// Since when a member waits for an assignment; nil while it has one, if only an empty one.
  var unassignedSince: ContinuousClock.Instant?
  var commits: [Int: Commit] = [:]
  var nextCommit = 1
  var closing: Closing?

  init(
    _ configuration: KafkaConfiguration, groupID: String? = nil, member: Membership? = nil, options: ConsumerOptions,
    logger: Logger
  ) throws(KafkaError) {
    let wakeUp = try WakeUp()
    var fixed = [
      // librdkafka wants a group for every consumer; this one is never joined, and nothing is committed to it.
      "group.id": member?.group ?? groupID ?? "unused",
      "enable.auto.commit": "false",
      "enable.auto.offset.store": "false",
      "enable.partition.eof": "false",
      // Whether a connection was lost is known from these lines only; they are not passed on.
      "log.connection.close": "true",
    ]
    if let instanceID = member?.instanceID { fixed["group.instance.id"] = instanceID }
    let events = RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT
    handle = try ClientHandle(
      RD_KAFKA_CONSUMER, configuration, defaults: Self.defaults(member: member != nil, options), fixed: fixed,
      events: events, wakeUp: wakeUp, reachability: reachability, logger: logger)
    mailbox = Mailbox(wakeUp: wakeUp)
    membership = member
    hasGroup = member != nil || groupID != nil
    self.options = options
    if let member {
      try subscribe(member.topics)
      unassignedSince = .now
    }
  }

  private static func defaults(member: Bool, _ options: ConsumerOptions) -> [String: String] {
    [
      "auto.offset.reset": member ? options.start.rawValue : "error",
      // Cooperative rebalancing of librdkafka 2.0.2 hangs in some orders of events.
      "partition.assignment.strategy": "range",
      "session.timeout.ms": "15000",
      // How long a broker keeps a fetch without records; some brokers keep it that long even when a record comes.
      "fetch.wait.max.ms": "100",
      "fetch.error.backoff.ms": "100",
      // New topics and partitions are seen within this time; the default is five minutes.
      "topic.metadata.refresh.interval.ms": "10000",
      "queued.min.messages": String(options.prefetchRecords),
      "queued.max.messages.kbytes": String(max(1, options.prefetchBytes / 1024)),
      // Some brokers ignore the size that a fetch asks for.
      "receive.message.max.bytes": "1000000000",
    ]
  }

  func run() {
    while true {
      for command in mailbox.drain() { accept(command) }
      serveEvents()
      advanceRebalance()
      expireCommits()
      checkMembership()
      serveDemands()
      if isClosed { return finish() }
      handle.wakeUp.wait(until: nextDeadline())
    }
  }

  private func accept(_ command: Command) {
    switch command {
    case .next(let demand):
      demands.append(demand)
    case .cancel(let id):
      guard let index = demands.firstIndex(where: { $0.id == id }) else { return }
      demands.remove(at: index).reply(.success([]))
    case .add(_, let reply) where closing != nil: reply(.closed("consumer"))
    case .add(let positions, let reply): reply(add(positions))
    case .remove(let partitions, let reply): reply(remove(partitions))
    case .pause(let partitions, let reply): reply(pause(partitions))
    case .resume(let partitions, let reply): reply(resume(partitions))
    case .commit(let positions, let reply):
      if hasGroup { commit(positions, reply) } else { reply(Self.noGroup) }
    case .rebalanceHandled(let id): rebalanceHandled(id)
    case .close(let limit, let completion): beginClose(within: limit, completion)
    }
  }

  private static let noGroup = KafkaError(
    code: .configuration, name: "NO_GROUP", message: "this consumer has no group to commit positions to")

  private func nextDeadline() -> ContinuousClock.Instant? {
    var deadline = demands.map(\.deadline).min()
    func include(_ other: ContinuousClock.Instant?) {
      guard let other else { return }
      deadline = min(deadline ?? other, other)
    }
    include(rebalances.first?.deadline)
    include(commits.values.map(\.deadline).min())
    if let closing { include(min(closing.deadline, .now + .milliseconds(20))) }
    // A member has to be seen polling, or librdkafka takes it for dead (`max.poll.interval.ms`).
    if membership != nil { include(.now + .seconds(1)) }
    include(handle.probe())
    return deadline
  }

  // MARK: - Events

  private func serveEvents() {
    while let event = handle.nextEvent() {
      switch rd_kafka_event_type(event) {
      case RD_KAFKA_EVENT_REBALANCE:
        beginRebalance(event)
        continue
      case RD_KAFKA_EVENT_OFFSET_COMMIT: finishCommit(event)
      case RD_KAFKA_EVENT_ERROR: report(handle.error(of: event))
      default: break
      }
      rd_kafka_event_destroy(event)
    }
  }

  func report(_ error: KafkaError) {
    if error.isFatal {
      fatal = fatal ?? error
    } else if !hasGroup, error.rdkafkaCode == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED.rawValue {
      // About the group that librdkafka made us name, and that nothing is done with.
      return
    } else if errors.count < 100, !errors.contains(error) {
      errors.append(error)
    }
  }

  // MARK: - Records

  private func serveDemands() {
    while let demand = demands.first {
      guard let result = result(for: demand) else { return }
      demands.removeFirst()
      demand.reply(result)
    }
  }

  /// - Returns: nil while there is nothing to say yet.
  private func result(for demand: Demand) -> Result<[KafkaRecord], KafkaError>? {
    if closing != nil { return .failure(.closed("consumer")) }
    if errors.isEmpty {
      let batch = isRevoking ? [] : take(demand.max)
      if !batch.isEmpty {
        // A connection lost before these came has to be known before they are looked at.
        serveEvents()
        return .success(batch)
      }
    }
    if !errors.isEmpty { return .failure(errors.removeFirst()) }
    if let fatal { return .failure(fatal) }
    return demand.deadline <= .now ? .success([]) : nil
  }

  private func take(_ max: Int) -> [KafkaRecord] {
    var batch: [KafkaRecord] = []
    var bytes = 0
    lanes.begin(max)
    while batch.count < max, bytes < options.maxBatchBytes, let event = lanes.next() {
      if let message = rd_kafka_event_message_next(event) {
        bytes += message.pointee.len + message.pointee.key_len
        if let record = reader.read(message) { batch.append(record) }
      } else if rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR {
        report(handle.error(of: event))
      }
      rd_kafka_event_destroy(event)
    }
    if !batch.isEmpty { handle.log.succeeded() }
    return batch
  }

  // MARK: - End

  private var isClosed: Bool {
    guard let closing else { return false }
    if .now >= closing.deadline { return true }
    return commits.isEmpty && rebalances.isEmpty && (closing.queue == nil || rd_kafka_consumer_closed(handle.raw) != 0)
  }

  private func finish() {
    for command in mailbox.close() { accept(command) }
    serveDemands()
    for commit in commits.values { commit.reply(.closed("consumer")) }
    abandonRebalances()
    if let queue = closing?.queue { rd_kafka_queue_destroy(queue) }
    lanes.destroy()
    handle.destroy(within: .seconds(2))
    for completion in closing?.completions ?? [] { completion() }
  }
}
