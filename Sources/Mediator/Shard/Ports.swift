import Kafka
import Values

/// What the batch loop needs of the world. The production loop runs on Kafka and Postgres; the simulation runs the very
/// same loop on doubles of these protocols.

/// The source partitions of one shard, read from the positions that the store gave.
public protocol RecordSource: Sendable {
  /// Returns as soon as there is a record (then up to `max`), or empty after `wait`. With a `max` of 0 it takes no
  /// record and only passes a little time, up to `wait`.
  func nextBatch(max: Int, wait: Duration) async throws(MediatorError) -> [KafkaRecord]
  /// Tells lag tools how far the shard has read. Nothing depends on it, and it returns without waiting for anyone.
  func report(_ positions: [TopicPartition: Int64]) async
  func close() async
}

/// Where processing events, dead letters and forwarded replies go.
public protocol RecordPublisher: Sendable {
  /// Keeps the order of calls per partition; `completion` is called once, when every record has a result.
  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void)
}

public enum PublishResult: Sendable, Hashable {
  case published
  /// The broker will never take this record (too large, say).
  case refused(String)
  /// The record's topic cannot be written, while others can: this program has no right to, or there is no such topic.
  case forbidden(String)
  /// Unknown whether it arrived: to be published again.
  case failed(String)
}

/// What a shard has in the store. Every write is conditional on the epoch that the store was opened with.
public protocol ShardStore: Sendable {
  /// Instances by id, whatever shard they belong to; absent ones are left out.
  func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance]
  /// What the time, or an operator, asks of this shard: of the timers of each version its share, earliest first.
  func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork
  /// How many calls of this shard's instances are under way and queued.
  func channelLoad() async throws(MediatorError) -> ChannelLoad
  /// Of each version and channel so many queued calls, those first that have waited longest.
  func queuedCalls(_ wanted: [ChannelLoad.Key: Int]) async throws(MediatorError) -> [QueuedCall]
  /// What operators ask of this shard, in the order in which they asked.
  func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand]
  /// What other transactions left for this shard to do, oldest first.
  func inbox(limit: Int) async throws(MediatorError) -> [InboxItem]
  /// Events of this shard that are kept no longer, and that nothing is to be done with any more.
  func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent]
  /// Events that this shard has collected, and whose counterpart has not come in their time.
  func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent]
  func schedules() async throws(MediatorError) -> [ScheduleRow]
  /// Of these order keys, those of which this shard has an open instance.
  func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String>
  func collected(_ collections: Set<CollectedEvent.Collection>) async throws(MediatorError) -> [CollectedEvent]
  /// One transaction: all of it, or nothing.
  func commit(_ batch: ShardBatch) async throws(MediatorError)
  /// Renews the lease and saves the publish mark when there is no batch to do it.
  func renew(publishMark: Int64) async throws(MediatorError)
  /// What was committed above `sequence` and has to be published, in order.
  func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow]
}

public struct DueWork: Sendable, Hashable {
  /// Ids of the shard's instances whose `wakeAt` has come, earliest first.
  public let timers: [UUIDValue]
  /// Known from the same question, so that an idle shard asks no other.
  public let hasCommands: Bool

  public init(timers: [UUIDValue], hasCommands: Bool) {
    self.timers = timers
    self.hasCommands = hasCommands
  }
}

/// Time, given from outside.
public protocol MediatorClock: Sendable {
  func now() -> Timestamp
}

public struct SystemClock: MediatorClock {
  public init() {}
  public func now() -> Timestamp { .now() }
}
