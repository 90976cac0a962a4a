import Postgres
import Testing
import Values

@testable import Mediator

/// Of many due timers, each version gets its share.
@Suite struct TimerRowsTests {
  /// A shard with three versions, and instances of them that wait for a time.
  private func shard() async throws -> (Cluster, OwnedShard) {
    let cluster = try await Cluster.make()
    for name in ["a", "b", "c"] { _ = try await cluster.deploy(name, body: "do: [{rest: {wait: PT1S}}]") }
    return (cluster, try await cluster.shard(0))
  }

  /// - Parameter after: seconds after `start` at which they are due.
  private func insert(
    _ count: Int, of definition: Int, due after: Int, status: String = "waiting", on shard: OwnedShard
  ) async throws {
    let due = start + .seconds(after)
    _ = try await shard.connection.query(
      """
      insert into instances (id, shard, definition, status, started_at, updated_at, wake_at, input)
      select gen_random_uuid(), 0, $1, $2, $3, $3, $3 + n * interval '1 microsecond', '[]' from generate_series(1, $4) as n
      """, [.int4(Int32(definition)), .text(status), .timestamp(due.microseconds), .int4(Int32(count))])
  }

  /// How many of each version a turn would wake.
  private func due(_ quota: TimerQuota, _ shard: OwnedShard) async throws -> [Int: Int] {
    let ids = try await shard.store.due(at: start + .seconds(100), within: quota).timers
    #expect(ids.count <= quota.limit && Set(ids).count == ids.count)
    let rows = try await shard.connection.query(
      "select definition, count(*) as count from instances where id = any($1) group by definition",
      [.uuids(ids.map { PostgresUUID($0) })])
    var counts: [Int: Int] = [:]
    for row in rows { counts[try row.int("definition")] = try row.int("count") }
    return counts
  }

  @Test func aFloodTakesWhatTheOthersLeave() async throws {
    let (cluster, shard) = try await shard()
    try await insert(1000, of: 1, due: 1, on: shard)
    try await insert(3, of: 2, due: 50, on: shard)
    try await insert(40, of: 3, due: 60, on: shard)
    #expect(try await due(TimerQuota(limit: 30), shard) == [1: 14, 2: 3, 3: 13])
    #expect(try await due(TimerQuota(limit: 500), shard) == [1: 457, 2: 3, 3: 40])
    // What is not due yet is nobody's.
    try await insert(10, of: 2, due: 101, on: shard)
    #expect(try await due(TimerQuota(limit: 30), shard) == [1: 14, 2: 3, 3: 13])
    await cluster.close()
  }

  @Test func aPriorityGivesMoreTurns_andNobodyNone() async throws {
    let (cluster, shard) = try await shard()
    try await insert(1000, of: 1, due: 1, on: shard)
    try await insert(1000, of: 2, due: 50, on: shard)
    #expect(try await due(TimerQuota(limit: 50, weights: [2: 4]), shard) == [1: 10, 2: 40])
    await cluster.close()
  }

  /// Timers of one and the same moment are peers to a window function, which would read all of them for each turn.
  @Test func ofManyForOneMomentNoMoreAreReadThanTaken() async throws {
    let (cluster, shard) = try await shard()
    try await insert(5000, of: 1, due: 1, on: shard)
    try await shard.connection.execute(script: "update instances set wake_at = started_at; analyze instances")
    let rows = try await shard.connection.query(
      "explain (analyze, timing off, summary off) " + TimerRows.due,
      TimerRows.parameters(0, start + .seconds(100), TimerQuota(limit: 30)))
    let plan = try rows.map { try $0.text(.index(0)) }
    let read = plan.compactMap { $0.firstMatch(of: /actual rows=(\d+)/).flatMap { Int($0.1) } }
    #expect(read.contains(30) && read.allSatisfy { $0 <= 30 }, "\(plan.joined(separator: "\n"))")
    await cluster.close()
  }

  /// What waits is not woken while so many are under way; deadlines of those that are under way come.
  @Test func whatOneVersionHasUnderWayIsBounded() async throws {
    let (cluster, shard) = try await shard()
    try await insert(6, of: 1, due: 500, status: "running", on: shard)
    try await insert(100, of: 1, due: 1, on: shard)
    try await insert(100, of: 2, due: 1, on: shard)
    #expect(try await due(TimerQuota(limit: 60, maxRunning: 10), shard) == [1: 4, 2: 10])
    #expect(try await due(TimerQuota(limit: 60, maxRunning: 6), shard) == [2: 6])
    try await insert(5, of: 1, due: 20, status: "running", on: shard)
    #expect(try await due(TimerQuota(limit: 60, maxRunning: 6), shard) == [1: 5, 2: 6])
    // Other shards have their own.
    #expect(try await cluster.shard(1).store.due(at: start + .seconds(100), limit: 10).isEmpty)
    await cluster.close()
  }

  @Test func earliestFirst() async throws {
    let (cluster, shard) = try await shard()
    try await insert(20, of: 1, due: 2, on: shard)
    try await insert(20, of: 1, due: 1, status: "pending", on: shard)
    let ids = try await shard.store.due(at: start + .seconds(1) + .milliseconds(1), limit: 100)
    let rows = try await shard.connection.query("select id from instances where status = 'pending' order by wake_at")
    #expect(try ids == rows.map { UUIDValue(try $0.uuid("id")) })
    await cluster.close()
  }
}
