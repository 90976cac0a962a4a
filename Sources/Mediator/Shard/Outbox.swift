import Kafka
import Safeguards
import Synchronization
import Values

/// What is committed and not yet acknowledged by the broker; gives the publish mark.
///
/// The mark is the highest sequence below which everything is published. It only ever covers a contiguous prefix: a
/// record that was acknowledged before its predecessors waits for them, because a new owner starts to publish again
/// right above the mark.
public final class Outbox: Sendable {
  /// A record on its way, and which journal row it came from.
  public struct Message: Sendable {
    public let sequence: Int64
    public let record: OutgoingRecord
    /// For a processing event: what has to be told to the engine when the broker refuses it.
    public let request: Request?
    /// An emitted event: kept as a dead letter when the broker refuses it.
    public var isEvent = false
    /// A dead letter: it is in the store, whatever the broker says.
    public var isLetter = false

    public struct Request: Sendable, Hashable {
      public let id: String
      public let instance: UUIDValue
    }
  }

  /// What the broker refused for good, and somebody has to be told of.
  public struct Undeliverable: Sendable, Hashable {
    public let sequence: Int64
    public let subject: Subject
    public let reason: String

    public enum Subject: Sendable, Hashable {
      /// A processing event: the engine is told.
      case request(Message.Request)
      /// An emitted event: it becomes a dead letter.
      case event(OutgoingRecord)
      /// A dead letter: its row says that the topic has not got it.
      case letter
    }
  }

  private struct State {
    /// In ascending order of sequence.
    var open: [(sequence: Int64, unacknowledged: Int)] = []
    var first = 0
    /// The records that the publisher has and that have no result yet.
    var flying = 0
    var flyingBytes = 0
    var undeliverable: [Undeliverable] = []
    var blocked = BlockedTopics()
    var failure: String?
  }

  private let state = Mutex(State())

  public init() {}

  /// How many journal rows are not wholly acknowledged.
  public var pending: Int { state.withLock { $0.open.count - $0.first } }

  /// Whether more may be committed before the broker has taken what is open.
  public func hasRoom(rows: Int, bytes: Int) -> Bool {
    state.withLock { $0.open.count - $0.first < rows && $0.flyingBytes < bytes }
  }

  /// Whether more of what is committed may be handed to the publisher.
  public func canFly(records: Int, bytes: Int) -> Bool {
    state.withLock { $0.flying < records && $0.flyingBytes < bytes }
  }

  /// The sequence up to which all is published, when all up to `head` is committed and handed over.
  public func mark(head: Int64) -> Int64 {
    state.withLock { state in
      guard Safeguard.holds(.markAcknowledged) else { return head }
      if !Safeguard.holds(.markContiguous), let last = state.open.last(where: { $0.unacknowledged <= 0 }) {
        return last.sequence
      }
      return state.first < state.open.count ? state.open[state.first].sequence - 1 : head
    }
  }

  /// Why publishing cannot go on; the shard has to start over from its mark.
  public var failure: String? { state.withLock { $0.failure } }

  /// Refusals since the last call. Their rows stay open until ``settle(_:)``, so that a crash before the engine has
  /// been told finds them again.
  public func takeUndeliverable() -> [Undeliverable] {
    state.withLock { state in
      defer { state.undeliverable = [] }
      return state.undeliverable
    }
  }

  public func settle(_ undeliverable: [Undeliverable]) {
    state.withLock { state in
      for item in undeliverable { Self.acknowledge(item.sequence, in: &state) }
      Self.trim(&state)
    }
  }

  /// Hands messages of committed rows to the publisher, in order.
  public func publish(_ messages: [Message], through publisher: some RecordPublisher) {
    guard !messages.isEmpty else { return }
    let ready = state.withLock { state -> [Message] in
      for message in messages { Self.open(message, in: &state) }
      // After a failure nothing may overtake what failed; all of it goes out again when the shard starts over.
      guard state.failure == nil || !Safeguard.holds(.failureStopsPublishing) else { return [] }
      let ready = state.blocked.isEmpty ? messages : messages.filter { !state.blocked.hold($0) }
      Self.fly(ready, &state)
      return ready
    }
    send(ready, through: publisher)
  }

