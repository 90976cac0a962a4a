import Kafka
import Logging
import Processors
import Synchronization
import Values
import Wire

/// What the broker knows of a group on one channel: who has which partition, and how far it is done.
final class GroupOffsets: Sendable {
  private struct State {
    var owner: [Int32: Int] = [:]
    var committed: [Int32: Int64] = [:]
    /// Up to where records were given out.
    var given: [Int32: Int64] = [:]
  }

  let topic: String
  private let kafka: SimulatedKafka
  private let inbox: SimulatedInbox
  private let state = Mutex(State())

  init(topic: String, kafka: SimulatedKafka, inbox: SimulatedInbox) {
    self.topic = topic
    self.kafka = kafka
    self.inbox = inbox
  }

  func owner(_ partition: Int32) -> Int? { state.withLock { $0.owner[partition] } }
  func setOwner(_ partition: Int32, _ member: Int) { state.withLock { $0.owner[partition] = member } }
  func committed(_ partition: Int32) -> Int64 { state.withLock { $0.committed[partition] ?? 0 } }

  /// - Returns: whether the record was given out before.
  func give(_ record: KafkaRecord) -> Bool {
    state.withLock { state in
      let next = state.given[record.partition] ?? 0
      state.given[record.partition] = max(next, record.offset + 1)
      return record.offset < next
    }
  }

  /// Notes what has expired of that which was given out and is not done with: events that a member holds because its
  /// store failed, too, are left unanswered once their deadline has passed.
  func noteExpired(at now: Timestamp) {
    for (partition, given) in state.withLock({ $0.given }) {
      let place = TopicPartition(topic: topic, partition: partition)
      let before = committed(partition)
      for record in kafka.read(place, from: before, max: Int(max(0, given - before))) { note(record, at: now) }
    }
  }

  func note(_ record: KafkaRecord, at now: Timestamp) {
    guard let deadline = record.headers.text("ce_deadline").flatMap({ Timestamp(rfc3339: $0) }) else { return }
    if deadline <= now { inbox.expire(record.headers.text("ce_id") ?? "") }
  }

  /// - Returns: false when the partition has another owner.
  func commit(_ partition: Int32, _ offset: Int64, by member: Int) -> Bool {
    let before = state.withLock { state -> Int64? in
      guard state.owner[partition] == member else { return nil }
      defer { state.committed[partition] = offset }
      return state.committed[partition] ?? 0
    }
    guard let before else { return false }
    if offset < before { inbox.violate("the offset of \(topic)/\(partition) goes from \(before) to \(offset)") }
    kafka.faults.note("offset \(topic)", Int64(partition), offset)
    let place = TopicPartition(topic: topic, partition: partition)
    for record in kafka.read(place, from: before, max: Int(max(0, offset - before))) { check(record) }
    return true
  }

  /// Nobody looks at a record below the offset again: its reply must have arrived.
  private func check(_ record: KafkaRecord) {
    guard let request = record.headers.text("ce_id") else { return }
    if kafka.isAnswered(request) || inbox.isSilent(request) || inbox.isExpired(request) { return }
    inbox.violate("the offset covers \(request), which is not answered")
  }
}

/// The members of one channel's group, each with the production loop.
final class ProcessorGroup {
  private struct Member {
    let number: Int
    let loop: ProcessorLoop
    let source: SimulatedEventSource
    let producer: Int
    let gate: Gate
    var isParked = false
  }

  private let channel: String
  private let kafka: SimulatedKafka
  private let inbox: SimulatedInbox
  private let clock: SimulatedClock
  private let offsets: GroupOffsets
  private var members: [Member] = []
  /// Partitions that have another owner, and whose former one does not know it yet.
  private var losses: [(member: Int, partition: TopicPartition)] = []

  private static let metrics = ProcessorMetrics(
    name: "simulated", logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() })

  init(channel: String, kafka: SimulatedKafka, inbox: SimulatedInbox, clock: SimulatedClock) {
    self.channel = channel
    self.kafka = kafka
    self.inbox = inbox
    self.clock = clock
    offsets = GroupOffsets(topic: Topics.channel(channel), kafka: kafka, inbox: inbox)
    for partition in 0..<kafka.partitions(of: offsets.topic) {
      let member = makeMember()
      members.append(member)
      offsets.setOwner(Int32(partition), member.number)
      member.source.assign(Int32(partition))
    }
  }

  private func makeMember() -> Member {
    let gate = Gate(faults: kafka.faults, clock: clock)
    let producer = kafka.newProducer()
    let source = SimulatedEventSource(
      kafka: kafka, group: offsets, clock: clock, gate: gate, member: producer)
    let handler = SimulatedHandler(channel: channel, inbox: inbox)
    let store = SimulatedBatchStore(handler: handler, inbox: inbox, faults: kafka.faults, gate: gate, clock: clock)
    let loop = ProcessorLoop(
      options: ProcessorLoopOptions(
        name: channel, batchSize: 6, maxOpen: 12, commitInterval: .milliseconds(100),
        resendInterval: .milliseconds(100)),
      intake: Intake(.mediator), source: source,
      publisher: SimulatedReplyPublisher(kafka: kafka, inbox: inbox, id: producer),
      sink: BatchSink(handler: handler, store: store, clock: clock), clock: clock, metrics: Self.metrics)
    return Member(number: producer, loop: loop, source: source, producer: producer, gate: gate)
  }

  var count: Int { members.count }

  /// Whether a member has yet to read something.
  var hasUnread: Bool { members.contains { $0.source.hasUnread } }

  /// One member begins a turn, or goes on with the one that stopped at a gate.
  func advance(_ index: Int) async {
    offsets.noteExpired(at: clock.now())
    let stop: Gate.Stop
    if members[index].isParked {
      stop = await members[index].gate.resume()
    } else {
      stop = await members[index].gate.run { [loop = members[index].loop] in try await loop.turn() }
    }
    if case .parked = stop { members[index].isParked = true } else { members[index].isParked = false }
    if members[index].gate.isCrashed { await replace(index) }
  }

  /// The end of a process; another one gets its partitions.
  func replace(_ index: Int) async {
    let former = members[index]
    kafka.faults.count(.processorCrash)
    await former.gate.kill()
    kafka.crash(producer: former.producer, at: clock.now())
    losses.removeAll { $0.member == former.number }
    let member = makeMember()
    members[index] = member
    for partition in 0..<Int32(kafka.partitions(of: offsets.topic)) where offsets.owner(partition) == former.number {
      offsets.setOwner(partition, member.number)
      member.source.assign(partition)
    }
  }

  /// A partition gets another owner. The former one is asked to finish first, or learns of it later.
  func rebalance(_ partition: Int32, isOrderly: Bool) async {
    await tellLosses()
    let number = offsets.owner(partition)
    guard let former = members.first(where: { $0.number == number }),
      let next = members.first(where: { $0.number != number })
    else { return }
    kafka.faults.count(.rebalance)
    let place = TopicPartition(topic: offsets.topic, partition: partition)
    if isOrderly {
      await former.loop.revoke([place], within: .zero)
      former.source.unassign(partition)
    } else {
      kafka.faults.count(.zombieMember)
      losses.append((former.number, place))
    }
    offsets.setOwner(partition, next.number)
    await next.loop.assign([place])
    next.source.assign(partition)
  }

  /// Members learn of what they have lost.
  func tellLosses() async {
    for loss in losses {
      guard let member = members.first(where: { $0.number == loss.member }) else { continue }
      member.source.unassign(loss.partition.partition)
      await member.loop.lose([loss.partition])
    }
    losses = []
  }
}
