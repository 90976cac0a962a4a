import Kafka
import Safeguards
import Synchronization
import Values
import Wire

/// Replies and dead letters on their way, and the records that they finish.
///
/// The loop goes on with the next batch while the broker acknowledges the replies of the ones before; a record counts as
/// done with when everything that it gave rise to is acknowledged.
public final class ReplyPipeline: Sendable {
  /// What one record gave rise to.
  struct Parcel: Sendable {
    let place: RecordPlace
    let records: [Message]
  }

  struct Message: Sendable {
    let record: OutgoingRecord
    /// Sent instead when the broker finds `record` too large.
    let substitute: OutgoingRecord?

    init(_ record: OutgoingRecord, substitute: OutgoingRecord? = nil) {
      self.record = record
      self.substitute = substitute
    }
  }

  /// What the broker will never take.
  struct Refusal: Sendable, Hashable {
    let reason: String
    /// The record of which it was to tell.
    let place: RecordPlace
    /// Then nothing tells of that record any more but where it stands.
    let isDeadLetter: Bool
  }

  private typealias Envelope = (place: RecordPlace, message: Message)

  private struct State {
    var window = OffsetWindow()
    var unsent: [Envelope] = []
    var failure: String?
    var refusals: [Refusal] = []
    /// Those who wait for some partitions to be finished with.
    var waiters: [(partitions: Set<TopicPartition>, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let publisher: any ReplyPublisher
  private let state = Mutex(State())

  init(publisher: any ReplyPublisher) { self.publisher = publisher }

  /// How many records are taken on and not done with.
  var openCount: Int { state.withLock { $0.window.openCount } }
  var partitions: Set<TopicPartition> { state.withLock { $0.window.partitions } }

  func open(_ places: [RecordPlace]) {
    state.withLock { state in
      for place in places { state.window.open(place) }
    }
  }

  /// Finishes records: at once where there is nothing to send for one, else when all of it is acknowledged.
  func finish(_ parcels: [Parcel]) {
    var envelopes: [Envelope] = []
    envelopes.reserveCapacity(parcels.count)
    state.withLock { state in
      for parcel in parcels {
        if parcel.records.isEmpty {
          state.window.release(parcel.place)
        } else if parcel.records.count > 1 {
          state.window.hold(parcel.place, parcel.records.count - 1)
        }
        for message in parcel.records { envelopes.append((parcel.place, message)) }
      }
    }
    wakeWaiters()
    send(envelopes)
  }

  /// Sends again what could not be sent. To be called now and then; the caller sees to the pace.
  ///
  /// - Returns: why it could not be sent, or nil when nothing was left.
  func resend() -> String? {
    let (envelopes, failure) = state.withLock { state in
      let result = (state.unsent, state.failure)
      state.unsent = []
      state.failure = nil
      return result
    }
    send(envelopes)
    return envelopes.isEmpty ? nil : failure ?? "unknown"
  }

  /// What the broker refused for good since the last call.
  func takeRefusals() -> [Refusal] {
    state.withLock { state in
      defer { state.refusals = [] }
      return state.refusals
    }
  }

  func committable(in partitions: Set<TopicPartition>? = nil) -> [TopicPartition: Int64] {
    state.withLock { $0.window.committable(in: partitions) }
  }

  func markCommitted(_ positions: [TopicPartition: Int64]) { state.withLock { $0.window.markCommitted(positions) } }

  func forget(_ partitions: some Sequence<TopicPartition> & Sendable) {
    state.withLock { $0.window.forget(partitions) }
    wakeWaiters()
  }

  /// These records will not be finished here.
  func abandon(_ places: [RecordPlace]) {
    state.withLock { state in
      for place in places { state.window.abandon(place) }
    }
    wakeWaiters()
  }

  /// Returns when no record of these partitions is under way any more, or after `stopWaiting`.
  func settled(_ partitions: Set<TopicPartition>) async {
    await withCheckedContinuation { continuation in
      state.withLock { $0.waiters.append((partitions, continuation)) }
      wakeWaiters()
      // Who begins to wait when it is over already has missed `stopWaiting`.
      if Task.isCancelled { stopWaiting() }
    }
  }

  func stopWaiting() {
    let waiters = state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.continuation.resume() }
  }

  // MARK: -

  private func send(_ envelopes: [Envelope]) {
    guard !envelopes.isEmpty else { return }
    publisher.publish(envelopes.map(\.message.record)) { [self] results in settle(envelopes, results) }
  }

  private func settle(_ envelopes: [Envelope], _ results: [PublishResult]) {
    var again: [Envelope] = []
    state.withLock { state in
      for (envelope, result) in zip(envelopes, results) {
        switch result {
        case .published:
          state.window.release(envelope.place)
        case .refused(.tooLarge):
          if let substitute = envelope.message.substitute {
            again.append((envelope.place, Message(substitute)))
          } else {
            state.refusals.append(Self.refusal("a record for \(envelope.message.record.topic) is too large", envelope))
            state.window.release(envelope.place)
          }
        case .refused(.other(let reason)):
          state.refusals.append(Self.refusal(reason, envelope))
          state.window.release(envelope.place)
        case .failed(let reason):
          state.failure = reason
          guard Safeguard.holds(.replySentAgain) else { continue }
          state.unsent.append(envelope)
        }
      }
    }
    wakeWaiters()
    send(again)
  }

  private static func refusal(_ reason: String, _ envelope: Envelope) -> Refusal {
    Refusal(
      reason: reason, place: envelope.place, isDeadLetter: envelope.message.record.topic == Topics.deadLetters)
  }

  private func wakeWaiters() {
    let ready = state.withLock { state in
      guard !state.waiters.isEmpty else { return [CheckedContinuation<Void, Never>]() }
      var ready: [CheckedContinuation<Void, Never>] = []
      state.waiters.removeAll { waiter in
        guard state.window.isSettled(waiter.partitions) else { return false }
        ready.append(waiter.continuation)
        return true
      }
      return ready
    }
    for continuation in ready { continuation.resume() }
  }
}
