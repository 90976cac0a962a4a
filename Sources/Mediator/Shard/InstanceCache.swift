import Engine
import Values

/// The open instances that a shard has seen lately, as they are committed: saves the load of an instance whose reply
/// comes soon. Two generations bound it: when the young one is full it becomes the old one, and what nobody asked for
/// since is dropped.
struct InstanceCache {
  private var young: [UUIDValue: StoredInstance] = [:]
  private var old: [UUIDValue: StoredInstance] = [:]
  private let generationSize: Int

  /// - Parameter capacity: instances in all.
  init(capacity: Int) { generationSize = max(1, capacity / 2) }

  var count: Int { young.count + old.count }

  mutating func find(_ id: UUIDValue) -> StoredInstance? {
    if let instance = young[id] { return instance }
    guard let instance = old.removeValue(forKey: id) else { return nil }
    insert(instance)
    return instance
  }

  /// Takes an instance as it was committed; an ended one is dropped.
  mutating func update(_ instance: StoredInstance) {
    old.removeValue(forKey: instance.id)
    if instance.state.status.isTerminal {
      young.removeValue(forKey: instance.id)
    } else {
      insert(instance)
    }
  }

  mutating func removeAll() {
    young = [:]
    old = [:]
  }

  private mutating func insert(_ instance: StoredInstance) {
    if young.count >= generationSize {
      old = young
      young = [:]
    }
    young[instance.id] = instance
  }
}
