import Engine
import Mediator
import Values

/// The tables `channel_loads` and `queued_calls`.
struct QueueTables {
  private var counts: [Int32: [ChannelLoad.Key: ChannelLoad.Count]] = [:]
  /// In the order in which they were queued.
  private var calls: [Int32: [QueuedCall]] = [:]
  /// How many calls have waited for room.
  private(set) var queued = 0

  func load(_ shard: Int32) -> ChannelLoad { ChannelLoad(counts[shard] ?? [:]) }

  func first(_ wanted: [ChannelLoad.Key: Int], _ shard: Int32) -> [QueuedCall] {
    var wanted = wanted
    return (calls[shard] ?? []).filter { call in
      guard let count = wanted[call.key], count > 0 else { return false }
      wanted[call.key] = count - 1
      return true
    }
  }

  /// - Parameter instances: as the batch leaves them.
  /// - Returns: promises that the batch breaks.
  mutating func apply(
    _ batch: ShardBatch, _ shard: Int32, _ instances: [UUIDValue: StoredInstance], _ limits: CallLimits
  ) -> [String] {
    calls[shard, default: []].removeAll { batch.unqueued.contains($0) }
    calls[shard, default: []] += batch.queued
    queued += batch.queued.count
    for (key, count) in batch.loads { counts[shard, default: [:]][key] = count }
    return violations(shard, instances.values.filter { $0.shard == shard }, limits)
  }

  /// Counts and queue say the same as the states, and no channel has more under way than it may; but for one step, which
  /// may ask for several at once.
  private func violations(_ shard: Int32, _ instances: [StoredInstance], _ limits: CallLimits) -> [String] {
    var expected: [ChannelLoad.Key: ChannelLoad.Count] = [:]
    var waiting: Set<QueuedCall> = []
    var most: [String: Int] = [:]
    for instance in instances {
      var own: [String: Int] = [:]
      for call in instance.state.openCalls {
        let key = ChannelLoad.Key(definition: instance.definition, channel: call.channel)
        if call.isQueued {
          expected[key, default: .init()].queued += 1
          waiting.insert(QueuedCall(instance: instance.id, activity: call.activity, key: key))
        } else {
          expected[key, default: .init()].inFlight += 1
          own[call.channel, default: 0] += 1
        }
      }
      most.merge(own, uniquingKeysWith: max)
    }
    var violations: [String] = []
    if counts[shard, default: [:]].filter({ $0.value != .init() }) != expected {
      violations.append("shard \(shard) counts \(counts[shard] ?? [:]) calls, and there are \(expected)")
    }
    if Set(calls[shard] ?? []) != waiting || calls[shard]?.count ?? 0 != waiting.count {
      violations.append("the queue of shard \(shard) is not what waits: \(waiting.count)")
    }
    let share = max(1, limits.perChannel / Int(limits.shards))
    for (channel, most) in most {
      let inFlight = expected.filter { $0.key.channel == channel }.reduce(0) { $0 + $1.value.inFlight }
      if inFlight > share - 1 + most { violations.append("\(inFlight) calls are under way on \(channel)") }
    }
    return violations
  }
}

extension SimulatedDatabase.Tables {
  /// Whether the instance's time was over because a call had waited for room: others before it were silent for as long.
  func hasStarved(_ state: InstanceState) -> Bool {
    guard state.error?.status == 408 else { return false }
    return journal.values.joined().contains { row in
      row.instance == state.id
        && row.entries.contains { if case .callQueued = $0 { true } else { false } }
    }
  }
}
