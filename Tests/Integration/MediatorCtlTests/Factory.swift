import Engine
import Postgres
import TestSupport
import Values
import Workflow

@testable import Mediator

/// A database of its own with the mediator's tables, filled through the mediator's own store.
struct Factory {
  let configuration: PostgresConfiguration
  let pool: PostgresPool

  /// What the definitions below run.
  struct Workflow {
    let number: Int32
    let engine: Engine
  }

  static func make() async throws -> Factory {
    let configuration = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "mediatorctl"))
    try await MediatorSchema.migrate(configuration)
    return Factory(configuration: configuration, pool: PostgresPool(configuration, size: 2))
  }

  func close() async { await pool.close() }

  static func source(name: String = "order", version: String = "1.0.0", namespace: String = "shop") -> String {
    """
    document:
      dsl: '1.0.3'
      namespace: \(namespace)
      name: \(name)
      version: '\(version)'
      title: Orders of \(namespace)
    schedule:
      on:
        one:
          with:
            type: order.placed
    do:
      - prepare:
          do:
            - reserve:
                call: stock
                with: {item: a}
            - maybe:
                if: .never == true
                set: {x: 1}
      - charge:
          call: payments
          with: {amount: 5}
    """
  }

  func deploy(name: String = "order", version: String = "1.0.0", namespace: String = "shop") async throws -> Workflow {
    try await deploy(source: Self.source(name: name, version: version, namespace: namespace))
  }

  func deploy(source: String) async throws -> Workflow {
    let definition = try definition(source)
    let document = definition.document
    let (name, version, namespace) = (document.name, "\(document.version)", document.namespace)
    let store = DefinitionStore(pool: pool)
    _ = try await store.deploy(definition, file: "workflows/\(name).yaml")
    let row = try await store.changes().deployed.last {
      ($0.name, $0.version, $0.namespace) == (name, version, namespace)
    }
    guard let row else { throw MediatorError(.definition, "the definition was not stored") }
    return Workflow(number: row.number, engine: Engine(definition: definition))
  }

  func definition(_ source: String) throws -> WorkflowDefinition {
    let result = WorkflowParser.parse(source, file: "test.yaml")
    guard let definition = result.definition else {
      throw MediatorError(.definition, result.diagnostics.first?.message ?? "no definition")
    }
    return definition
  }

  /// A shard with its owner's store.
  func shard(_ number: Int32 = 0, of count: Int32 = 2, owner: String = "m1") async throws -> Shard {
    let leases = LeaseStore(pool: pool, mediatorID: owner, lease: .seconds(60), timeout: .seconds(5))
    _ = try await leases.initialize(shards: count)
    _ = try await leases.heartbeat()
    let connection = try await PostgresConnection.connect(configuration)
    guard let takeover = try await leases.takeOver(number, on: connection) else {
      throw MediatorError(.fenced, "the shard is taken")
    }
    let store = PostgresShardStore(
      connection: connection, takeover: takeover, lease: .seconds(60), publishesEveryRow: false,
      timeout: .seconds(5))
    return Shard(takeover: takeover, store: store)
  }
}

/// Writes what engine steps did, as the batch loop would.
actor Shard {
  private let takeover: ShardTakeover
  private let store: PostgresShardStore
  private var head: Int64
  private var batches: Int64

  init(takeover: ShardTakeover, store: PostgresShardStore) {
    self.takeover = takeover
    self.store = store
    head = takeover.journalHead
    batches = takeover.batch
  }

  func start(
    _ workflow: Factory.Workflow, event: String, source: String = "/test", key: String? = nil, at now: Timestamp
  ) async throws -> StoredInstance {
    let document = workflow.engine.definition.document
    let id = InstanceID.make(workflow: "\(document.namespace)/\(document.name)", source: source, id: event)
    let (state, step) = workflow.engine.start(id: id, input: [["id": .string(event)]], now: now)
    let instance = StoredInstance(
      shard: takeover.shard, definition: workflow.number, key: key.map { Array($0.utf8) }, eventID: event,
      eventSource: source, state: state)
    try await commit {
      $0.started = [instance]
    } journal: {
      [(id, step, now)]
    }
    return instance
  }

  /// Answers the attempt of an activity.
  func reply(
    _ outcome: ReplyOutcome, activity: Int, attempt: Int = 1, to instance: inout StoredInstance,
    _ workflow: Factory.Workflow, at now: Timestamp
  ) async throws {
    let id = instance.id
    let step = workflow.engine.reply(
      outcome, to: "\(id.text).\(activity).\(attempt)", state: &instance.state, now: now)
    let changed = instance
    try await commit {
      $0.updated = [changed]
    } journal: {
      step.entries.isEmpty ? [] : [(id, step, now)]
    }
  }

  /// Keeps events that somebody may listen to, and what the instance listens to.
  func offer(_ events: [OfferedEvent], waits: WaitChange? = nil) async throws {
    try await commit {
      $0.offered = events
      $0.waits = waits.map { [$0] } ?? []
    } journal: {
      []
    }
  }

  func quarantine(_ letter: (Int64) -> DeadLetter) async throws {
    head += 1
    let letter = letter(head)
    try await commit {
      $0.deadLetters = [letter]
    } journal: {
      []
    }
  }

  /// A batch that was planned when `number` was the newest definition.
  func commit(plannedWith number: Int32?) async throws {
    try await commit {
      $0.newestDefinition = number
    } journal: {
      []
    }
  }

  private func commit(
    _ fill: (inout ShardBatch) -> Void, journal rows: () -> [(UUIDValue, Engine.Step, Timestamp)]
  ) async throws {
    batches += 1
    var batch = ShardBatch(number: batches, journalHead: head, publishMark: 0)
    fill(&batch)
    for (id, step, now) in rows() {
      head += 1
      batch.journal.append(JournalRow(sequence: head, instance: id, at: now, entries: step.entries))
    }
    batch.journalHead = head
    try await store.commit(batch)
  }
}
