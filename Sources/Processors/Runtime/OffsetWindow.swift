import Kafka
import Safeguards

/// Which records of each partition are done with, and so how far it may be committed: over the contiguous prefix only.
/// Pure.
struct OffsetWindow: Sendable {
  private struct Entry {
    let offset: Int64
    /// How many things have still to happen before the record is done with.
    var holds: Int
  }

  private struct Lane {
    /// In ascending order of offset; those before `first` are done with.
    var entries: [Entry] = []
    var first = 0
    /// How many of them may still come to be done with.
    var pending = 0
    var committable: Int64?
    var committed: Int64?

    var openCount: Int { entries.count - first }

    func index(of offset: Int64) -> Int? {
      var low = first
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
      }
      return low < entries.count && entries[low].offset == offset ? low : nil
    }

    mutating func trim() {
      while first < entries.count, entries[first].holds <= 0 {
        committable = entries[first].offset + 1
        first += 1
      }
      if first == entries.count {
        entries.removeAll(keepingCapacity: true)
        first = 0
      } else if first > 4096 {
        entries.removeFirst(first)
        first = 0
      }
    }
  }

  private var lanes: [TopicPartition: Lane] = [:]
  /// Records taken on and not done with, or waiting for an earlier one of their partition.
  private(set) var openCount = 0

  var partitions: Set<TopicPartition> { Set(lanes.keys) }

  /// Whether nothing that is under way will change these partitions any more.
  func isSettled(_ partitions: Set<TopicPartition>) -> Bool {
    partitions.allSatisfy { (lanes[$0]?.pending ?? 0) == 0 }
  }

  /// Takes a record on, with one hold.
  mutating func open(_ place: RecordPlace) {
    var lane = lanes[place.partition] ?? Lane()
    if let last = lane.entries.last, last.offset >= place.offset {
      // The partition is read again from an earlier place: what was known of it is out of date.
      openCount -= lane.openCount
      lane = Lane()
    }
    lane.entries.append(Entry(offset: place.offset, holds: 1))
    if !Safeguard.holds(.offsetAfterReply) { lane.committable = place.offset + 1 }
    lane.pending += 1
    lanes[place.partition] = lane
    openCount += 1
  }

  /// Adds holds to a record that has at least one. A record that is not in the window is none of its business any more.
  mutating func hold(_ place: RecordPlace, _ count: Int) {
    change(place) { lane, index in lane.entries[index].holds += count }
  }

  /// Takes one hold away.
  mutating func release(_ place: RecordPlace) {
    change(place) { lane, index in
      lane.entries[index].holds -= 1
      guard lane.entries[index].holds == 0 else { return }
      lane.pending -= 1
      lane.trim()
      if !Safeguard.holds(.offsetContiguous) { lane.committable = place.offset + 1 }
    }
  }

  /// The record will not be done with here, so its partition is not committed beyond it.
  mutating func abandon(_ place: RecordPlace) {
    change(place) { lane, index in
      guard lane.entries[index].holds < Self.forever else { return }
      lane.entries[index].holds = Self.forever
      lane.pending -= 1
    }
  }

  private static let forever = 1 << 40

  private mutating func change(_ place: RecordPlace, _ body: (inout Lane, Int) -> Void) {
    guard let key = lanes.index(forKey: place.partition), let index = lanes.values[key].index(of: place.offset) else {
      return
    }
    let before = lanes.values[key].openCount
    body(&lanes.values[key], index)
    openCount -= before - lanes.values[key].openCount
  }

  /// The next offsets that have moved on since they were last marked as committed.
  func committable(in partitions: Set<TopicPartition>? = nil) -> [TopicPartition: Int64] {
    var result: [TopicPartition: Int64] = [:]
    for (partition, lane) in lanes where partitions?.contains(partition) ?? true {
      if let next = lane.committable, next != lane.committed { result[partition] = next }
    }
    return result
  }

  mutating func markCommitted(_ positions: [TopicPartition: Int64]) {
    for (partition, next) in positions { lanes[partition]?.committed = next }
  }

  /// The partitions belong to someone else now.
  mutating func forget(_ partitions: some Sequence<TopicPartition>) {
    for partition in partitions {
      guard let lane = lanes.removeValue(forKey: partition) else { continue }
      openCount -= lane.openCount
    }
  }
}
