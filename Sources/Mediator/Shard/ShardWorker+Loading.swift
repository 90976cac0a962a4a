import Engine
import Values

/// What the store knows of what a turn's work names, in a few queries for all of it.
extension ShardWorker {
  func load(_ needs: TurnNeeds) async throws(MediatorError) -> TurnPlan.Known {
    var known = TurnPlan.Known()
    try await load(needs, into: &known)
    return known
  }

  func load(_ needs: TurnNeeds, into known: inout TurnPlan.Known) async throws(MediatorError) {
    try await load(needs.instances, into: &known)
    let reopened = needs.operated.compactMap { known.instances[$0]?.order?.key }
    let orderKeys = needs.orderKeys.union(reopened)
    if !orderKeys.isEmpty { known.openOrderKeys = try await store.openOrderKeys(orderKeys) }
    if !needs.collections.isEmpty {
      known.collections = Dictionary(grouping: try await store.collected(needs.collections), by: \.collection)
    }
  }

  /// Loads instances, and those that wait for them: when one ends, its parent goes on in the same batch.
  func load(_ ids: Set<UUIDValue>, into known: inout TurnPlan.Known) async throws(MediatorError) {
    var wanted = ids
    while !wanted.isEmpty {
      var uncached: [UUIDValue] = []
      // In an order that is the same in every process: the cache remembers in which one it was asked.
      let ordered = wanted.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
      for id in ordered where known.instances[id] == nil && !known.absent.contains(id) {
        if let instance = cache.find(id) { known.instances[id] = instance } else { uncached.append(id) }
      }
      if !uncached.isEmpty {
        for instance in try await store.load(uncached) { known.instances[instance.id] = instance }
        for id in uncached where known.instances[id] == nil { known.absent.insert(id) }
      }
      var parents: Set<UUIDValue> = []
      for id in ordered {
        guard let instance = known.instances[id], let parent = instance.parent, !instance.state.status.isTerminal,
          known.instances[parent] == nil, !known.absent.contains(parent)
        else { continue }
        parents.insert(parent)
      }
      wanted = parents
    }
  }
}
