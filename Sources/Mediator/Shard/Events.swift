import Engine
import Kafka
import Values

/// What an instance listens to, all of it; empty once it listens to nothing.
public struct WaitChange: Sendable, Hashable {
  public let instance: UUIDValue
  public let waits: [EventWait]

  public init(instance: UUIDValue, waits: [EventWait]) {
    self.instance = instance
    self.waits = waits
  }
}

/// The next page of the kept events for an instance, to which the one before brought nothing.
///
/// Of the events that are kept, an instance that begins to wait is offered the oldest ones first, page by page: it may
/// want no more than one of many. Until it has been offered the last page, it is *behind*: what arrives then is kept for
/// it like the others, so that it comes in its turn.
public struct WaitPage: Sendable, Hashable {
  public let instance: UUIDValue
  public let waits: [EventWait]
  /// The last event of the page before.
  public let after: Int64
  /// How many events it holds at most.
  public let size: Int

  public init(instance: UUIDValue, waits: [EventWait], after: Int64, size: Int) {
    self.instance = instance
    self.waits = waits
    self.after = after
    self.size = size
  }

  static let firstSize = 32
  static let maxSize = 512

  /// Pages grow: who goes through many of them looks for something far behind, or wants them all.
  static func size(after size: Int) -> Int { min(max(size, 1) * 2, maxSize) }
}

/// An event that is not (only) handled where it arrived.
public struct OfferedEvent: Sendable, Hashable {
  public let record: KafkaRecord
  public let source: String
  public let id: String
  /// Under which keys listeners may wait for it; none when nothing that is deployed listens to it.
  public let keys: [String]
  /// Whether something came of it already.
  public let isUsed: Bool
  public let expiresAt: Timestamp
  public let dispatches: [Dispatch]

  /// Something to do for another shard.
  public struct Dispatch: Sendable, Hashable {
    public let shard: Int32
    public let kind: InboxItem.Kind
    /// `namespace/name`.
    public let workflow: String
  }
}

/// Something that a shard has to do because a transaction of its own or of another shard found it out.
public struct InboxItem: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    /// Offer the event to the instance.
    case event
    /// Start the workflow, in its turn.
    case start
    /// Add the event to those that together start the workflow.
    case collect
  }

  public let number: Int64
  public let kind: Kind
  public let instance: UUIDValue?
  /// `namespace/name`.
  public let workflow: String?
  public let event: Int64
  public let record: KafkaRecord
  /// Set for the last event of a full page of kept ones: how many it holds. There may be more.
  public let page: Int?

  public init(
    number: Int64, kind: Kind, instance: UUIDValue?, workflow: String?, event: Int64, record: KafkaRecord,
    page: Int? = nil
  ) {
    self.number = number
    self.kind = kind
    self.instance = instance
    self.workflow = workflow
    self.event = event
    self.record = record
    self.page = page
  }
}

/// An item that is done.
public struct HandledItem: Sendable, Hashable {
  public let number: Int64
  public let event: Int64
  /// Whether the instance took the event: then nobody who comes later gets it.
  public let isConsumed: Bool
}

/// A kept event whose time is over.
public struct ExpiredEvent: Sendable, Hashable {
  public let number: Int64
  /// Nil when nothing is to be told of it.
  public let unused: KafkaRecord?
  /// Under which keys listeners may have waited for it.
  public let keys: [String]

  public init(number: Int64, unused: KafkaRecord?, keys: [String]) {
    self.number = number
    self.unused = unused
    self.keys = keys
  }
}

/// An event on its way to start a workflow that needs several of them.
public struct CollectedEvent: Sendable, Hashable {
  public let collection: Collection
  /// The place of the filter that took it.
  public let filter: Int
  /// The number of the event: earlier ones are taken first.
  public let number: Int64
  public let event: JSON

  /// Events that belong together.
  public struct Collection: Sendable, Hashable {
    /// `namespace/name`.
    public let workflow: String
    /// The values of the correlations, as one text.
    public let correlation: String

    public init(workflow: String, correlation: String) {
      self.workflow = workflow
      self.correlation = correlation
    }
  }

  public init(collection: Collection, filter: Int, number: Int64, event: JSON) {
    self.collection = collection
    self.filter = filter
    self.number = number
    self.event = event
  }
}

/// A collected event whose time is over.
public struct OverdueEvent: Sendable, Hashable {
  public let event: CollectedEvent
  /// As it came.
  public let record: KafkaRecord

  public init(event: CollectedEvent, record: KafkaRecord) {
    self.event = event
    self.record = record
  }
}

/// When a workflow starts by itself the next time.
public struct ScheduleRow: Sendable, Hashable {
  /// `namespace/name`.
  public let workflow: String
  /// The version whose schedule it is.
  public let definition: Int32
  /// Nil while an instance runs after whose end it does.
  public let nextAt: Timestamp?

  public init(workflow: String, definition: Int32, nextAt: Timestamp?) {
    self.workflow = workflow
    self.definition = definition
    self.nextAt = nextAt
  }
}
