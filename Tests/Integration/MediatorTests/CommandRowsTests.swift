import Engine
import Postgres
import Testing
import Values
import Workflow

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

  /// The row names the version that its instance runs, and so does everything that reads it.
  @Test func theDefinitionFollowsAMigration() async throws {
    let cluster = try await Cluster.make()
    let owner = try await cluster.shard(0)
    let stored = try await stored(cluster, owner)
    let body = Self.body.replacing("do:", with: "do:\n  - first: {set: {x: 1}}")
    _ = try await cluster.deploy(version: "1.1.0", body: body)
    let migration = MigrationRequest(version: "1.1.0", renames: ["/do/0/ask": "/do/1/ask"])
    let command = OperatorCommand(
      request: UUIDValue(high: 1, low: 1), instance: stored.id, verb: MigrationRequest.verb, arguments: migration.json,
      author: "ann", reason: "", requestedAt: start)
    _ = try await OperatorDesk(pool: cluster.pool).submit([command])
    let queued = try #require(try await owner.store.commands(limit: 10).first)
    #expect(try queued.command.action() == .migrate(migration))

    let preview = OperationPreview(pool: cluster.pool)
    #expect(try await preview.engine(of: "tests", "example", version: "2.0.0").engine == nil)
    let (found, versions) = try await preview.engine(of: "tests", "example", version: "latest")
    #expect(versions.map(\.description) == ["1.1.0", "1.0.0"])
    let target = try #require(found)
    let catalog = DefinitionCatalog([
      .init(number: 1, engine: try #require(try await preview.subject(stored.id)).engine),
      .init(
        number: Int32(try await cluster.count("select number from definitions where version = '1.1.0'")),
        engine: target),
    ])
    var plan = TurnPlan(
      takeover: owner.takeover, number: 2, journalHead: 10, publishMark: 0, catalog: catalog,
      known: TurnPlan.Known(instances: [stored.id: stored]), now: start)
    plan.apply(queued)
    let planned = plan.finish()
    #expect(planned.audit.map(\.outcome) == [.applied(result: nil)])
    try await owner.commit {
      ($0.updated, $0.commands, $0.audit) = (planned.updated, planned.commands, planned.audit)
    }
    let loaded = try #require(try await owner.store.load([stored.id]).first)
    #expect(loaded == planned.updated.first)
    #expect(loaded.definition != stored.definition)
    #expect(loaded.state.activities.last?.reference == "/do/1/ask")
    let queries = InstanceQueries(pool: cluster.pool)
    #expect(try await queries.summaries(of: [stored.id]).map(\.version) == ["1.1.0"])
    #expect(try await preview.subject(stored.id)?.engine.definition.digest == target.definition.digest)
    await cluster.close()
  }

  /// What a new owner publishes again is what the version of that time asked for.
  @Test func theVersionOfARowIsTheOneBeforeTheNextMigration() async throws {
    let cluster = try await Cluster.make()
    let owner = try await cluster.shard(0)
    let stored = try await stored(cluster, owner)
    func row(_ sequence: Int64, _ entry: JournalEntry) -> JournalRow {
      JournalRow(sequence: sequence, instance: stored.id, at: start, entries: [entry])
    }
    func request(_ sequence: Int64) -> JournalRow {
      row(
        sequence,
        .requested(
          Request(
            activity: 1, channel: "oracle", id: "\(sequence)", idempotencyKey: "1", reference: "/do/0/ask", attempt: 1,
            deadline: start, data: 1)))
    }
    func migration(_ sequence: Int64, _ from: String, _ to: String) -> JournalRow {
      row(sequence, .migrated(MigrationRecord(from: from, to: to, moved: [:]), reason: ""))
    }
    let journal = [
      request(1), migration(2, "1.0.0", "2.0.0"), request(3), row(4, .workflowStarted),
      migration(5, "2.0.0", "1.0.0"), request(6),
    ]
    try await owner.commit {
      $0.journal = journal
      $0.journalHead = 6
    }
    let rows =
      try await owner.store.unpublished(after: 0, limit: 2)
      + owner.store.unpublished(after: 3, limit: 2)
    let versions = rows.map { row in
      if case .journal(_, let address) = row { address.formerVersion ?? "its own" } else { "" }
    }
    #expect(rows.map(\.sequence) == [1, 3, 6])
    #expect(versions == ["1.0.0", "2.0.0", "its own"])
    await cluster.close()
  }
}
