import Engine
import Kafka
import Postgres
import TestSupport
import Values
import Wire
import Workflow

@testable import Mediator

let start = Timestamp(microseconds: 1_700_000_000_000_000)

/// A database of its own with the mediator's tables.
struct Cluster {
  let configuration: PostgresConfiguration
  let pool: PostgresPool

  static func make() async throws -> Cluster {
    let configuration = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "mediator"))
    try await MediatorSchema.migrate(configuration)
    return Cluster(configuration: configuration, pool: PostgresPool(configuration, size: 2))
  }

  func close() async { await pool.close() }

  func deploy(_ name: String = "example", version: String = "1.0.0", body: String) async throws -> Engine {
    let text = "document: {dsl: 1.0.3, namespace: tests, name: \(name), version: \(version)}\n" + body
    let result = WorkflowParser.parse(text, file: "\(name).yaml")
    guard let definition = result.definition else {
      throw MediatorError(.definition, result.diagnostics.first?.message ?? "no definition")
    }
    _ = try await DefinitionStore(pool: pool).deploy(definition, file: "\(name).yaml")
    return Engine(definition: definition)
  }

  func shard(_ number: Int32 = 0, of count: Int32 = 3, everyRow: Bool = false) async throws -> OwnedShard {
    let leases = LeaseStore(pool: pool, mediatorID: "m\(number)", lease: .seconds(60), timeout: .seconds(20))
    _ = try await leases.initialize(shards: count)
    _ = try await leases.heartbeat()
    let connection = try await PostgresConnection.connect(configuration)
    guard let takeover = try await leases.takeOver(number, on: connection) else {
      throw MediatorError(.fenced, "the shard is taken")
    }
    return OwnedShard(
      takeover: takeover, connection: connection,
      store: PostgresShardStore(
        connection: connection, takeover: takeover, lease: .seconds(60), publishesEveryRow: everyRow,
        timeout: .seconds(20)))
  }

  func count(_ sql: String) async throws -> Int {
    try await pool.run(timeout: .seconds(20), [PostgresStatement(sql)])[0][0].int(.index(0))
  }
}

/// One shard, written by its owner.
actor OwnedShard {
  nonisolated let takeover: ShardTakeover
  nonisolated let connection: PostgresConnection
  nonisolated let store: PostgresShardStore
  private var head: Int64
  private var number: Int64

  init(takeover: ShardTakeover, connection: PostgresConnection, store: PostgresShardStore) {
    self.takeover = takeover
    self.connection = connection
    self.store = store
    head = takeover.journalHead
    number = takeover.batch
  }

  /// Commits one batch; `fill` says what is in it.
  func commit(at now: Timestamp = start, _ fill: @Sendable (inout ShardBatch) -> Void) async throws(MediatorError) {
    var batch = ShardBatch(number: number + 1, journalHead: head, publishMark: 0)
    batch.at = now
    fill(&batch)
    try await store.commit(batch)
    number = batch.number
    head = batch.journalHead
  }

  func offer(_ events: OfferedEvent..., at now: Timestamp = start) async throws(MediatorError) {
    try await commit(at: now) { $0.offered = events }
  }

  func wait(_ instance: UUIDValue, for keys: String..., at now: Timestamp = start) async throws(MediatorError) {
    let waits = keys.enumerated().map { place, key in
      EventWait(activity: 1, filter: place, type: String(key.prefix { $0 != "\n" }), key: key)
    }
    try await commit(at: now) { $0.waits = [WaitChange(instance: instance, waits: waits)] }
  }

  func handle(_ item: InboxItem, consumed: Bool) async throws(MediatorError) {
    try await commit {
      $0.handled = [HandledItem(number: item.number, event: item.event, isConsumed: consumed)]
    }
  }

  func inbox() async throws(MediatorError) -> [InboxItem] { try await store.inbox(limit: 10_000) }
}

func instance(_ number: UInt64) -> UUIDValue { UUIDValue(high: 7, low: number) }

func offered(
  _ id: String, type: String? = nil, keys: String..., source: String = "/tests", used: Bool = false,
  for retention: Duration = .seconds(60),
  dispatches: [OfferedEvent.Dispatch] = []
) -> OfferedEvent {
  let record = KafkaRecord(
    topic: Topics.queue, partition: 3, offset: 17, timestamp: 99, key: id == "keyless" ? nil : Array(id.utf8),
    value: Array("{\"id\":\"\(id)\"}".utf8),
    headers: [KafkaHeader(name: "ce_id", value: Array(id.utf8)), KafkaHeader(name: "odd", value: nil)]
      + (type.map(envelope) ?? []))
  return OfferedEvent(
    record: record, source: source, id: id, keys: keys, isUsed: used, expiresAt: start + retention,
    dispatches: dispatches)
}

/// What makes a record an event that can be read.
private func envelope(_ type: String) -> [KafkaHeader] {
  [("ce_specversion", "1.0"), ("ce_source", "/tests"), ("ce_type", type)].map {
    KafkaHeader(name: $0.0, value: Array($0.1.utf8))
  }
}

extension InboxItem {
  /// The `ce_id` of its event.
  var eventID: String? {
    record.headers.first { $0.name == "ce_id" }?.value.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension PostgresShardStore {
  func due(at now: Timestamp, limit: Int) async throws(MediatorError) -> [UUIDValue] {
    try await due(at: now, within: TimerQuota(limit: limit)).timers
  }
}
