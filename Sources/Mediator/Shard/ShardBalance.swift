/// Which shards a mediator should claim or give back. Pure.
///
/// Every mediator computes the same fair shares from the same sorted list of the living, so no one has to be asked:
/// `shards / mediators` each, and one more for the first ones where it does not come out even.
struct ShardBalance: Equatable {
  var claim: [Int32]
  var release: [Int32]

  /// - Parameters:
  ///   - owned: the shards whose workers run here.
  static func decide(me: String, view: LeaseStore.View, owned: Set<Int32>) -> ShardBalance {
    var living = view.mediators
    if !living.contains(me) { living = (living + [me]).sorted() }
    let rank = living.firstIndex(of: me) ?? 0
    let total = view.shards.count
    let share = total / living.count + (rank < total % living.count ? 1 : 0)
    if owned.count > share {
      return ShardBalance(claim: [], release: Array(owned.sorted().suffix(owned.count - share)))
    }
    // Each starts to look at another place, so that mediators that start together seldom want the same shard.
    let start = total == 0 ? 0 : rank * total / living.count
    let rotated = view.shards[start...] + view.shards[..<start]
    let free = rotated.filter { ($0.owner == nil || $0.owner == me) && !owned.contains($0.shard) }
    return ShardBalance(claim: free.prefix(share - owned.count).map(\.shard), release: [])
  }
}
