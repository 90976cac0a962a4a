import Kafka
import Values
import Wire

/// How a shard's batch loop runs.
public struct ShardOptions: Sendable {
  /// Queue topics, and the binding of those that carry bare JSON.
  public var queues: [String: EventBinding?]
  public var repliesTopic: String
  /// Of initial events.
  public var limits: DecodeLimits
  public var replyLimits = DecodeLimits()
  /// Records in one batch.
  public var maxBatch: Int
  /// How long a turn shall take at most, about; where one takes longer, the next takes less into it.
  public var turnTarget: Duration = .milliseconds(150)
  /// How long a turn waits for the first record.
  public var wait: Duration
  /// How often due timers are looked for.
  public var timerInterval: Duration
  /// Timers fired in one batch.
  public var maxTimers: Int
  /// Instances of one version with a call under way, beyond which those that only wait are not woken.
  public var maxRunning = 1000
  /// Calls under way at once; the versions' own limits are in the catalog.
  public var callLimits = CallLimits()
  /// Queued calls that one batch lets go out.
  public var maxReleases = 500
  /// Rows committed and not yet acknowledged by the broker; above it no record is read.
  public var maxUnpublished: Int
  /// The same for the bytes of their records.
  public var maxUnpublishedBytes: Int
  /// Instances kept in memory, and the bytes of their data.
  public var cacheCapacity: Int
  public var cacheBytes: Int
  public var lease: Duration
  /// How many shards the cluster has.
  public var shards: Int32 = 1
  /// How often the inbox is looked into, and how much of it one batch takes.
  public var inboxInterval: Duration = .milliseconds(100)
  public var maxInbox = 500
  /// Operators' commands in one batch.
  public var maxCommands = 200
  /// How long an event is kept for a listener that comes later.
  public var eventRetention: Duration = .seconds(86_400)
  public var expiryInterval: Duration = .seconds(10)
  /// Where emitted events go.
  public var routes = EmitRoutes()
  /// Which lifecycle events are published.
  public var lifecycle: LifecycleLevel = .off
  public var secrets = Secrets()
  /// How long a channel's topic may refuse processing events before their tasks fault.
  public var patience: Duration = .seconds(30)
  /// How often a topic that refuses is tried meanwhile.
  public var probeInterval: Duration = .seconds(2)
  /// A dead letter that was sent again so many times, and comes back, is parked.
  public var maxRedrives = 3

  public init(
    queues: [String: EventBinding?] = [Topics.queue: nil], repliesTopic: String = Topics.replies,
    limits: DecodeLimits = DecodeLimits(), maxBatch: Int = 500, wait: Duration = .milliseconds(250),
    timerInterval: Duration = .milliseconds(500), maxTimers: Int = 500, maxUnpublished: Int = 10_000,
    maxUnpublishedBytes: Int = 64 << 20, cacheCapacity: Int = 10_000, cacheBytes: Int = 64 << 20,
    lease: Duration = .seconds(5)
  ) {
    self.queues = queues
    self.repliesTopic = repliesTopic
    self.limits = limits
    self.maxBatch = maxBatch
    self.wait = wait
    self.timerInterval = timerInterval
    self.maxTimers = maxTimers
    self.maxUnpublished = maxUnpublished
    self.maxUnpublishedBytes = maxUnpublishedBytes
    self.cacheCapacity = cacheCapacity
    self.cacheBytes = cacheBytes
    self.lease = lease
  }
}
