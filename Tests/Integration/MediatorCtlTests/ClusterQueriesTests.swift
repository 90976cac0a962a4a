import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator
@testable import mediatorctl

@Suite struct ClusterQueriesTests {
  private let start = Timestamp.now()

  @Test func countsInstancesPerVersion() async throws {
    let factory = try await Factory.make()
    let old = try await factory.deploy(version: "1.9.0")
    let new = try await factory.deploy(version: "1.10.0")
    _ = try await factory.deploy(namespace: "warehouse")
    let shard = try await factory.shard()
    for index in 0..<3 { _ = try await shard.start(old, event: "old\(index)", at: start) }
    var instance = try await shard.start(new, event: "new", at: start)
    try await shard.reply(
      .failed(ProblemDetails(type: "x", status: 500), retryable: false, retryAfter: nil), activity: 2, to: &instance,
      new, at: start)

    let queries = WorkflowQueries(pool: factory.pool)
    let page = try await queries.list(limit: 10)
    #expect(page.items.map(\.definition.version) == ["1.10.0", "1.9.0", "1.0.0"])
    #expect(page.items.map(\.isLatest) == [true, false, true])
    #expect(page.items.map(\.counts.open) == [0, 3, 0])
    #expect(page.items.map(\.counts.ended) == [1, 0, 0])
    #expect(page.items[0].counts.byStatus == [.faulted: 1])
    #expect(page.items[0].counts.isComplete)
    #expect(try await queries.list(limit: 2).hasMore)

    #expect(try await queries.versions(namespace: nil, name: "order").count == 3)
    #expect(try await queries.versions(namespace: "shop", name: "order").map(\.isLatest) == [true, false])
    #expect(try await queries.versions(namespace: nil, name: "nothing").isEmpty)
    let deployed = try await queries.deployed()
    #expect(deployed["shop/order 1.9.0"] == WorkflowQueries.Deployed(digest: old.engine.definition.digest))

    let outline = WorkflowOutline(page.items[0], among: Array(page.items.prefix(2)))
    let text = outline.text(.plain(now: start))
    #expect(text.contains("1.10.0 (latest; also deployed: 1.9.0)"))
    #expect(text.contains("type = \"order.placed\""))
    #expect(
      text.contains("├─ prepare  do\n│  ├─ reserve  call  → channel stock\n│  └─ maybe  set  if ${ .never == true }"))
    #expect(outline.json(withSource: false)["channels"] == ["payments", "stock"])
    #expect(outline.json(withSource: false)["tasks"]?[0]?["tasks"]?[0]?["channel"] == "stock")
    await factory.close()
  }

  @Test func tellsWhoHoldsWhat() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let queries = ClusterQueries(pool: factory.pool)
    let empty = try await queries.status()
    #expect(empty.mediators.isEmpty)
    #expect(empty.shards.isEmpty)

    let shard = try await factory.shard(1, of: 2, owner: "m1")
    _ = try await shard.start(workflow, event: "e", at: start)
    try await shard.quarantine { letter(sequence: $0, offset: 7) }
    let status = try await queries.status()
    #expect(status.mediators.map(\.id) == ["m1"])
    #expect(status.mediators.map(\.shards) == [1])
    #expect(status.mediators.allSatisfy(status.isAlive))
    #expect(status.shards.map(status.isOwned) == [false, true])
    #expect(status.shards.map(\.owner) == [nil, "m1"])
    #expect(status.shards.map(\.epoch) == [0, 1])
    #expect(status.shards.map(\.unpublished) == [0, 2])
    #expect(status.open.byStatus == [.running: 1])
    #expect(status.recent.byStatus == [.running: 1])
    #expect(status.deadLetters.byReason == ["notJSON": 1])
    #expect(status.deadLetters.newestAt != nil)

    let text = StatusReport.text(status, .plain(now: start))
    #expect(text.contains("nobody"))
    #expect(text.contains("1 notJSON in the last hour"))
    #expect(StatusReport.json(status)["shards"]?[1]?["owner"] == "m1")
    await factory.close()
  }

  @Test func findsWhatAnEventBecame() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    _ = try await factory.deploy(name: "refund")
    let shard = try await factory.shard()
    let watch = EventWatch(factory.pool)
    let sent = SentEvent(
      event: .init(id: "e1", source: "/test", type: "order.placed"), topic: "q", partition: 0, offset: 7)
    let lost = SentEvent(
      event: .init(id: "e2", source: "/test", type: "order.placed"), topic: "q", partition: 1, offset: 7)

    let before = try await watch.outcomes(of: [sent, lost], within: .zero)
    #expect(before.allSatisfy { !$0.isSettled })
    #expect(EventReport([sent, lost], before).failure(timeout: .zero)?.status == .timeout)

    var instance = try await shard.start(workflow, event: "e1", at: start)
    try await shard.quarantine { letter(sequence: $0, offset: 7, partition: 1) }
    async let waited = watch.outcomes(of: [sent, lost], within: .seconds(30))
    try await shard.reply(.completed(.null), activity: 2, to: &instance, workflow, at: start)
    let charge = try #require(instance.state.activities.last)
    try await shard.reply(.completed(.null), activity: charge.id, to: &instance, workflow, at: start)
    let outcomes = try await waited
    #expect(outcomes[0].instances.map(\.status) == [.completed])
    #expect(outcomes[1].deadLetter?.reason == "notJSON")
    #expect(EventReport([sent], [outcomes[0]]).failure(timeout: .zero) == nil)
    #expect(EventReport([lost], [outcomes[1]]).failure(timeout: .zero)?.status == .failure)
    await factory.close()
  }

  private func letter(sequence: Int64, offset: Int64, partition: Int32 = 0) -> DeadLetter {
    DeadLetter(
      sequence: sequence,
      record: KafkaRecord(
        topic: "q", partition: partition, offset: offset, timestamp: 0, key: nil, value: [0xFF], headers: []),
      reason: "notJSON", detail: "no JSON")
  }
}
