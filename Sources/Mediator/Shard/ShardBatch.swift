import Engine
import Kafka
import Values

/// A workflow instance with what the mediator knows of it besides the engine's state.
public struct StoredInstance: Sendable, Hashable {
  public let shard: Int32
  /// The number of its definition in the store; another one once it was migrated.
  public var definition: Int32
  /// The key of the record that started it: the key of all its processing events.
  public let key: [UInt8]?
  public let eventID: String
  public let eventSource: String
  /// The instance that started it, where one did.
  public let parent: UUIDValue?
  /// How many instances lie above it, by which it was started.
  public let depth: Int
  /// Instances with one order key run one after another, in the order of their places.
  public let order: Order?
  public var state: InstanceState

  public struct Order: Sendable, Hashable {
    public let key: String
    public let place: Int64

    public init(key: String, place: Int64) {
      self.key = key
      self.place = place
    }
  }

  public init(
    shard: Int32, definition: Int32, key: [UInt8]?, eventID: String, eventSource: String, parent: UUIDValue? = nil,
    depth: Int = 0, order: Order? = nil, state: InstanceState
  ) {
    self.shard = shard
    self.definition = definition
    self.key = key
    self.eventID = eventID
    self.eventSource = eventSource
    self.parent = parent
    self.depth = depth
    self.order = order
    self.state = state
  }

  public var id: UUIDValue { state.id }
}

/// One batch: everything that one transaction writes.
public struct ShardBatch: Sendable {
  /// Counts the shard's batches.
  public var number: Int64
  /// The last journal sequence used, this batch included.
  public var journalHead: Int64
  public var publishMark: Int64
  public var started: [StoredInstance] = []
  public var updated: [StoredInstance] = []
  public var journal: [JournalRow] = []
  public var deadLetters: [DeadLetter] = []
  /// Dead letters that the topic did not take.
  public var unpublishedLetters: [UnpublishedLetter] = []
  /// Whose dead letters are settled, because they go on.
  public var settledFaults: [SettledFaults] = []
  public var forwarded: [ForwardedReply] = []
  public var positions: [TopicPartition: Position] = [:]
  /// What instances listen to now, where that has changed.
  public var waits: [WaitChange] = []
  /// Who is offered more of the kept events.
  public var pages: [WaitPage] = []
  /// Events that go to whoever listens, to another shard, or to a collection.
  public var offered: [OfferedEvent] = []
  /// What was taken from the inbox.
  public var handled: [HandledItem] = []
  /// Expired events.
  public var expired: [ExpiredEvent] = []
  public var collected: [CollectedEvent] = []
  public var uncollected: [CollectedEvent] = []
  /// Of these order keys, the next instance may run.
  public var releasedOrderKeys: Set<String> = []
  public var schedules: [ScheduleRow] = []
  public var unscheduled: [String] = []
  /// The numbers of the operators' commands that are done with, and what became of them.
  public var commands: [Int64] = []
  public var audit: [AuditRow] = []
  /// Calls that wait for room from now on, and those that do not any more.
  public var queued: [QueuedCall] = []
  public var unqueued: [QueuedCall] = []
  /// How many calls are under way and queued now, where that has changed.
  public var loads: [(key: ChannelLoad.Key, count: ChannelLoad.Count)] = []
  /// The number of the newest definition that the batch was planned with; nil where a newer one would change nothing
  /// in it. What an event starts, and under which keys it is found, depends on what is deployed.
  public var newestDefinition: Int32?
  /// When the batch was planned.
  public var at = Timestamp(microseconds: 0)

  public init(number: Int64, journalHead: Int64, publishMark: Int64) {
    self.number = number
    self.journalHead = journalHead
    self.publishMark = publishMark
  }

  public var isEmpty: Bool {
    started.isEmpty && updated.isEmpty && journal.isEmpty && deadLetters.isEmpty && forwarded.isEmpty
      && positions.isEmpty && offered.isEmpty && handled.isEmpty && expired.isEmpty && schedules.isEmpty
      && unscheduled.isEmpty && commands.isEmpty && unpublishedLetters.isEmpty && unqueued.isEmpty
  }
}

