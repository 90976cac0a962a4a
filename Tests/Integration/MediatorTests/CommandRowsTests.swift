import Engine
import Postgres
import Testing
import Values

@testable import Mediator

/// Commands and the audit table on a real Postgres.
@Suite struct CommandRowsTests {
  private static let body = """
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - ask: {call: oracle, with: {a: 1}}
    """

  private func stored(_ cluster: Cluster, _ shard: OwnedShard) async throws -> StoredInstance {
    let engine = try await cluster.deploy(body: Self.body)
    let (state, _) = engine.start(id: instance(1), input: [["data": 1]], now: start)
    let stored = StoredInstance(
      shard: shard.takeover.shard, definition: 1, key: nil, eventID: "1", eventSource: "/tests", state: state)
    try await shard.commit { $0.started = [stored] }
    return stored
  }

  private func command(_ request: UInt64, on id: UUIDValue, _ operation: Operation = .suspend) -> OperatorCommand {
    OperatorCommand(
      request: UUIDValue(high: 1, low: request), instance: id, verb: operation.verb, arguments: operation.json,
      author: "ann\0", reason: "it has to be", requestedAt: start)
  }

  @Test func aCommandReachesTheOwnerOfItsInstance() async throws {
    let cluster = try await Cluster.make()
    let (owner, other) = (try await cluster.shard(1), try await cluster.shard(2))
    let stored = try await stored(cluster, owner)
    let desk = OperatorDesk(pool: cluster.pool)
    #expect(try await owner.store.due(at: start, within: TimerQuota(limit: 10)).hasCommands == false)
    #expect(try await desk.submit([command(1, on: stored.id), command(2, on: instance(99))]) == 1)
    // Asked for twice, it is queued once.
    _ = try await desk.submit([command(1, on: stored.id)])
    #expect(try await other.store.due(at: start, within: TimerQuota(limit: 10)).hasCommands == false)
    #expect(try await owner.store.due(at: start, within: TimerQuota(limit: 10)).hasCommands)
    let queued = try await owner.store.commands(limit: 10)
    #expect(queued.count == 1)
    let first = try #require(queued.first)
    #expect(first.command.author == "ann\u{FFFD}")
    #expect(try first.command.action() == .operation(.suspend))
    #expect(!first.isDone)

    try await owner.commit {
      $0.commands = [first.number]
      $0.audit = [AuditRow(command: first.command, at: start, outcome: .refused("not\0now"))]
    }
    #expect(try await owner.store.due(at: start, within: TimerQuota(limit: 10)).hasCommands == false)
    let outcomes = try await desk.outcomes(of: [first.command.request])
    #expect(outcomes.map(\.outcome) == [.refused("not\u{FFFD}now")])
    // What is done is not queued again.
    _ = try await desk.submit([command(1, on: stored.id)])
    #expect(try await owner.store.commands(limit: 10).isEmpty)
    #expect(try await desk.audit(of: stored.id, since: nil, limit: 10).items.count == 1)
    #expect(try await desk.audit(of: instance(5), since: nil, limit: 10).items.isEmpty)
    await cluster.close()
  }

  /// A request that slips into the queue while it is being carried out is known for what it is.
  @Test func aCommandThatIsDoneIsKnown() async throws {
    let cluster = try await Cluster.make()
    let owner = try await cluster.shard(0)
    let stored = try await stored(cluster, owner)
    let asked = command(1, on: stored.id)
    let done = OperatorCommand(
      request: asked.request, instance: asked.instance, verb: asked.verb, arguments: asked.arguments, author: "ann",
      reason: asked.reason, requestedAt: asked.requestedAt)
    try await owner.commit {
      $0.audit = [AuditRow(command: done, at: start, outcome: .applied(result: nil))]
      $0.commands = [0]
    }
    _ = try await cluster.pool.run(
      timeout: .seconds(5),
      [
        PostgresStatement(
          """
          insert into commands (request, shard, instance, verb, arguments, author, reason)
          values ($1, 0, $2, 'suspend', '{"verb":"suspend"}', 'ann', '')
          """, [.uuid(PostgresUUID(done.request)), .uuid(PostgresUUID(stored.id))])
      ])
    #expect(try await owner.store.commands(limit: 10).map(\.isDone) == [true])
    await cluster.close()
  }

  @Test(arguments: ["update audit set author = 'bob'", "delete from audit", "truncate audit"])
  func nobodyChangesTheAuditTable(_ statement: String) async throws {
    let cluster = try await Cluster.make()
    let error = await #expect(throws: MediatorError.self) {
      _ = try await cluster.pool.run(timeout: .seconds(5), [PostgresStatement(statement)])
    }
    #expect(error?.message.contains("only ever added to") == true)
    await cluster.close()
  }

  /// A faulted instance is stored with what is needed to try it again.
  @Test func whatFaultedCanBeTriedAgainAfterALoad() async throws {
    let cluster = try await Cluster.make()
    let owner = try await cluster.shard(0)
    var stored = try await stored(cluster, owner)
    let engine = try await cluster.deploy(body: Self.body)
    let activity = try #require(stored.state.activities.last).id
    let problem = ProblemDetails(type: "about:blank", status: 500)
    _ = engine.reply(
      .failed(problem, retryable: false, retryAfter: nil), to: "\(stored.id.text).\(activity).1", state: &stored.state,
      now: start + .seconds(1))
    #expect(stored.state.status == .faulted)
    let faulted = stored
    try await owner.commit { $0.updated = [faulted] }
    var loaded = try #require(try await owner.store.load([stored.id]).first)
    let step = engine.operate(.retry, reason: "", state: &loaded.state, now: start + .seconds(2))
    #expect(step.disposition == .applied)
    #expect(loaded.state.status == .running)
    let reopened = loaded
    try await owner.commit { $0.updated = [reopened] }
    #expect(try await cluster.count("select count(*) from instances where ended_at is null") == 1)
    await cluster.close()
  }
}
