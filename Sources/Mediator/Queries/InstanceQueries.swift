import Engine
import Postgres
import Values

/// What people ask about workflow instances.
public struct InstanceQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  /// Rows of the journal read for one instance; of a longer one the newest are told.
  public static let journalLimit = 5_000

  /// - Parameter timeout: per question; one that has to scan too much ends there.
  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  // MARK: Lists

  /// Instances, newest first.
  ///
  /// Reads back from the newest along the index on the start until `limit` are found; only open ones, those of one
  /// event (id and source) and those since a moment are found without passing over others.
  public func list(_ filter: InstanceFilter, limit: Int) async throws(MediatorError) -> Page<InstanceSummary> {
    var ids: [UUIDValue]?
    if let id = filter.eventID, let source = filter.eventSource {
      ids = try await instances(ofEvent: id, source: source).map(\.id)
    }
    let rows = try await pool.snapshot(timeout: timeout, InstanceSelection(filter, ids: ids).statement(limit: limit))
    return Page(try summaries(rows), limit: limit)
  }

  /// The ids that an event's instances have, or would have: one per workflow that has ever been deployed.
  public func instances(
    ofEvent id: String, source: String
  ) async throws(MediatorError) -> [(workflow: String, id: UUIDValue)] {
    let rows = try await pool.snapshot(
      timeout: timeout, PostgresStatement("select distinct namespace, name from definitions order by 1, 2"))
    return try store { () throws(PostgresError) in
      var instances: [(workflow: String, id: UUIDValue)] = []
      for row in rows {
        let workflow = "\(try row.text("namespace"))/\(try row.text("name"))"
        instances.append((workflow, InstanceID.make(workflow: workflow, source: source, id: id)))
      }
      return instances
    }
  }

  /// Those of the given ids that exist.
  public func summaries(of ids: [UUIDValue]) async throws(MediatorError) -> [InstanceSummary] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select \(InstanceSummary.columns)
          from instances i join definitions d on d.number = i.definition
         where i.id = any($1) order by i.started_at, i.id
        """, [.uuids(ids.map { PostgresUUID($0) })]))
    return try summaries(rows)
  }

  /// - Parameter candidates: how many to tell when the prefix is ambiguous.
  public func lookUp(_ prefix: InstancePrefix, candidates: Int = 5) async throws(MediatorError) -> InstanceLookup {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select \(InstanceSummary.columns)
          from instances i join definitions d on d.number = i.definition
         where i.id between $1 and $2 order by i.id limit $3
        """,
        [
          .uuid(PostgresUUID(prefix.lowest)), .uuid(PostgresUUID(prefix.highest)), .int8(Int64(max(candidates, 2))),
        ]))
    let found = try summaries(rows)
    guard found.count < 2 else { return .several(found) }
    return found.first.map { .one($0.id) } ?? .none
  }

  private func summaries(_ rows: PostgresRows) throws(MediatorError) -> [InstanceSummary] {
    var summaries: [InstanceSummary] = []
    summaries.reserveCapacity(rows.count)
    for row in rows { summaries.append(try InstanceSummary(row)) }
    return summaries
  }

  // MARK: One

  /// - Returns: nil when there is no such instance.
  public func detail(_ id: UUIDValue) async throws(MediatorError) -> InstanceDetail? {
    let uuid = PostgresValue.uuid(PostgresUUID(id))
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select \(InstanceSummary.columns), i.input, i.state, i.output, i.wake_at
            from instances i join definitions d on d.number = i.definition where i.id = $1
          """, [uuid]),
        PostgresStatement(
          "select sequence, at, entries from journal where instance = $1 order by sequence desc limit $2",
          [uuid, .int8(Int64(Self.journalLimit + 1))]),
      ])
    guard results.count == 2, let row = results[0].first else { return nil }
    return try detail(row, journal: results[1])
  }

  private func detail(_ row: PostgresRow, journal rows: PostgresRows) throws(MediatorError) -> InstanceDetail {
    let summary = try InstanceSummary(row)
    let input = try row.parsed("input") ?? .null
    let state = try row.parsed("state").map { resting throws(MediatorError) in
      do {
        return try InstanceState(
          id: summary.id, input: input, startedAt: summary.startedAt, status: summary.status, resting: resting)
      } catch {
        throw MediatorError(.store, "instance \(summary.id.text) cannot be read: \(error)")
      }
    }
    var journal: [JournalRow] = []
    for row in rows.prefix(Self.journalLimit).reversed() { journal.append(try journalRow(row, of: summary.id)) }
    return InstanceDetail(
      summary: summary, input: input, context: state?.context ?? .null, deadline: state?.deadline,
      output: try row.parsed("output"),
      history: TaskHistory(journal: journal, open: state?.activities ?? []),
      isComplete: rows.count <= Self.journalLimit, journal: journal, activities: state?.activities ?? [],
      isUnfinished: state?.unfinished.isEmpty == false,
      wakeAt: try store { () throws(PostgresError) in try row.optionalTime("wake_at") })
  }

  /// The journal of one instance, the oldest row first.
  ///
  /// - Throws: `store` when it has more rows than `limit`.
  public func journal(of id: UUIDValue, limit: Int = 50_000) async throws(MediatorError) -> [JournalRow] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select sequence, at, entries from journal where instance = $1 order by sequence limit $2",
        [.uuid(PostgresUUID(id)), .int8(Int64(limit) + 1)]))
    guard rows.count <= limit else {
      throw MediatorError(.store, "the journal of instance \(id.text) has more than \(limit) rows")
    }
    var journal: [JournalRow] = []
    journal.reserveCapacity(rows.count)
    for row in rows { journal.append(try journalRow(row, of: id)) }
    return journal
  }

  private func journalRow(_ row: PostgresRow, of id: UUIDValue) throws(MediatorError) -> JournalRow {
    let (sequence, at) = try store { () throws(PostgresError) in (try row.int64("sequence"), try row.time("at")) }
    var entries: [JournalEntry] = []
    for json in try row.parsed("entries")?.array ?? [] {
      do throws(CodingError) {
        entries.append(try JournalEntry(json))
      } catch {
        throw MediatorError(.store, "the journal row \(sequence) of instance \(id.text) cannot be read: \(error)")
      }
    }
    return JournalRow(sequence: sequence, instance: id, at: at, entries: entries)
  }
}

/// A filter as SQL.
struct InstanceSelection {
  private var conditions: [String] = []
  private var parameters: [PostgresValue] = []

  /// - Parameter ids: only these, when not nil.
  init(_ filter: InstanceFilter, ids: [UUIDValue]?) {
    if let namespace = filter.namespace { add("d.namespace =", .text(namespace)) }
    if let name = filter.name { add("d.name =", .text(name)) }
    if let version = filter.version { add("d.version =", .text(version)) }
    if !filter.statuses.isEmpty {
      add("i.status = any", .texts(filter.statuses.map(\.rawValue).sorted()))
      // Said in the words of the index on open instances, so that it can be used.
      if filter.statuses.allSatisfy({ !$0.isTerminal }) { conditions.append("i.ended_at is null") }
    }
    if let key = filter.key { add("i.key =", .bytes(key)) }
    if let since = filter.since { add("i.started_at >=", .timestamp(since.microseconds)) }
    if let ids { add("i.id = any", .uuids(ids.map { PostgresUUID($0) })) }
    if let event = filter.eventID { add("i.event_id =", .text(event)) }
    if let source = filter.eventSource { add("i.event_source =", .text(source)) }
    if let error = filter.error {
      // By the raw text: `->>` refuses a json value that has \u0000 in it.
      parameters.append(.text(error))
      conditions.append("strpos(lower(i.error::text), lower($\(parameters.count))) > 0")
    }
    if let task = filter.failedTask {
      let reference = JSON.string(task).text.dropFirst()
      parameters.append(.text(task.hasPrefix("/") ? "\"instance\":\"\(reference)" : "/\(reference)"))
      conditions.append("strpos(i.error::text, $\(parameters.count)) > 0")
    }
  }

  private mutating func add(_ condition: String, _ value: PostgresValue) {
    parameters.append(value)
    conditions.append("\(condition) ($\(parameters.count))")
  }

  /// Asks for one row more than `limit`, which tells whether there are more.
  func statement(limit: Int) -> PostgresStatement {
    let restriction = conditions.isEmpty ? "" : "where " + conditions.joined(separator: " and ")
    return PostgresStatement(
      """
      select \(InstanceSummary.columns)
        from instances i join definitions d on d.number = i.definition \(restriction)
       order by i.started_at desc, i.id desc limit $\(parameters.count + 1)
      """, parameters + [.int8(Int64(limit) + 1)])
  }
}
