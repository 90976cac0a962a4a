import Engine
import Postgres
import Values

/// Finds the instances that a key or an event led to, and those that they led to.
public struct TraceQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration
  private let instances: InstanceQueries

  /// How far is followed from one instance to the next.
  static let maxDepth = 10

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
    instances = InstanceQueries(pool: pool, timeout: timeout)
  }

  /// - Parameters:
  ///   - text: a record's key, or an event's id.
  ///   - limit: instances at most.
  public func instances(
    of text: String, since: Timestamp, limit: Int
  ) async throws(MediatorError) -> (instances: [Trace.Instance], isComplete: Bool) {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select id from instances where started_at >= $2 and (key = $1 or event_id = $3 or id::text = $3)
         order by started_at limit $4
        """, [.bytes(Array(text.utf8)), .timestamp(since.microseconds), .text(text), .int8(Int64(limit + 1))]))
    var open = try store { () throws(PostgresError) in
      var ids: [UUIDValue] = []
      for row in rows { ids.append(UUIDValue(try row.uuid("id"))) }
      return ids
    }
    var isComplete = open.count <= limit
    open = Array(open.prefix(limit))
    var found: [UUIDValue: Trace.Instance] = [:]
    for _ in 0..<Self.maxDepth where !open.isEmpty {
      var next: [UUIDValue] = []
      for id in open where found[id] == nil {
        guard found.count < limit else {
          isComplete = false
          break
        }
        guard let detail = try await instances.detail(id) else { continue }
        let instance = Trace.Instance(detail, parent: try await parent(of: id))
        found[id] = instance
        next += try await children(of: id)
        for emitted in instance.emitted {
          next += try await instances.instances(ofEvent: emitted.id, source: emitted.source).map(\.id)
        }
      }
      open = next.filter { found[$0] == nil }
    }
    return (Array(found.values), isComplete)
  }

  private func parent(of id: UUIDValue) async throws(MediatorError) -> UUIDValue? {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement("select parent from instances where id = $1", [.uuid(PostgresUUID(id))]))
    return try store { () throws(PostgresError) in
      try rows.first?.optionalUUID("parent").map { UUIDValue($0) }
    }
  }

  private func children(of id: UUIDValue) async throws(MediatorError) -> [UUIDValue] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select id from instances where parent = $1 order by started_at limit 1000", [.uuid(PostgresUUID(id))]))
    return try store { () throws(PostgresError) in
      var ids: [UUIDValue] = []
      for row in rows { ids.append(UUIDValue(try row.uuid("id"))) }
      return ids
    }
  }
}

extension Trace.Instance {
  init(_ detail: InstanceDetail, parent: UUIDValue?) {
    summary = detail.summary
    self.parent = parent
    var requests: [Request] = []
    var emitted: [Emitted] = []
    for row in detail.journal {
      for entry in row.entries {
        switch entry {
        case .requested(let request):
          requests.append(
            Request(id: request.id, channel: request.channel, reference: request.reference, at: row.at))
        case .emitted(let event):
          emitted.append(
            Emitted(
              id: event.event["id"]?.string ?? "", source: event.event["source"]?.string ?? "",
              type: event.event["type"]?.string ?? "", at: row.at))
        default: continue
        }
      }
    }
    self.requests = requests
    self.emitted = emitted
  }
}
