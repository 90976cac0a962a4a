import Values

/// What was found in the indexes about open instances, at one moment of the database's clock.
public struct StuckFacts: Sendable {
  public var now: Timestamp
  /// What has stood still for less is left alone.
  public var patience: Duration
  public var mediators = 0
  public var unowned: [Shard] = []
  public var halted: [HaltedPartition] = []
  public var overdue = Sample()
  public var suspended = Sample()
  public var forgotten: [Forgotten] = []
  public var orderKeys: [OrderKey] = []
  public var queues: [Queue] = []
  public var channels: [Channel] = []
  /// Why Kafka was not asked.
  public var kafkaProblem: String?

  public init(now: Timestamp, patience: Duration) {
    self.now = now
    self.patience = patience
  }

  /// So many instances, and some of them.
  public struct Sample: Sendable, Hashable {
    public var count = 0
    /// False when there are more than were counted.
    public var isComplete = true
    public var examples: [UUIDValue] = []
    public var oldest: Timestamp?

    public init() {}
  }

  public struct Shard: Sendable, Hashable {
    public var number: Int32
    public var lastOwner: String?
    public var since: Timestamp?
    public var open: Sample
  }

  public struct OrderKey: Sendable, Hashable {
    public var key: String
    public var holder: UUIDValue
    /// When something last happened to the holder.
    public var since: Timestamp
    public var waiting: Int
  }

  /// Calls that wait for room on a channel, of all shards.
  public struct Queue: Sendable, Hashable {
    public var channel: String
    public var inFlight: Int64
    /// Those that wait: their number, the first of them, and since when.
    public var waiting: Sample
  }

  public struct Channel: Sendable, Hashable {
    public var facts: ChannelFacts
    /// The time of the oldest record that is not read.
    public var oldest: Timestamp?
    /// Open instances that wait for the unread records that were looked at.
    public var examples: [UUIDValue]
  }
}

/// Open instances that make no progress, by cause. Pure.
public struct StuckReport: Sendable, Hashable {
  public struct Group: Sendable, Hashable {
    /// A code of ``Cause``.
    public let code: String
    public let summary: String
    /// Instances; of channels, processing events that are not read.
    public let count: Int
    public let isComplete: Bool
    public let since: Timestamp?
    public let examples: [UUIDValue]
    public let next: [String]
  }

  /// The greatest first.
  public let groups: [Group]

  public init(_ facts: StuckFacts) {
    let groups =
      Self.shards(facts) + Self.halted(facts) + Self.channels(facts) + Self.queues(facts) + Self.timers(facts)
      + Self.orderKeys(facts) + Self.forgotten(facts)
    self.groups = groups.enumerated()
      .sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }.map(\.element)
  }

  private static func shards(_ facts: StuckFacts) -> [Group] {
    facts.unowned.filter { $0.open.count > 0 && isOld($0.since, facts) }.map { shard in
      group(
        .shardWithoutOwner(
          shard: shard.number, lastOwner: shard.lastOwner, since: shard.since, mediators: facts.mediators),
        shard.open, since: shard.since)
    }
  }

  private static func halted(_ facts: StuckFacts) -> [Group] {
    facts.halted.map { group(.partitionHalted($0), StuckFacts.Sample(), since: $0.since) }
  }

  private static func channels(_ facts: StuckFacts) -> [Group] {
    facts.channels.compactMap { channel in
      guard !channel.examples.isEmpty, isOld(channel.oldest, facts), let partition = channel.facts.worstPartition
      else { return nil }
      var sample = StuckFacts.Sample()
      sample.count = Int(channel.facts.lag)
      sample.examples = channel.examples
      guard let consumer = channel.facts.consumer else {
        let cause = Cause.channelWithoutConsumer(
          channel: channel.facts.channel, unread: channel.facts.lag, since: channel.oldest)
        return group(cause, sample, since: channel.oldest)
      }
      let lag = Cause.Lag(
        channel: channel.facts.channel, group: consumer.group, members: consumer.members, partition: partition,
        records: channel.facts.lag(partition), place: nil, since: channel.oldest)
      return group(consumer.members == 0 ? .consumerStopped(lag) : .consumerLag(lag), sample, since: channel.oldest)
    }
  }

  private static func queues(_ facts: StuckFacts) -> [Group] {
    facts.queues.filter { isOld($0.waiting.oldest, facts) }.map { held in
      var queue = Cause.Queue(channel: held.channel)
      (queue.inFlight, queue.queued) = (held.inFlight, Int64(held.waiting.count))
      return group(.callQueued(queue), held.waiting, since: held.waiting.oldest)
    }
  }

  private static func timers(_ facts: StuckFacts) -> [Group] {
    var groups: [Group] = []
    if facts.overdue.count > 0 {
      groups.append(group(.overdue(at: facts.overdue.oldest ?? facts.now), facts.overdue, since: facts.overdue.oldest))
    }
    if facts.suspended.count > 0 {
      groups.append(group(.suspended(by: nil), facts.suspended, since: facts.suspended.oldest))
    }
    return groups
  }

  private static func orderKeys(_ facts: StuckFacts) -> [Group] {
    facts.orderKeys.filter { isOld($0.since, facts) }.map { held in
      var sample = StuckFacts.Sample()
      sample.count = held.waiting
      sample.examples = [held.holder]
      return group(
        .orderKeyHeld(key: held.key, by: held.holder, ahead: 1, since: held.since), sample, since: held.since)
    }
  }

  private static func forgotten(_ facts: StuckFacts) -> [Group] {
    Dictionary(grouping: facts.forgotten, by: \.kind).sorted { $0.key.rawValue < $1.key.rawValue }.map { kind, found in
      Group(
        code: "forgotten.\(kind.rawValue)", summary: kind.summary, count: found.count, isComplete: true, since: nil,
        examples: found.prefix(3).map(\.instance),
        next: found.first.map { ["mediatorctl why \($0.instance.text)"] } ?? [])
    }
  }

  private static func isOld(_ time: Timestamp?, _ facts: StuckFacts) -> Bool {
    time.map { $0 + facts.patience <= facts.now } ?? true
  }

  private static func group(_ cause: Cause, _ sample: StuckFacts.Sample, since: Timestamp?) -> Group {
    Group(
      code: cause.code, summary: cause.summary, count: sample.count, isComplete: sample.isComplete, since: since,
      examples: sample.examples, next: next(cause, sample.examples.first))
  }

  /// One command that brings the whole group on; where there is none, the question about an example.
  private static func next(_ cause: Cause, _ example: UUIDValue?) -> [String] {
    switch cause {
    case .overdue, .suspended, .orderKeyHeld: example.map { ["mediatorctl why \($0.text)"] } ?? []
    case .consumerLag(let lag): [Cause.processor(of: lag.channel)]
    case .callQueued(let queue): [Cause.processor(of: queue.channel)]
    default: cause.next(for: example ?? UUIDValue(high: 0, low: 0))
    }
  }
}

extension Forgotten.Kind {
  public var summary: String {
    switch self {
    case .timerLost: "its timer is missing; its mediator sets it again"
    case .turnLost: "it waits for its turn, and nothing is before it; its mediator starts it"
    case .waitLost: "it listens, and no event would find it"
    case .childMissing: "it waits for an instance that does not exist"
    case .childEnded: "it waits for an instance that has ended"
    case .nothingAwaited: "it waits for nothing at all"
    case .parentEnded: "the instance that awaited it has ended"
    case .overdue: "it should have been woken, and was not"
    }
  }
}
