import Kafka
import Values
import Wire

/// What the runtime needs of the world. In production Kafka and Postgres; a simulation runs the very same loop on
/// doubles of these protocols.

/// The partitions of the channel that this member has been given.
public protocol EventSource: Sendable {
  /// Returns as soon as there is a record (then up to `max`), or empty after `wait`. With `max` 0 it only waits.
  func nextBatch(max: Int, wait: Duration) async throws(ProcessorError) -> [KafkaRecord]
  /// Tells the group the next offset of each partition. A failure costs only repeated deliveries, which the inbox
  /// recognises.
  ///
  /// - Throws: `fenced` when the group has gone on without this member; `source`; `memberLost`.
  func commit(_ positions: [TopicPartition: Int64]) async throws(ProcessorError)
  /// The positions that the group has in these partitions, where it has.
  func committed(in partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64]
}

/// How far the processor has come, kept with its effects: it goes back with them when an older state of the database is
/// put back, and what they lack is read again.
public protocol PositionStore: Sendable {
  /// The next offset of those partitions for which there is one.
  func load(_ partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64]
  /// Writes positions over what was loaded or written last.
  ///
  /// - Throws: `memberLost` when something else is there by now; `store`. Nothing, or not all of it, is written then.
  func save(_ positions: [TopicPartition: Int64]) async throws(ProcessorError)
}

/// Where replies and dead letters go.
public protocol ReplyPublisher: Sendable {
  /// Keeps the order of calls per partition; `completion` is called once, when every record has a result.
  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void)
}

public enum PublishResult: Sendable, Hashable {
  case published
  /// The broker will never take this record.
  case refused(Refusal)
  /// Unknown whether it arrived: to be published again.
  case failed(String)

  public enum Refusal: Sendable, Hashable {
    case tooLarge
    case other(String)
  }
}

/// Handles a batch in one transaction: inbox, effects and replies together.
public protocol BatchStore<Work>: Sendable {
  associatedtype Work: Sendable
  /// Settles each item exactly once, whoever else tries: effects happen only for items that the inbox did not know.
  ///
  /// - Parameter items: with distinct keys.
  /// - Returns: one result for each item, in order.
  /// - Throws: `store` (nothing or, where a commit's outcome is unknown, everything has happened), `conflict` (nothing).
  func settle(_ items: [BatchItem<Work>]) async throws(ProcessorError) -> [Settlement]
}

/// An event as its handler understood it.
public struct BatchItem<Work: Sendable>: Sendable {
  public let idempotencyKey: String
  public let work: Validated<Work>

  public init(idempotencyKey: String, work: Validated<Work>) {
    self.idempotencyKey = idempotencyKey
    self.work = work
  }
}

/// What a handler makes of an event's data before anything is done.
public enum Validated<Work: Sendable>: Sendable {
  case work(Work)
  /// Only to be remembered and replied.
  case refused(TaskFailure)
}

public struct Settlement: Sendable, Hashable {
  public let outcome: Outcome
  /// The inbox knew it: nothing was done.
  public let wasKnown: Bool

  public init(_ outcome: Outcome, wasKnown: Bool) {
    self.outcome = outcome
    self.wasKnown = wasKnown
  }
}

/// Time, given from outside.
public protocol ProcessorClock: Sendable {
  func now() -> Timestamp
  /// Returns early when the task is cancelled.
  func sleep(_ duration: Duration) async
}

public struct SystemClock: ProcessorClock {
  public init() {}
  public func now() -> Timestamp { .now() }
  // The only place where the loop's pauses become real ones.
  public func sleep(_ duration: Duration) async { try? await Task.sleep(for: duration) }
}
