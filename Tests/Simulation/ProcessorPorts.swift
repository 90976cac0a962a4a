import Kafka
import Processors
import Synchronization
import Values
import Wire

/// The partitions that one member of the group believes to have.
final class SimulatedEventSource: EventSource {
  private struct State {
    var next: [Int32: Int64] = [:]
    var generator: SeededGenerator
  }

  private let kafka: SimulatedKafka
  private let group: GroupOffsets
  private let clock: SimulatedClock
  private let gate: Gate
  private let member: Int
  private let state: Mutex<State>

  init(kafka: SimulatedKafka, group: GroupOffsets, clock: SimulatedClock, gate: Gate, member: Int) {
    self.kafka = kafka
    self.group = group
    self.clock = clock
    self.gate = gate
    self.member = member
    state = Mutex(State(generator: SeededGenerator(seed: UInt64(member))))
  }

  func assign(_ partition: Int32) { state.withLock { $0.next[partition] = group.committed(partition) } }
  func unassign(_ partition: Int32) { state.withLock { $0.next[partition] = nil } }

  var hasUnread: Bool {
    state.withLock { state in
      state.next.contains { kafka.end(of: TopicPartition(topic: group.topic, partition: $0.key)) > $0.value }
    }
  }

  func nextBatch(max: Int, wait: Duration) async throws(ProcessorError) -> [KafkaRecord] {
    guard max > 0 else { return [] }
    do throws(Interruption) {
      try await gate.pass(.poll)
    } catch {
      throw ProcessorError(.source, error.message)
    }
    let batch = state.withLock { state in
      let limit = min(max, 1 + state.generator.below(4))
      var batch: [KafkaRecord] = []
      for partition in state.next.keys.sorted() {
        let place = TopicPartition(topic: group.topic, partition: partition)
        let records = kafka.read(place, from: state.next[partition] ?? 0, max: limit - batch.count)
        if let last = records.last { state.next[partition] = last.offset + 1 }
        batch += records
      }
      return batch
    }
    for record in batch {
      if group.give(record) { kafka.faults.count(.redelivery) }
      group.note(record, at: clock.now())
    }
    return batch
  }

  func commit(_ positions: [TopicPartition: Int64]) async throws(ProcessorError) {
    if kafka.faults.strikes(.offsetsLost, 0.3) { throw ProcessorError(.source, "the commit of offsets fails") }
    for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
      guard group.commit(partition.partition, offset, by: member) else {
        throw ProcessorError(.fenced, "the partition has another owner")
      }
    }
  }

  func committed(in partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64] {
    partitions.reduce(into: [:]) { $0[$1] = group.committed($1.partition) }
  }
}

/// Where a member's replies go: some of them twice, some to the wrong partition.
final class SimulatedReplyPublisher: ReplyPublisher {
  private let kafka: SimulatedKafka
  private let inbox: SimulatedInbox
  let id: Int

  init(kafka: SimulatedKafka, inbox: SimulatedInbox, id: Int) {
    self.kafka = kafka
    self.inbox = inbox
    self.id = id
  }

  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    let sent = records.filter { !isSilenced($0) }
    guard !sent.isEmpty else { return completion(records.map { _ in .published }) }
    for record in sent { repeatOrAnnounce(record) }
    // Those that nobody ever sees count as sent.
    let isSent = records.map { !isSilenced($0) }
    kafka.send(sent.map(misdirected), producer: id) { landings in
      var landings = landings.makeIterator()
      completion(
        isSent.map { isSent in
          guard isSent, let landing = landings.next() else { return .published }
          switch landing {
          case .written: return .published
          case .refused, .forbidden: return .refused(.tooLarge)
          case .failed: return .failed("the producer's identity is lost")
          }
        })
    }
  }

  private func isSilenced(_ record: OutgoingRecord) -> Bool {
    guard let request = record.headers.text("ce_causationid"), inbox.isSilent(request) else { return false }
    kafka.faults.count(.silentProcessor)
    return true
  }

  private func misdirected(_ record: OutgoingRecord) -> OutgoingRecord {
    guard record.topic == Topics.replies, kafka.faults.strikes(.misdirectedReply, 0.08) else { return record }
    var record = record
    record.partition = Int32(kafka.faults.below(kafka.partitions(of: Topics.replies)))
    return record
  }

  private func repeatOrAnnounce(_ record: OutgoingRecord) {
    guard record.topic == Topics.replies else { return }
    if kafka.faults.strikes(.duplicate, 0.08) { kafka.send([record, record], producer: id) { _ in } }
    guard kafka.faults.below(20) == 0, let request = record.headers.text("ce_causationid") else { return }
    let reply = Reply(
      causationID: request, correlationID: record.headers.text("ce_correlationid") ?? "",
      kind: .progress(percent: 50, message: nil), id: "", source: "")
    kafka.send(
      [reply.encode(topic: record.topic, partition: record.partition ?? 0, key: nil)], producer: id
    ) { _ in }
  }
}