/// What one step did to one instance.
public struct JournalRow: Sendable, Hashable {
  public let sequence: Int64
  public let instance: UUIDValue
  public let at: Timestamp
  public let entries: [JournalEntry]

  public init(sequence: Int64, instance: UUIDValue, at: Timestamp, entries: [JournalEntry]) {
    self.sequence = sequence
    self.instance = instance
    self.at = at
    self.entries = entries
  }

  public var requests: [Request] {
    entries.compactMap { if case .requested(let request) = $0 { request } else { nil } }
  }

  /// How many records have to be published because of the row, not counting lifecycle events.
  public var publications: Int {
    entries.count { entry in
      switch entry {
      case .requested, .emitted: true
      default: false
      }
    }
  }
}

/// A reply that arrived on the partition of another shard than its instance's.
public struct ForwardedReply: Sendable, Hashable {
  public let sequence: Int64
  public let partition: Int32
  public let record: KafkaRecord

  public init(sequence: Int64, partition: Int32, record: KafkaRecord) {
    self.sequence = sequence
    self.partition = partition
    self.record = record
  }
}

/// Something in the store that has to be published (again).
public enum UnpublishedRow: Sendable, Hashable {
  case journal(JournalRow, StoredInstance.Address)
  case deadLetter(DeadLetter)
  case forwarded(ForwardedReply)
  /// Committed, with nothing to publish.
  case silent(sequence: Int64)

  public var sequence: Int64 {
    switch self {
    case .journal(let row, _): row.sequence
    case .silent(let sequence): sequence
    case .deadLetter(let letter): letter.sequence
    case .forwarded(let reply): reply.sequence
    }
  }
}

extension StoredInstance {
  /// What an instance's processing events say of their sender.
  public struct Address: Sendable, Hashable {
    public let id: UUIDValue
    public let definition: Int32
    public let key: [UInt8]?
    /// The version that it ran when what is published was written; nil: that of `definition`.
    public var formerVersion: String?

    public init(id: UUIDValue, definition: Int32, key: [UInt8]?, formerVersion: String? = nil) {
      self.id = id
      self.definition = definition
      self.key = key
      self.formerVersion = formerVersion
    }
  }

  public var address: Address { Address(id: id, definition: definition, key: key) }
}

/// The next offset of a source partition, and what the record before it looked like.
public struct Position: Sendable, Hashable {
  public var next: Int64
  /// Milliseconds, as the record says.
  public var timestamp: Int64
  /// FNV-1a (64 bits) of key and value.
  public var checksum: Int64

  public init(next: Int64, timestamp: Int64, checksum: Int64) {
    self.next = next
    self.timestamp = timestamp
    self.checksum = checksum
  }

  /// The position after a record.
  public init(after record: KafkaRecord) {
    self.init(next: record.offset + 1, timestamp: record.timestamp, checksum: Self.checksum(of: record))
  }
}

extension Position {
  static func checksum(of record: KafkaRecord) -> Int64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in [record.key, record.value] {
      for byte in part ?? [] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      // Keeps (key "a", value "b") apart from (key "ab", no value).
      hash = (hash ^ (part == nil ? 0x100 : 0x101)) &* 0x100_0000_01b3
    }
    return Int64(bitPattern: hash)
  }
}

/// What an owner finds when it takes a shard over.
public struct ShardTakeover: Sendable, Hashable {
  public let shard: Int32
  public let epoch: Int64
  public let batch: Int64
  public let journalHead: Int64
  public let publishMark: Int64

  public init(shard: Int32, epoch: Int64, batch: Int64, journalHead: Int64, publishMark: Int64) {
    self.shard = shard
    self.epoch = epoch
    self.batch = batch
    self.journalHead = journalHead
    self.publishMark = publishMark
  }
}
