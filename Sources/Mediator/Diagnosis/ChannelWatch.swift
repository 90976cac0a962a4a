import Values

/// Notices channels that nobody consumes, from one look to the next. Pure.
public struct ChannelWatch: Sendable {
  public enum State: Sendable, Hashable {
    case served
    /// No group has ever had to do with it.
    case neverConsumed
    /// The group that consumed it has no member, and its position stands still.
    case stopped(group: String)

    public var isServed: Bool { self == .served }
  }

  public struct Change: Sendable, Hashable {
    public let channel: String
    public let state: State
    /// Processing events that wait there.
    public let unread: Int64
  }

  public private(set) var states: [String: State] = [:]
  private var positions: [String: Int64] = [:]

  public init() {}

  /// The channels that nobody consumes, by name, with the state of each.
  public var unserved: [(channel: String, state: State)] {
    states.filter { !$0.value.isServed }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Takes what is seen now.
  ///
  /// - Returns: the channels whose state has changed; at first sight, only those that nobody consumes.
  public mutating func observe(_ channels: [ChannelFacts]) -> [Change] {
    var changes: [Change] = []
    for facts in channels.sorted(by: { $0.channel < $1.channel }) {
      let position = facts.partitions.keys.reduce(0) { $0 + facts.position($1) }
      let state = Self.state(of: facts, hasMoved: positions[facts.channel] != position)
      positions[facts.channel] = position
      let before = states.updateValue(state, forKey: facts.channel) ?? .served
      if before != state { changes.append(Change(channel: facts.channel, state: state, unread: facts.lag)) }
    }
    let known = Set(channels.map(\.channel))
    states = states.filter { known.contains($0.key) }
    positions = positions.filter { known.contains($0.key) }
    return changes
  }

  private static func state(of facts: ChannelFacts, hasMoved: Bool) -> State {
    // Where nothing waits, nobody is missed.
    guard facts.lag > 0 else { return .served }
    guard let consumer = facts.consumer else { return .neverConsumed }
    // Who reads without joining its group, and who has just left it, is seen by the position that it commits.
    return consumer.members > 0 || hasMoved ? .served : .stopped(group: consumer.group)
  }
}