  /// Whether processing events wait for a topic that cannot be written, or are given up because of one.
  public var hasBlockedTopics: Bool { state.withLock { !$0.blocked.isEmpty } }

  /// Sees to what waits for topics that cannot be written. Other topics do not wait for them; the mark does.
  public func tend(
    at now: Timestamp, patience: Duration, probeInterval: Duration, through publisher: some RecordPublisher
  ) {
    let ready = state.withLock { state -> [Message] in
      guard state.failure == nil else { return [] }
      let (send, giveUp) = state.blocked.tend(at: now, patience: patience, probeInterval: probeInterval)
      for (message, reason) in giveUp { Self.giveUp(message, reason, &state) }
      Self.fly(send, &state)
      return send
    }
    send(ready, through: publisher)
  }

  private func send(_ messages: [Message], through publisher: some RecordPublisher) {
    guard !messages.isEmpty else { return }
    publisher.publish(messages.map(\.record)) { [self] results in settle(messages, results) }
  }

  private static func fly(_ messages: [Message], _ state: inout State) {
    state.flying += messages.count
    for message in messages { state.flyingBytes += message.record.byteCount }
  }

  private static func open(_ message: Message, in state: inout State) {
    if let last = state.open.indices.last, state.open[last].sequence == message.sequence {
      state.open[last].unacknowledged += 1
    } else {
      state.open.append((message.sequence, 1))
    }
  }

  private func settle(_ messages: [Message], _ results: [PublishResult]) {
    state.withLock { state in
      for (message, result) in zip(messages, results) {
        state.flying -= 1
        state.flyingBytes -= message.record.byteCount
        switch result {
        case .published:
          Self.acknowledge(message.sequence, in: &state)
          state.blocked.published(to: message.record.topic)
        case .refused(let reason):
          Self.giveUp(message, reason, &state)
        case .forbidden(let reason):
          if message.request != nil {
            if !state.blocked.refuse(message, reason) { Self.giveUp(message, reason, &state) }
          } else if message.subject != nil {
            Self.giveUp(message, reason, &state)
          } else {
            // The mediator cannot do without its own topics: that is for somebody to put right.
            state.failure = state.failure ?? reason
          }
        case .failed(let reason):
          state.failure = state.failure ?? reason
        }
      }
      Self.trim(&state)
    }
  }

  /// Somebody has to be told; a late reply or a lifecycle event, though, must not stop the shard.
  private static func giveUp(_ message: Message, _ reason: String, _ state: inout State) {
    guard let subject = message.subject, Safeguard.holds(.refusalHeldOpen) else {
      return acknowledge(message.sequence, in: &state)
    }
    state.undeliverable.append(Undeliverable(sequence: message.sequence, subject: subject, reason: reason))
  }

  private static func acknowledge(_ sequence: Int64, in state: inout State) {
    var low = state.first
    var high = state.open.count
    while low < high {
      let middle = (low + high) / 2
      if state.open[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    if low < state.open.count, state.open[low].sequence == sequence { state.open[low].unacknowledged -= 1 }
  }

  private static func trim(_ state: inout State) {
    while state.first < state.open.count, state.open[state.first].unacknowledged <= 0 { state.first += 1 }
    if state.first == state.open.count || state.first > 4096 {
      state.open.removeFirst(state.first)
      state.first = 0
    }
  }
}

extension Outbox.Message {
  /// Whom a refusal is told, if anybody.
  fileprivate var subject: Outbox.Undeliverable.Subject? {
    if let request { return .request(request) }
    if isLetter { return .letter }
    return isEvent ? .event(record) : nil
  }
}

extension OutgoingRecord {
  /// About what it takes up in memory and on the wire.
  fileprivate var byteCount: Int {
    headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) }
  }
}
