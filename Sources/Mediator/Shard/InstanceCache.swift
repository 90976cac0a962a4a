import Engine
import Values

/// The open instances that a shard has seen lately, as they are committed: saves the load of an instance whose reply
/// comes soon. Two generations bound it: when the young one is full it becomes the old one, and what nobody asked for
/// since is dropped.
struct InstanceCache {
  private struct Entry {
    let instance: StoredInstance
    let bytes: Int
  }

  private var young: [UUIDValue: Entry] = [:]
  private var youngBytes = 0
  private var old: [UUIDValue: Entry] = [:]
  private let generationSize: Int
  private let generationBytes: Int

  /// - Parameters:
  ///   - capacity: instances in all.
  ///   - bytes: of their data, in all, but for a last one that may be larger.
  init(capacity: Int, bytes: Int) {
    generationSize = max(1, capacity / 2)
    generationBytes = max(1, bytes / 2)
  }

  var count: Int { young.count + old.count }

  mutating func find(_ id: UUIDValue) -> StoredInstance? {
    if let entry = young[id] { return entry.instance }
    guard let entry = old.removeValue(forKey: id) else { return nil }
    insert(entry)
    return entry.instance
  }

  /// Takes an instance as it was committed; an ended one is dropped.
  mutating func update(_ instance: StoredInstance) {
    old.removeValue(forKey: instance.id)
    if let known = young.removeValue(forKey: instance.id) { youngBytes -= known.bytes }
    guard !instance.state.status.isTerminal else { return }
    insert(Entry(instance: instance, bytes: instance.state.approximateBytes))
  }

  private mutating func insert(_ entry: Entry) {
    if young.count >= generationSize || youngBytes >= generationBytes {
      old = young
      young = [:]
      youngBytes = 0
    }
    young[entry.instance.id] = entry
    youngBytes += entry.bytes
  }
}
