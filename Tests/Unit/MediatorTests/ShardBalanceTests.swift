import Testing

@testable import Mediator

@Suite struct ShardBalanceTests {
  private func view(_ mediators: [String], owners: [String?]) -> LeaseStore.View {
    LeaseStore.View(
      mediators: mediators,
      shards: owners.enumerated().map { LeaseStore.View.Shard(shard: Int32($0.offset), owner: $0.element) })
  }

  private func owned(_ me: String, _ owners: [String?]) -> Set<Int32> {
    Set(owners.indices.filter { owners[$0] == me }.map { Int32($0) })
  }

  /// Lets every mediator decide in turn, at once effective, until nobody wants a change.
  private func settle(_ mediators: [String], _ owners: inout [String?]) -> Int {
    for round in 0..<100 {
      var isQuiet = true
      for me in mediators {
        let decision = ShardBalance.decide(me: me, view: view(mediators, owners: owners), owned: owned(me, owners))
        for shard in decision.release { owners[Int(shard)] = nil }
        for shard in decision.claim { owners[Int(shard)] = me }
        if !decision.claim.isEmpty || !decision.release.isEmpty { isQuiet = false }
      }
      if isQuiet { return round }
    }
    return .max
  }

  @Test func everyNumberOfMediatorsAndShardsComesOutEven() {
    for count in 1...8 {
      let mediators = (0..<count).map { "m\($0)" }
      for shards in 0...20 {
        var owners: [String?] = Array(repeating: nil, count: shards)
        #expect(settle(mediators, &owners) < 5)
        #expect(!owners.contains(nil), "\(count) mediators leave a shard of \(shards)")
        let shares = mediators.map { owned($0, owners).count }
        #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
        // Settled is settled: nobody wants anything any more.
        for me in mediators {
          let decision = ShardBalance.decide(me: me, view: view(mediators, owners: owners), owned: owned(me, owners))
          #expect(decision == ShardBalance(claim: [], release: []))
        }
      }
    }
  }

  /// From whatever state others left behind: dead owners, more than a share, nobody.
  @Test func everyBeginningConverges() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<500 {
      let mediators = (0..<Int.random(in: 1...6, using: &random)).map { "m\($0)" }
      var owners: [String?] = (0..<Int.random(in: 1...16, using: &random)).map { _ in
        Bool.random(using: &random) ? mediators.randomElement(using: &random) : nil
      }
      #expect(settle(mediators, &owners) < 20)
      let shares = mediators.map { owned($0, owners).count }
      #expect(!owners.contains(nil))
      #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
    }
  }

  @Test func aNewcomerMovesNoMoreThanItsShare() {
    for shards in 1...20 {
      var owners: [String?] = Array(repeating: nil, count: shards)
      _ = settle(["a", "b"], &owners)
      let before = owners
      _ = settle(["a", "b", "c"], &owners)
      let moved = zip(before, owners).count { $0 != $1 }
      #expect(moved <= (shards + 2) / 3)
    }
  }

  @Test func anothersShardIsNotClaimed() {
    let decision = ShardBalance.decide(me: "a", view: view(["a", "b"], owners: ["b", "b", "b", "b"]), owned: [])
    #expect(decision == ShardBalance(claim: [], release: []))
  }

  /// After a failure here the lease still is this mediator's: it takes the shard again.
  @Test func itsOwnShardWithoutAWorkerIsClaimedAgain() {
    let decision = ShardBalance.decide(me: "a", view: view(["a"], owners: ["a", "a"]), owned: [1])
    #expect(decision == ShardBalance(claim: [0], release: []))
  }

  @Test func whoIsNotInTheListYetCountsItself() {
    let decision = ShardBalance.decide(me: "b", view: view(["a"], owners: [nil, nil, nil, nil]), owned: [])
    #expect(decision.claim.count == 2)
  }

  @Test func mediatorsThatStartTogetherLookAtDifferentShards() {
    let view = view(["a", "b", "c"], owners: Array(repeating: nil, count: 9))
    let claims = ["a", "b", "c"].map { Set(ShardBalance.decide(me: $0, view: view, owned: []).claim) }
    #expect(claims.map(\.count) == [3, 3, 3])
    #expect(claims.reduce(into: Set()) { $0.formUnion($1) }.count == 9)
  }
}
