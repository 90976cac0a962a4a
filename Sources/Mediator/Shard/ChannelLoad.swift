import Engine
import Values

/// How many calls of a shard's instances are under way, and how many wait for room, by workflow version and channel.
///
/// It is counted from the states before and after every step, and written in the transaction that writes the states: so
/// it cannot drift from them, whoever owns the shard.
public struct ChannelLoad: Sendable, Hashable {
  public struct Key: Sendable, Hashable, Comparable {
    /// The version's number in the store.
    public let definition: Int32
    public let channel: String

    public init(definition: Int32, channel: String) {
      self.definition = definition
      self.channel = channel
    }

    public static func < (left: Key, right: Key) -> Bool {
      (left.definition, left.channel) < (right.definition, right.channel)
    }
  }

  public struct Count: Sendable, Hashable {
    public var inFlight: Int
    public var queued: Int

    public init(inFlight: Int = 0, queued: Int = 0) {
      self.inFlight = inFlight
      self.queued = queued
    }
  }

  public private(set) var counts: [Key: Count] = [:]
  /// Of all versions together.
  private var inFlightByChannel: [String: Int] = [:]
  private var inFlightByDefinition: [Int32: Int] = [:]
  private var queued = 0

  public init(_ counts: [Key: Count] = [:]) {
    for (key, count) in counts { add(count, to: key) }
  }

  // MARK: Counting

  /// A step has made `after` of `before`.
  mutating func replace(_ before: StoredInstance?, with after: StoredInstance) {
    if let before { count(before, by: -1) }
    count(after, by: 1)
  }

  private mutating func count(_ instance: StoredInstance, by sign: Int) {
    for call in instance.state.openCalls {
      let one = call.isQueued ? Count(queued: sign) : Count(inFlight: sign)
      add(one, to: Key(definition: instance.definition, channel: call.channel))
    }
  }

  private mutating func add(_ count: Count, to key: Key) {
    counts[key, default: Count()].inFlight += count.inFlight
    counts[key, default: Count()].queued += count.queued
    inFlightByChannel[key.channel, default: 0] += count.inFlight
    inFlightByDefinition[key.definition, default: 0] += count.inFlight
    queued += count.queued
  }

  /// What has to be written when `self` follows on `before`, in an order that is the same every time.
  func changes(since before: ChannelLoad) -> [(key: Key, count: Count)] {
    counts.filter { before.counts[$0.key] != $0.value }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  // MARK: Limits

  /// Which calls of a version may go out. Where others of its calls wait, none overtakes them.
  func admission(of definition: Int32, _ limits: CallLimits) -> CallAdmission {
    let isFull = inFlightByDefinition[definition, default: 0] >= limits.share(ofVersion: definition)
    var full: Set<String> = []
    for (channel, inFlight) in inFlightByChannel where inFlight >= limits.share(ofChannel: channel) {
      full.insert(channel)
    }
    if queued > 0 {
      for (key, count) in counts where key.definition == definition && count.queued > 0 { full.insert(key.channel) }
    }
    return CallAdmission(fullChannels: full, isFull: isFull)
  }

  /// How many queued calls may go out now, of each version and channel.
  ///
  /// Every free place goes to the version that has the fewest calls under way on that channel for its weight. So a
  /// version with a call now and then does not stand behind the thousands of another.
  func releases(_ limits: CallLimits, weights: [Int32: Int], atMost limit: Int) -> [Key: Int] {
    guard queued > 0 else { return [:] }
    var releases: [Key: Int] = [:]
    var ahead = self
    for _ in 0..<limit {
      guard let key = ahead.next(limits, weights) else { break }
      releases[key, default: 0] += 1
      ahead.add(Count(inFlight: 1, queued: -1), to: key)
    }
    return releases
  }

  /// Whether one more call may be under way.
  func hasRoom(for key: Key, _ limits: CallLimits) -> Bool {
    inFlightByChannel[key.channel, default: 0] < limits.share(ofChannel: key.channel)
      && inFlightByDefinition[key.definition, default: 0] < limits.share(ofVersion: key.definition)
  }

  private func next(_ limits: CallLimits, _ weights: [Int32: Int]) -> Key? {
    var best: (key: Key, share: Double)?
    for (key, count) in counts where count.queued > 0 && hasRoom(for: key, limits) {
      let share = Double(count.inFlight) / Double(weights[key.definition] ?? 1)
      if let known = best, (known.share, known.key) <= (share, key) { continue }
      best = (key, share)
    }
    return best?.key
  }
}

/// How many calls may be under way at once; each shard has an equal share.
public struct CallLimits: Sendable, Hashable {
  /// On one channel.
  public var perChannel: Int
  /// On channels that have a limit of their own.
  public var channels: [String: Int]
  /// Of one version of a workflow on all channels, by its number: `document.metadata.maxInFlight`.
  public var versions: [Int32: Int] = [:]
  public var shards: Int32

  public init(perChannel: Int = 10_000, channels: [String: Int] = [:], shards: Int32 = 1) {
    self.perChannel = perChannel
    self.channels = channels
    self.shards = shards
  }

  /// At least one, or a call would wait for ever.
  private func share(_ limit: Int) -> Int { max(1, limit / Int(max(1, shards))) }

  func share(ofChannel channel: String) -> Int { share(channels[channel] ?? perChannel) }
  func share(ofVersion definition: Int32) -> Int { versions[definition].map(share) ?? .max }
}

/// A call that waits for room on its channel. Those of one version on one channel go out in the order in which they
/// were queued.
public struct QueuedCall: Sendable, Hashable {
  public let instance: UUIDValue
  public let activity: Int
  public let key: ChannelLoad.Key

  public init(instance: UUIDValue, activity: Int, key: ChannelLoad.Key) {
    self.instance = instance
    self.activity = activity
    self.key = key
  }
}
