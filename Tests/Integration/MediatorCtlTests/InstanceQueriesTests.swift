import Engine
import Mediator
import Postgres
import TestSupport
import Testing
import Values

@Suite struct InstanceQueriesTests {
  private let start = Timestamp(microseconds: 1_767_323_045_678_000)
  private let problem = ProblemDetails(
    type: "https://example.com/no", status: 402, title: "Refused", detail: "No \0 money")

  @Test func tellsAnInstanceWithItsTasks() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    var instance = try await shard.start(workflow, event: "e1", key: "customer-7", at: start)
    let progress = ReplyOutcome.progress(.init(percent: 40, message: "looking"))
    try await shard.reply(progress, activity: 2, to: &instance, workflow, at: start + .seconds(1))

    let queries = InstanceQueries(pool: factory.pool)
    let open = try #require(try await queries.detail(instance.id))
    #expect(open.summary.status == .running)
    #expect(open.summary.key == Array("customer-7".utf8))
    #expect(open.input == [["id": "e1"]])
    #expect(open.output == nil)
    #expect(open.history.tasks.map(\.reference) == ["/do/0/prepare", "/do/0/prepare/do/0/reserve"])
    #expect(open.history.tasks.last?.progress?.percent == 40)
    #expect(open.history.tasks.last?.channel == "stock")

    let busy = ReplyOutcome.failed(problem, retryable: true, retryAfter: nil)
    try await shard.reply(busy, activity: 2, to: &instance, workflow, at: start + .seconds(2))
    let retrying = try #require(try await queries.detail(instance.id))
    #expect(retrying.history.tasks.last?.status == .retrying)
    #expect(retrying.history.tasks.last?.problem?.detail == problem.detail)
    await factory.close()
  }

  @Test func tellsHowAnInstanceEnded() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    var instance = try await shard.start(workflow, event: "e1", at: start)
    try await shard.reply(.completed(["ok": true]), activity: 2, to: &instance, workflow, at: start + .seconds(1))
    let charge = try #require(instance.state.activities.last)
    try await shard.reply(
      .failed(problem, retryable: false, retryAfter: nil), activity: charge.id, to: &instance, workflow,
      at: start + .seconds(3))

    let detail = try #require(try await InstanceQueries(pool: factory.pool).detail(instance.id))
    #expect(detail.summary.status == .faulted)
    #expect(detail.summary.endedAt == start + .seconds(3))
    #expect(detail.summary.error?.detail == "No \0 money")
    #expect(detail.summary.error?.instance == "/do/1/charge")
    #expect(detail.context == .null)
    #expect(
      detail.history.tasks.map(\.reference) == [
        "/do/0/prepare", "/do/0/prepare/do/0/reserve", "/do/0/prepare/do/1/maybe", "/do/1/charge",
      ])
    #expect(detail.history.tasks.map(\.status) == [.completed, .completed, .skipped, .faulted])
    #expect(detail.history.tasks.map(\.startedAt).last == start + .seconds(1))
    #expect(detail.isComplete)
    let nobody = try await InstanceQueries(pool: factory.pool).detail(UUIDValue(high: 0, low: 0))
    #expect(nobody == nil)
    await factory.close()
  }

  @Test func listsByWhatIsAskedFor() async throws {
    let factory = try await Factory.make()
    let order = try await factory.deploy()
    let other = try await factory.deploy(name: "refund", version: "2.1.0")
    let shard = try await factory.shard()
    for index in 0..<5 {
      var instance = try await shard.start(
        order, event: "e\(index)", key: "k\(index % 2)", at: start + .seconds(index))
      guard index == 3 else { continue }
      try await shard.reply(
        .failed(problem, retryable: false, retryAfter: nil), activity: 2, to: &instance, order,
        at: start + .seconds(9))
    }
    _ = try await shard.start(other, event: "e0", source: "/elsewhere", at: start + .seconds(10))
    let queries = InstanceQueries(pool: factory.pool)
    func events(limit: Int = 10, _ change: (inout InstanceFilter) -> Void) async throws -> [String] {
      var filter = InstanceFilter()
      change(&filter)
      return try await queries.list(filter, limit: limit).items.map { "\($0.name) \($0.eventID ?? "")" }
    }
    #expect(
      try await events { _ in }
        == ["refund e0", "order e4", "order e3", "order e2", "order e1", "order e0"])
    #expect(try await events { $0.name = "refund" } == ["refund e0"])
    #expect(try await events { $0.namespace = "nobody" } == [])
    #expect(try await events { $0.version = "2.1.0" } == ["refund e0"])
    #expect(try await events { $0.statuses = [.faulted, .completed] } == ["order e3"])
    #expect(try await events(limit: 1) { $0.statuses = [.running] } == ["refund e0"])
    #expect(try await events { $0.key = Array("k1".utf8) } == ["order e3", "order e1"])
    #expect(try await events { $0.since = start + .seconds(4) } == ["refund e0", "order e4"])
    #expect(try await events { $0.eventID = "e0" } == ["refund e0", "order e0"])
    #expect(
      try await events {
        $0.eventID = "e0"
        $0.eventSource = "/test"
      } == ["order e0"])
    #expect(try await events { $0.error = "refused" } == ["order e3"])
    #expect(try await events { $0.error = "100%" } == [])

    let page = try await queries.list(InstanceFilter(), limit: 5)
    #expect(page.items.count == 5)
    #expect(page.hasMore)
    #expect(try await queries.list(InstanceFilter(), limit: 6).hasMore == false)
    await factory.close()
  }

  @Test func findsByTheBeginningOfAnID() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    let instance = try await shard.start(workflow, event: "e1", at: start)
    let queries = InstanceQueries(pool: factory.pool)
    for length in [8, 13, 20, 36] {
      let prefix = try #require(InstancePrefix(String(instance.id.text.prefix(length))))
      guard case .one(let id) = try await queries.lookUp(prefix) else {
        Issue.record("\(length) digits did not name the instance")
        continue
      }
      #expect(id == instance.id)
    }
    // The same instance under an id that begins in the same way.
    _ = try await factory.pool.withConnection { connection in
      try await connection.query(
        """
        insert into instances
        select (left(id::text, 18) || '-8000-000000000000')::uuid, shard, definition, key, event_id, event_source, status,
               started_at, updated_at, ended_at, wake_at, input, state, output, error from instances
        """)
    }
    let shared = try #require(InstancePrefix(String(instance.id.text.prefix(18))))
    guard case .several(let candidates) = try await queries.lookUp(shared) else {
      Issue.record("the prefix is not ambiguous")
      return
    }
    #expect(candidates.count == 2)
    guard case .none = try await queries.lookUp(#require(InstancePrefix("00000000"))) else {
      Issue.record("an id was found that does not exist")
      return
    }
    await factory.close()
  }

  @Test func saysThatThereAreNoTables() async throws {
    let configuration = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "mediatorctl"))
    let pool = PostgresPool(configuration, size: 1)
    await #expect(throws: MediatorError(.configuration, "this database has none of the mediator's tables")) {
      _ = try await InstanceQueries(pool: pool).list(InstanceFilter(), limit: 1)
    }
    await pool.close()
  }

  @Test func saysThatTheTablesAreOlder() async throws {
    let factory = try await Factory.make()
    try await factory.run("drop table retirements")
    let error = await #expect(throws: MediatorError.self) {
      _ = try await WorkflowQueries(pool: factory.pool).list(limit: 1)
    }
    #expect(error?.code == .outdated)
    #expect(error?.message.contains("older version") == true, "\(String(describing: error))")
    await factory.close()
  }
}
