import Engine
import Kafka
import Postgres
import Values

/// A shard's store in Postgres, on a connection of its own.
public final class PostgresShardStore: ShardStore {
  private let connection: PostgresConnection
  private let takeover: ShardTakeover
  private let leaseMilliseconds: Int64
  /// Whether rows without a processing event have something to publish too: lifecycle events.
  private let publishesEveryRow: Bool
  private let maxRedrives: Int
  private let timeout: Duration

  init(
    connection: PostgresConnection, takeover: ShardTakeover, lease: Duration, publishesEveryRow: Bool,
    maxRedrives: Int = 3, timeout: Duration
  ) {
    self.connection = connection
    self.takeover = takeover
    self.leaseMilliseconds = lease.milliseconds
    self.publishesEveryRow = publishesEveryRow
    self.maxRedrives = maxRedrives
    self.timeout = timeout
  }

  // MARK: Reading

  public func load(_ ids: [UUIDValue]) async throws(MediatorError) -> [StoredInstance] {
    let rows = try await query(InstanceRows.load, [.uuids(ids.map { PostgresUUID($0) })])
    return try InstanceRows.decode(rows)
  }

  public func due(at now: Timestamp, within quota: TimerQuota) async throws(MediatorError) -> DueWork {
    let rows = try await query(TimerRows.due, TimerRows.parameters(takeover.shard, now, quota))
    return try store { () throws(PostgresError) in
      var ids: [UUIDValue] = []
      for row in rows { if let id = try row.optionalUUID("id") { ids.append(UUIDValue(id)) } }
      return DueWork(timers: ids, hasCommands: ids.count < rows.count)
    }
  }

  public func commands(limit: Int) async throws(MediatorError) -> [QueuedCommand] {
    var commands: [QueuedCommand] = []
    for row in try await query(CommandRows.queued, [.int4(takeover.shard), .int8(Int64(limit))]) {
      commands.append(try CommandRows.queuedCommand(row))
    }
    return commands
  }

  public func channelLoad() async throws(MediatorError) -> ChannelLoad {
    let counts = try await rows(QueueRows.loads, [.int4(takeover.shard)], QueueRows.load)
    return ChannelLoad(Dictionary(counts) { _, last in last })
  }

  public func queuedCalls(_ wanted: [ChannelLoad.Key: Int]) async throws(MediatorError) -> [QueuedCall] {
    try await rows(QueueRows.queued, QueueRows.parameters(takeover.shard, wanted), QueueRows.queuedCall)
  }

  public func unpublished(after sequence: Int64, limit: Int) async throws(MediatorError) -> [UnpublishedRow] {
    try await OutboxRows.load(
      connection, shard: takeover.shard, after: sequence, limit: limit, everyRow: publishesEveryRow, timeout: timeout)
  }

  public func inbox(limit: Int) async throws(MediatorError) -> [InboxItem] {
    try await rows(EventRows.inbox, [.int4(takeover.shard), .int8(Int64(limit))], EventRows.inboxItem)
  }

  public func expired(at now: Timestamp, limit: Int) async throws(MediatorError) -> [ExpiredEvent] {
    try await rows(
      EventRows.expired, [.int4(takeover.shard), .timestamp(now.microseconds), .int8(Int64(limit))],
      EventRows.expiredEvent)
  }

  public func schedules() async throws(MediatorError) -> [ScheduleRow] {
    try await rows(OrderRows.schedules, [.int4(takeover.shard)], OrderRows.scheduleRow)
  }

  public func openOrderKeys(_ keys: Set<String>) async throws(MediatorError) -> Set<String> {
    Set(
      try await rows(OrderRows.openOrderKeys, [.int4(takeover.shard), .texts(keys.sorted())]) {
        row throws(PostgresError) in try row.text("order_key")
      })
  }

  public func collected(
    _ collections: Set<CollectedEvent.Collection>
  ) async throws(MediatorError) -> [CollectedEvent] {
    let wanted = Array(collections)
    let rows = try await query(
      OrderRows.collected, [.texts(wanted.map(\.workflow)), .texts(wanted.map(\.correlation))])
    var events: [CollectedEvent] = []
    for row in rows { events.append(try OrderRows.collectedEvent(row)) }
    return events
  }

  public func overdue(at now: Timestamp, limit: Int) async throws(MediatorError) -> [OverdueEvent] {
    let rows = try await query(
      OrderRows.overdue, [.int4(takeover.shard), .timestamp(now.microseconds), .int8(Int64(limit))])
    var events: [OverdueEvent] = []
    for row in rows { events.append(try OrderRows.overdueEvent(row)) }
    return events
  }

