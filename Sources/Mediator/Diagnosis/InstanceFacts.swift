import Engine
import Values

/// Everything that is known of an instance when its diagnosis is made.
public struct InstanceFacts: Sendable {
  /// The database's clock.
  public var now: Timestamp
  public var detail: InstanceDetail
  /// Why its definition cannot be read by this version; nil when it can.
  public var definitionProblem: String?
  public var shard: Shard
  /// How many mediators are alive.
  public var mediators: Int
  /// Partitions that bring something to its shard and are read no more.
  public var halted: [HaltedPartition]
  public var suspension: Cause.Suspension?
  public var orderKey: OrderKey?
  public var waits: [EventWaitFacts]
  /// Those that it waits for and that exist.
  public var children: [UUIDValue: Child]
  /// What stands on the channels of its shard, by channel.
  public var queues: [String: Cause.Queue] = [:]
  /// What Kafka told; a channel that is missing was not asked for.
  public var channels: [String: ChannelFacts] = [:]
  /// Where open attempts lie in their topics, by `ce_id`, where that was found.
  public var places: [String: EventPlace] = [:]
  /// The time of the oldest record that is not read yet, by topic partition.
  public var oldestUnread: [ChannelPartition: Timestamp] = [:]
  /// Why Kafka was not asked.
  public var kafkaProblem: String?

  public struct Shard: Sendable, Hashable {
    public var number: Int32
    public var owner: String?
    /// Nil when it was given back, or never taken.
    public var leaseEndsAt: Timestamp?
    public var journalHead: Int64
    public var publishMark: Int64

    public init(
      number: Int32, owner: String?, leaseEndsAt: Timestamp?, journalHead: Int64, publishMark: Int64
    ) {
      self.number = number
      self.owner = owner
      self.leaseEndsAt = leaseEndsAt
      self.journalHead = journalHead
      self.publishMark = publishMark
    }

    public func isOwned(at now: Timestamp) -> Bool { owner != nil && leaseEndsAt.map { $0 > now } ?? false }
  }

  public struct OrderKey: Sendable, Hashable {
    public var key: String
    /// The first open instance with this key; nil when there is none.
    public var holder: UUIDValue?
    public var holderSince: Timestamp?
    /// How many come before this one.
    public var ahead: Int
  }

  public struct Child: Sendable, Hashable {
    public var status: InstanceStatus
    /// What its own diagnosis says, in one line.
    public var because: String?
  }
}

public struct ChannelPartition: Sendable, Hashable {
  public let channel: String
  public let partition: Int32

  public init(channel: String, partition: Int32) {
    self.channel = channel
    self.partition = partition
  }
}

/// An event type and the values by which an instance waits for it.
public struct EventWaitFacts: Sendable, Hashable {
  public let activity: Int
  public let reference: String
  /// Nil when the filter names no literal type.
  public let type: String?
  /// The values that correlate, by name; a missing one is what the first event brings.
  public let correlation: JSONObject
  /// The nearest events of this type, and why each did not match; the nearest first.
  public var nearest: [NearMiss]

  public init(
    activity: Int, reference: String, type: String?, correlation: JSONObject, nearest: [NearMiss] = []
  ) {
    self.activity = activity
    self.reference = reference
    self.type = type
    self.correlation = correlation
    self.nearest = nearest
  }
}
