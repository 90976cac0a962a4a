import Engine
import Values

/// Why an instance is where it is. The codes are stable: scripts may rely on them.
public enum Cause: Sendable, Hashable {
  // It has ended.
  case completed
  case cancelled
  /// - Parameter task: the reference of the task that failed.
  case faulted(task: String?, ProblemDetails)

  // It stands still until somebody does something.
  case definitionUnloadable(workflow: String, version: String, reason: String)
  /// - Parameter mediators: how many are alive.
  case shardWithoutOwner(shard: Int32, lastOwner: String?, since: Timestamp?, mediators: Int)
  case partitionHalted(HaltedPartition)
  /// - Parameter by: nil when nothing tells who did it.
  case suspended(by: Suspension?)
  /// The processing event is in the journal and not on its channel yet.
  case unpublished(channel: String, rows: Int64, since: Timestamp)
  /// No group has ever committed a position in the channel's topic, and none has joined it.
  case channelWithoutConsumer(channel: String, unread: Int64, since: Timestamp?)
  /// The group that consumed the channel has no member now.
  case consumerStopped(Lag)
  /// What it waits for was due, and the shard has an owner, but it was not woken.
  case overdue(at: Timestamp)
  case childMissing(UUIDValue)
  /// Nothing will ever wake it.
  case unattended

  // It goes on by itself.
  /// An instance with the same order key comes first.
  case orderKeyHeld(key: String, by: UUIDValue, ahead: Int, since: Timestamp)
  /// The limit of calls under way is reached, the channel's or the workflow's.
  case callQueued(Queue)
  case consumerLag(Lag)
  /// The last attempt failed for a passing reason.
  case attemptFailed(Failure)
  case waitingForReply(Reply)
  case waitingForEvent(EventWaitFacts)
  case timer(Timer, dueAt: Timestamp)
  /// Another instance has to end first; `because` is what that one's own diagnosis says.
  case childAwaited(UUIDValue, status: InstanceStatus, because: String?)
  /// It is between two steps.
  case stepping

  public enum Timer: String, Sendable, Hashable, CaseIterable { case wait, retry, timeout }

  public struct Suspension: Sendable, Hashable {
    public let author: String
    public let reason: String?
    public let at: Timestamp?

    public init(author: String, reason: String?, at: Timestamp?) {
      self.author = author
      self.reason = reason
      self.at = at
    }
  }

  /// A processing event that its consumer has not come to yet.
  public struct Lag: Sendable, Hashable {
    public let channel: String
    public let group: String
    public let members: Int
    public let partition: Int32
    /// Unread records up to the processing event itself; up to the end of the partition where its place is not known.
    public let records: Int64
    public let place: EventPlace?
    /// The time of the oldest unread record.
    public let since: Timestamp?
  }

  /// What stands on a channel with a call that waits for room, of one shard.
  public struct Queue: Sendable, Hashable {
    public let channel: String
    /// Calls under way, of all workflows.
    public var inFlight: Int64 = 0
    /// Of the same version of the workflow.
    public var ownInFlight: Int64 = 0
    /// Calls that wait, of all workflows.
    public var queued: Int64 = 0

    public init(channel: String) { self.channel = channel }
  }

  public struct Failure: Sendable, Hashable {
    /// Nil for a `try` whose tasks are run again.
    public let channel: String?
    public let attempts: Int
    public let problem: ProblemDetails?
    public let retryAt: Timestamp
    public let deadline: Timestamp?
  }

  public struct Reply: Sendable, Hashable {
    public let channel: String
    public let attempt: Int
    public let requestID: String
    public let requestedAt: Timestamp?
    public let deadline: Timestamp
    /// Who has read the processing event; nil when that is not known.
    public let readBy: String?
    public let progress: PendingCall.Progress?
    /// Why Kafka was not asked.
    public let unknown: String?
  }

  public enum Kind: Sendable, Hashable { case ended, blocked, waiting }

  /// Whether somebody has to do something.
  public var kind: Kind {
    switch self {
    case .completed, .cancelled, .faulted: .ended
    case .definitionUnloadable, .shardWithoutOwner, .partitionHalted, .suspended, .unpublished,
      .channelWithoutConsumer, .consumerStopped, .overdue, .childMissing, .unattended:
      .blocked
    case .orderKeyHeld, .callQueued, .consumerLag, .attemptFailed, .waitingForReply, .waitingForEvent, .timer,
      .childAwaited,
      .stepping:
      .waiting
    }
  }

  public var code: String {
    switch self {
    case .completed: "completed"
    case .cancelled: "cancelled"
    case .faulted: "faulted"
    case .definitionUnloadable: "definitionUnloadable"
    case .shardWithoutOwner: "shardWithoutOwner"
    case .partitionHalted: "partitionHalted"
    case .suspended: "suspended"
    case .unpublished: "unpublished"
    case .channelWithoutConsumer: "channelWithoutConsumer"
    case .consumerStopped: "consumerStopped"
    case .overdue: "overdue"
    case .childMissing: "childMissing"
    case .unattended: "unattended"
    case .orderKeyHeld: "orderKeyHeld"
    case .callQueued: "callQueued"
    case .consumerLag: "consumerLag"
    case .attemptFailed: "attemptFailed"
    case .waitingForReply: "waitingForReply"
    case .waitingForEvent: "waitingForEvent"
    case .timer: "timer"
    case .childAwaited: "childAwaited"
    case .stepping: "stepping"
    }
  }
}

/// A partition that a mediator reads no more, because going on would lose or repeat records in silence.
public struct HaltedPartition: Sendable, Hashable {
  public let topic: String
  public let partition: Int32
  public let reason: String
  public let mediator: String
  public let since: Timestamp
}