  // MARK: Writing

  public func renew(publishMark: Int64) async throws(MediatorError) {
    _ = try await query(
      "select renew($1, $2, $3, $4)",
      [.int4(takeover.shard), .int8(takeover.epoch), .int8(publishMark), .int8(leaseMilliseconds)])
  }

  public func commit(_ batch: ShardBatch) async throws(MediatorError) {
    var statements = [
      PostgresStatement("begin"),
      PostgresStatement(
        "select fence($1, $2, $3, $4, $5, $6, $7)",
        [
          .int4(takeover.shard), .int8(takeover.epoch), .int8(batch.number), .int8(batch.journalHead),
          .int8(batch.publishMark), .int8(leaseMilliseconds), batch.newestDefinition.map { .int4($0) } ?? .null,
        ]),
    ]
    if !batch.started.isEmpty { statements.append(InstanceRows.insert(batch.started)) }
    if !batch.updated.isEmpty { statements.append(InstanceRows.update(batch.updated)) }
    if !batch.journal.isEmpty { statements.append(OutboxRows.insert(batch.journal, shard: takeover.shard)) }
    statements += DeadLetterRows.statements(batch, shard: takeover.shard, maxRedrives: maxRedrives)
    if !batch.forwarded.isEmpty { statements.append(OutboxRows.insert(batch.forwarded, shard: takeover.shard)) }
    statements += EventRows.statements(batch, shard: takeover.shard)
    statements += OrderRows.statements(batch, shard: takeover.shard)
    statements += QueueRows.statements(batch, shard: takeover.shard)
    statements += CommandRows.statements(batch, shard: takeover.shard)
    if !batch.positions.isEmpty { statements.append(PositionRows.upsert(batch.positions)) }
    statements.append(PostgresStatement("commit"))
    do throws(PostgresError) {
      _ = try await connection.pipeline(statements, timeout: timeout)
    } catch {
      throw MediatorError(postgres: error)
    }
  }

  private func rows<Value>(
    _ sql: String, _ parameters: [PostgresValue], _ decode: (PostgresRow) throws(PostgresError) -> Value
  ) async throws(MediatorError) -> [Value] {
    let rows = try await query(sql, parameters)
    return try store { () throws(PostgresError) in
      var values: [Value] = []
      values.reserveCapacity(rows.count)
      for row in rows { values.append(try decode(row)) }
      return values
    }
  }

  private func query(_ sql: String, _ parameters: [PostgresValue]) async throws(MediatorError) -> PostgresRows {
    do throws(PostgresError) {
      return try await connection.query(sql, parameters, timeout: timeout)
    } catch {
      throw MediatorError(postgres: error)
    }
  }
}

/// Runs a body that decodes rows, with its errors as the mediator's own.
func store<Value>(_ body: () throws(PostgresError) -> Value) throws(MediatorError) -> Value {
  do throws(PostgresError) {
    return try body()
  } catch {
    throw MediatorError(postgres: error)
  }
}

extension PostgresPool {
  /// Runs statements in one round trip, as one transaction.
  func run(
    timeout: Duration, _ statements: [PostgresStatement]
  ) async throws(MediatorError) -> [PostgresRows] {
    do {
      return try await withConnection { try await $0.pipeline(statements, timeout: timeout) }
    } catch let error as PostgresError {
      throw MediatorError(postgres: error)
    } catch {
      throw MediatorError(.store, "\(error)")
    }
  }
}

extension MediatorError {
  /// By what there is to do about it: SQLSTATE classes as in the Postgres manual, appendix A.
  init(postgres error: PostgresError) {
    let code: Code
    switch error.sqlState {
    case "MD001": code = .fenced
    case "23505", "MD002": code = .conflict
    // Data that cannot be converted, program limits (a row too large, too deep), text that jsonb or UTF-8 refuses.
    case let state? where state.hasPrefix("22") || state.hasPrefix("54") || state.hasPrefix("23"):
      code = .unstorable
    default: code = .store
    }
    self.init(code, "\(error)")
  }
}

extension PostgresUUID {
  init(_ id: UUIDValue) { self.init(high: id.high, low: id.low) }
}

extension UUIDValue {
  init(_ id: PostgresUUID) { self.init(high: id.high, low: id.low) }
}

extension Duration {
  var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
  /// Seconds with a fraction, for metrics.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
