import Engine
import Kafka
import Postgres
import TestSupport
import Testing
import Values
import Wire

@testable import Mediator
@testable import mediatorctl

@Suite(.timeLimit(.minutes(5))) struct StuckQueriesTests {
  private let start = Timestamp.now() - .seconds(600)

  @Test func groupsWhatStandsStill() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard(0, of: 2)
    let queries = StuckQueries(pool: factory.pool)
    func report() async throws -> [String: Int] {
      let facts = try await queries.facts(patience: .seconds(60), channels: nil)
      let groups = StuckReport(facts).groups
      return Dictionary(uniqueKeysWithValues: groups.map { ($0.code, $0.count) })
    }
    var ids: [UUIDValue] = []
    for index in 0..<6 { ids.append(try await shard.start(workflow, event: "e\(index)", at: start).id) }
    try await factory.run("update instances set wake_at = now() + interval '1 hour'")
    #expect(try await report().isEmpty)

    try await factory.run(
      "update instances set wake_at = now() - interval '2 minutes' where id = '\(ids[0].text)'",
      "update instances set status = 'suspended', wake_at = null where id = '\(ids[1].text)'",
      "update instances set order_key = 'k', order_place = 1 where id = '\(ids[2].text)'",
      """
      update instances set order_key = 'k', order_place = 2, status = 'pending', wake_at = null
       where id = '\(ids[3].text)'
      """,
      "update instances set wake_at = null where id = '\(ids[4].text)'")
    #expect(
      try await report() == ["overdue": 1, "suspended": 1, "orderKeyHeld": 1, "forgotten.timerLost": 1])
    try await factory.run("update shards set owner = null, expires_at = now() - interval '2 minutes'")
    let found = try await report()
    #expect(found["shardWithoutOwner"] == 6)
    #expect(found["overdue"] == nil)
    let list = StuckList(try await queries.facts(patience: .seconds(60), channels: nil), limit: 1)
    #expect(list.json["hasMore"] == true)
    #expect(list.text(.plain(now: start)).contains("no mediator holds its shard 0"))
    await factory.close()
  }

  @Test func tellsOfFullChannels() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shards = [try await factory.shard(0, of: 2), try await factory.shard(1, of: 2)]
    var ids: [UUIDValue] = []
    for index in 0..<8 { ids.append(try await shards[index % 2].start(workflow, event: "e\(index)", at: start).id) }
    let list = ids.map { "'\($0.text)'" }.joined(separator: ", ")
    try await factory.run(
      "update instances set wake_at = now() + interval '1 hour'", "delete from channel_loads",
      "insert into channel_loads select distinct shard, definition, 'bank', 3, 4 from instances",
      "insert into channel_loads select distinct shard, definition, 'calm', 3, 0 from instances",
      """
      insert into queued_calls (instance, activity, shard, definition, channel)
      select id, 1, shard, definition, 'bank' from instances where id in (\(list)) order by event_id
      """)
    let queries = StuckQueries(pool: factory.pool)
    let found = try await queries.facts(patience: .seconds(60), channels: nil)
    let queue = try #require(found.queues.first)
    #expect(found.queues.count == 1)
    #expect((queue.channel, queue.inFlight, queue.waiting.count) == ("bank", 6, 8))
    #expect(Set(queue.waiting.examples).isSubset(of: ids.prefix(6)), "the first three of each shard")
    #expect(queue.waiting.examples.count == 3)
    #expect(StuckReport(found).groups.map(\.code) == ["callQueued"])
    // What has stood there for less than one's patience is the ordinary course of things.
    #expect(StuckReport(try await queries.facts(patience: .seconds(3_600), channels: nil)).groups.isEmpty)
    await factory.close()
  }

  @Test func countsWhatWaitsOnAChannelForOpenInstancesOnly() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let instance = try await factory.shard().start(workflow, event: "e", at: start)
    let configuration = try await BrokerServer.shared.configuration
    let channel = "stuck-\(UInt32.random(in: 0...UInt32.max))"
    let admin = try KafkaAdmin(configuration)
    _ = try await admin.createTopic(Topics.channel(channel), partitions: 1)
    let producer = try KafkaProducer(configuration)
    let event = ProcessingEvent(
      id: "x", idempotencyKey: "x", source: "/w", channel: channel, taskReference: "/do/0/x",
      correlationID: instance.id.text, causationID: "c", attempt: 1, deadline: start, replyTopic: Topics.replies,
      replyPartition: 0, key: [1], data: .null)
    for result in await producer.send([event.encode()]) { _ = try result.get() }
    let reader = ChannelReader(admin: admin, configuration: configuration)
    func found() async throws -> StuckReport.Group? {
      let facts = try await StuckQueries(pool: factory.pool).facts(patience: .zero, channels: reader)
      #expect(facts.kafkaProblem == nil)
      return StuckReport(facts).groups.first { $0.summary.contains(channel) }
    }
    let group = try #require(try await found())
    #expect(group.code == "channelWithoutConsumer")
    #expect(group.count == 1)
    #expect(group.examples == [instance.id])
    try await factory.run("update instances set ended_at = now(), status = 'completed', wake_at = null")
    #expect(try await found() == nil)
    await producer.close()
    await admin.close()
    await factory.close()
  }

  @Test func answersInASecondWithAHundredThousandOpenInstances() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    _ = try await factory.shard().start(workflow, event: "e", at: start)
    try await factory.run(
      """
      insert into instances (id, shard, definition, status, started_at, updated_at, wake_at, input, state, order_key,
                             order_place)
      select gen_random_uuid(), n % 2, definition, status, started_at, updated_at,
             case when n % 10 = 0 then null else now() + n * interval '1 second' end, input, state,
             case when n % 4 = 0 then 'k' || (n % 1000) end, n
        from instances, generate_series(1, 100000) n
      """, "update shards set owner = 'm1', expires_at = now() + interval '1 hour'", "analyze instances")
    let queries = StuckQueries(pool: factory.pool)
    _ = try await queries.facts(patience: .seconds(60), channels: nil)
    let clock = ContinuousClock()
    // The best of three: other suites keep the same cores busy.
    func best() async throws -> Duration {
      var best = Duration.seconds(3_600)
      for _ in 0..<3 {
        best = min(best, try await clock.measure { _ = try await queries.facts(patience: .seconds(60), channels: nil) })
      }
      return best
    }
    let time = try await best()
    print("stuck with 100,000 open instances: \(time)")
    #expect(time < .seconds(1))
    try await factory.run("update shards set owner = null, expires_at = now() - interval '1 hour'")
    let unowned = try await best()
    print("the same without an owner: \(unowned)")
    #expect(unowned < .seconds(1))
    await factory.close()
  }

  @Test func findsWhatWouldHangUnseenAndWakesIt() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    let parent = try await shard.start(workflow, event: "parent", at: start)
    let child = try await shard.start(workflow, event: "child", at: start)
    let lone = try await shard.start(workflow, event: "lone", at: start)
    let queries = ForgottenQueries(pool: factory.pool, timeout: .seconds(10))
    func found() async throws -> [Forgotten] {
      try await queries.unattended(shard: 0, age: .seconds(60), after: nil, limit: 10).found
        + queries.orphans(shard: 0, age: .seconds(60), limit: 10)
        + queries.overdue(shard: 0, age: .seconds(60), limit: 10)
    }
    try await factory.run("update instances set wake_at = now() + interval '1 hour'")
    #expect(try await found().isEmpty)
    let entry = """
      [{"is": "child.started", "task": "/do/0/x", "activity": 1, "id": "\(child.id.text)", "namespace": "shop",
        "name": "order", "version": "1.0.0", "input": null, "awaited": true}]
      """
    try await factory.run(
      "update instances set parent = '\(parent.id.text)' where id = '\(child.id.text)'",
      "update journal set entries = '\(entry)' where instance = '\(parent.id.text)'",
      """
      update instances set status = 'cancelled', ended_at = now() - interval '5 minutes', wake_at = null
       where id = '\(parent.id.text)'
      """, "update instances set wake_at = null where id = '\(lone.id.text)'")
    #expect(
      try await found() == [
        Forgotten(instance: lone.id, kind: .timerLost), Forgotten(instance: child.id, kind: .parentEnded),
      ])
    try await queries.wake(lone.id)
    #expect(try await found().map(\.kind) == [.parentEnded])
    // The owner finds it among its due timers.
    let due = try await factory.pool.run(
      timeout: .seconds(5),
      [PostgresStatement("select count(*) from instances where wake_at <= now() and ended_at is null")])
    #expect(try due[0][0].int(.index(0)) == 1)
    await factory.close()
  }

  @Test func readsPageByPage() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    for index in 0..<5 { _ = try await shard.start(workflow, event: "e\(index)", at: start) }
    try await factory.run("update instances set wake_at = null")
    let queries = ForgottenQueries(pool: factory.pool, timeout: .seconds(10))
    var seen: Set<UUIDValue> = []
    var place: ForgottenQueries.Place?
    for expected in [2, 2, 1] {
      let page = try await queries.unattended(shard: 0, age: .seconds(60), after: place, limit: 2)
      #expect(page.found.count == expected)
      seen.formUnion(page.found.map(\.instance))
      place = page.next
    }
    #expect(place == nil)
    #expect(seen.count == 5)
    await factory.close()
  }
}
