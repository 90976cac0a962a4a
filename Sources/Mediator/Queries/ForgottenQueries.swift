import Engine
import Postgres
import Values

/// Looks, page by page, at open instances that could hang unseen. Reads along partial indexes that hold only such ones.
struct ForgottenQueries: Sendable {
  let pool: PostgresPool
  let timeout: Duration

  /// Where a page begins: behind this instance.
  struct Place: Sendable, Hashable {
    var startedAt: Timestamp
    var id: UUIDValue
  }

  /// One page of a shard.
  ///
  /// - Parameters:
  ///   - age: younger instances are left alone: what concerns them may be on its way.
  ///   - place: where the page before ended; nil: from the oldest.
  /// - Returns: what was found, and where the next page begins; nil behind the last.
  func unattended(
    shard: Int32, age: Duration, after place: Place?, limit: Int
  ) async throws(MediatorError) -> (found: [Forgotten], next: Place?) {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select i.id, i.status, i.started_at, i.input, i.state,
               array(select activity from waits w where w.instance = i.id) as waits,
               exists (select from instances h where h.shard = i.shard and h.order_key = i.order_key
                          and h.ended_at is null and h.order_place < i.order_place) as behind
          from instances i
         where i.shard = $1 and i.ended_at is null and i.wake_at is null
           and i.updated_at < clock_timestamp() - $2 * interval '1 millisecond' and (i.started_at, i.id) > ($3, $4)
         order by i.started_at, i.id limit $5
        """, [.int4(shard), .int8(age.milliseconds)] + Self.bounds(place) + [.int8(Int64(limit))]))
    var facts: [UnattendedFacts] = []
    for row in rows { facts.append(try Self.facts(row)) }
    try await addChildren(&facts)
    let last = facts.last.map { Place(startedAt: $0.state.startedAt, id: $0.id) }
    return (facts.compactMap { Forgotten($0) }, facts.count < limit ? nil : last)
  }

  private static func bounds(_ place: Place?) -> [PostgresValue] {
    [
      .timestamp(place?.startedAt.microseconds ?? 0), .uuid(PostgresUUID(place?.id ?? UUIDValue(high: 0, low: 0))),
    ]
  }

  private static func facts(_ row: PostgresRow) throws(MediatorError) -> UnattendedFacts {
    let (id, status, startedAt, waits, isBehind) = try store { () throws(PostgresError) in
      (
        UUIDValue(try row.uuid("id")), try row.text("status"), try row.time("started_at"),
        try row.ints("waits").compactMap(\.self), try row.bool("behind")
      )
    }
    guard let status = InstanceStatus(rawValue: status), let resting = try row.parsed("state") else {
      throw MediatorError(.store, "the open instance \(id.text) has no state that can be read")
    }
    do throws(CodingError) {
      var facts = UnattendedFacts(
        id: id,
        state: try InstanceState(id: id, input: .null, startedAt: startedAt, status: status, resting: resting))
      facts.waits = Set(waits)
      facts.isBehind = isBehind
      return facts
    } catch {
      throw MediatorError(.store, "instance \(id.text) cannot be read: \(error)")
    }
  }

  private func addChildren(_ facts: inout [UnattendedFacts]) async throws(MediatorError) {
    let wanted = Set(facts.flatMap { $0.state.activities.compactMap(\.awaitedChild) })
    guard !wanted.isEmpty else { return }
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select id, status from instances where id = any($1)", [.uuids(wanted.map { PostgresUUID($0) })]))
    var statuses: [UUIDValue: InstanceStatus] = [:]
    for row in rows {
      let (id, status) = try store { () throws(PostgresError) in (UUIDValue(try row.uuid("id")), try row.text("status"))
      }
      statuses[id] = InstanceStatus(rawValue: status)
    }
    for index in facts.indices {
      for child in facts[index].state.activities.compactMap(\.awaitedChild) {
        facts[index].children[child] = statuses[child]
      }
    }
  }

  /// Open instances that another one awaited which has ended since. One that nobody awaited may outlive its parent.
  func orphans(shard: Int32, age: Duration, limit: Int) async throws(MediatorError) -> [Forgotten] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select c.id from instances c join instances p on p.id = c.parent
         where c.shard = $1 and c.parent is not null and c.ended_at is null
           and p.ended_at < clock_timestamp() - $2 * interval '1 millisecond'
           and c.updated_at < clock_timestamp() - $2 * interval '1 millisecond'
           and exists (select from journal j, json_array_elements(j.entries) e
                        where j.instance = p.id and e->>'is' = 'child.started' and e->>'id' = c.id::text
                          and e->>'awaited' <> 'false')
         order by c.started_at, c.id limit $3
        """, [.int4(shard), .int8(age.milliseconds), .int8(Int64(limit))]))
    return try store { () throws(PostgresError) in
      var orphans: [Forgotten] = []
      for row in rows { orphans.append(Forgotten(instance: UUIDValue(try row.uuid("id")), kind: .parentEnded)) }
      return orphans
    }
  }

  /// Instances whose timer has been due for longer than `age`, the oldest first.
  func overdue(shard: Int32, age: Duration, limit: Int) async throws(MediatorError) -> [Forgotten] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select id from instances
         where shard = $1 and wake_at < clock_timestamp() - $2 * interval '1 millisecond' order by wake_at limit $3
        """, [.int4(shard), .int8(age.milliseconds), .int8(Int64(limit))]))
    return try store { () throws(PostgresError) in
      var found: [Forgotten] = []
      for row in rows { found.append(Forgotten(instance: UUIDValue(try row.uuid("id")), kind: .overdue)) }
      return found
    }
  }

  /// Lets the owner of its shard look at an instance with its next timers. Safe whoever owns it, and whatever happened
  /// since: a timer that is early changes nothing and is written again as the state has it.
  func wake(_ id: UUIDValue) async throws(MediatorError) {
    _ = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          "update instances set wake_at = clock_timestamp() where id = $1 and wake_at is null and ended_at is null",
          [.uuid(PostgresUUID(id))])
      ])
  }
}

extension Activity {
  fileprivate var awaitedChild: UUIDValue? { if case .child(let id) = phase { id } else { nil } }
}
