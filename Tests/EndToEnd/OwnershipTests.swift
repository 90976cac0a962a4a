import Glibc
import Postgres
import TestSupport
import Testing
import Values

/// Who owns which shard, through joins, leaves, kills and a long sleep.
@Suite(.serialized) struct OwnershipTests {
  @Test(.timeLimit(.minutes(5)))
  func shardsMoveWithTheMediators() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    let first = try cluster.start("mediator", "--id", "first", "--shards", "6")
    try await waitForShares(cluster, ["first": 6])
    let second = try cluster.start("mediator", "--id", "second")
    try await waitForShares(cluster, ["first": 3, "second": 3])
    let processors = [
      try cluster.start("processor", "persistence"), try cluster.start("processor", "alerts"),
      try cluster.start("processor", "telegram"),
    ]
    let simulator = try cluster.start(
      "simulator", "--count", "5000", "--rate", "100", "--devices", "4", "--equipments-per-device", "3",
      "--seed", "17", "--output", "json")

    // A third joins under load, and leaves again.
    let third = try cluster.start("mediator", "--id", "third")
    try await waitForShares(cluster, ["first": 2, "second": 2, "third": 2])
    #expect(try await third.stop(within: .seconds(10)) == 0)
    try await waitForShares(cluster, ["first": 3, "second": 3])

    // So do processors: what one hands over, the others go on with.
    for name in ["persistence", "alerts", "persistence", "alerts"] {
      let joined = ContinuousClock.now
      let helper = try cluster.start("processor", name)
      try await poll(within: .seconds(10), "\(name) to share its work") {
        helper.log.contains("partitions assigned") ? true : nil
      }
      print("a second \(name) has its share after \(ContinuousClock.now - joined)")
      #expect(try await helper.stop(within: .seconds(10)) == 0)
    }
    #expect(simulator.exitStatus == nil, "nothing proves anything without load")

    // A killed one's shards are taken over.
    await second.kill()
    let killed = ContinuousClock.now
    try await waitForShares(cluster, ["first": 6])
    #expect(ContinuousClock.now - killed < .seconds(10))

    // A sleeper past its lease loses its shards, and may write nothing when it wakes up.
    let fourth = try cluster.start("mediator", "--id", "fourth")
    try await waitForShares(cluster, ["first": 3, "fourth": 3])
    #expect(simulator.exitStatus == nil, "nothing proves anything without load")
    first.signal(SIGSTOP)
    try await waitForShares(cluster, ["fourth": 6])
    let epochs = try await epochs(cluster)
    #expect(!first.log.contains("shard lost to another owner"))
    first.signal(SIGCONT)
    // What it was about to write is refused: each of its shards has moved on to another epoch.
    try await poll(within: .seconds(15), "the former owner to be refused") {
      first.log.split(separator: "\n").count { $0.contains("shard lost to another owner") } >= 3 ? true : nil
    }
    try await waitForShares(cluster, ["first": 3, "fourth": 3])
    for (shard, epoch) in try await self.epochs(cluster) { #expect(epoch >= epochs[shard] ?? 0) }

    #expect(try await simulator.waitForExit(within: .seconds(120)) == 0)
    let accepted = try #require(try JSON.parse(simulator.output)["readings"]?.int)
    try await cluster.waitForInstances(accepted, within: .seconds(120))
    try await cluster.verify()
    try await expectNoPause(cluster)
    for service in [first, fourth] + processors { #expect(try await service.stop() == 0) }
    await cluster.remove()
  }

  /// However the shards moved, none stood still for longer than ten seconds while there was load, and no instance did.
  private func expectNoPause(_ cluster: Cluster) async throws {
    for owner in ["shard", "instance"] {
      let rows = try await cluster.query(
        """
        select (extract(epoch from pause) * 1000)::int as pause,
               format('%s %s: %s, then at %s %s', owner, shard, before, at, entries) as what
          from (select \(owner)::text as owner, shard, at, entries, lag(entries) over places as before,
                       at - lag(at) over places as pause
                  from journal window places as (partition by \(owner) order by sequence)) as pauses
         where pause is not null order by pause desc limit 5
        """)
      let pause = try rows.first?.int("pause") ?? 0
      print("the longest pause of one \(owner): \(pause) ms")
      let places = try rows.map { try $0.text("what") }.joined(separator: "\n")
      #expect(pause > 0 && pause < 10_000, "\(places)")
    }
  }

  /// Waits until each mediator holds this many shards, with a lease that runs.
  private func waitForShares(_ cluster: Cluster, _ expected: [String: Int]) async throws {
    try await poll(within: .seconds(20), every: .milliseconds(200), "the shares \(expected)") {
      var shares: [String: Int] = [:]
      for row in try await cluster.query(
        "select owner, count(*) as held from shards where expires_at > clock_timestamp() group by owner")
      {
        if let owner = try row.optionalText("owner") { shares[owner] = try row.int("held") }
      }
      return shares == expected ? true : nil
    }
  }

  private func epochs(_ cluster: Cluster) async throws -> [Int: Int] {
    var epochs: [Int: Int] = [:]
    for row in try await cluster.query("select shard, epoch from shards") {
      epochs[try row.int("shard")] = try row.int("epoch")
    }
    return epochs
  }
}
