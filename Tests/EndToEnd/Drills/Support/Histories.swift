import Postgres
import Testing

extension Cluster {
  struct Tally {
    var instances = 0
    /// Accepted events without an instance, and readings without their row.
    var losses = 0
    /// Alerts and messages that exist twice for one task execution.
    var duplicates = 0
  }

  private static let entries = """
    with entries as (
      select j.instance, j.sequence, e.place, e.entry ->> 'is' as kind, (e.entry ->> 'activity')::int as activity
        from journal j, json_array_elements(j.entries) with ordinality as e(entry, place))
    """

  /// What the journal and the processors' tables must say of each instance by itself.
  func verifyHistories() async throws -> Tally {
    // One terminal state, and nothing after it; a beginning, and nothing before it.
    let terminal = "('workflow.completed', 'workflow.faulted', 'workflow.cancelled')"
    #expect(
      try await count(
        """
        \(Self.entries)
        select count(*) from (
          select instance from entries group by instance having count(*) filter (where kind in \(terminal)) <> 1) x
        """) == 0, "an instance has no terminal state, or more than one")
    #expect(
      try await count(
        """
        \(Self.entries)
        select count(*) from (
          select kind, row_number() over (partition by instance order by sequence, place) as place,
                 row_number() over (partition by instance order by sequence desc, place desc) as back from entries) x
         where (place = 1) <> (kind = 'workflow.started') or (back = 1) <> (kind in \(terminal))
        """) == 0, "an instance's history does not go from its beginning to its end")
    // Within an instance a task begins once, is done once, and in this order.
    #expect(
      try await count(
        """
        \(Self.entries)
        select count(*) from (
          select instance, activity from entries where activity is not null group by instance, activity
          having count(*) filter (where kind = 'task.started') <> 1 or count(*) filter (where kind = 'task.completed') > 1
              or min(sequence * 1000 + place) filter (where kind = 'task.completed')
                 <= min(sequence * 1000 + place) filter (where kind = 'task.started')) x
        """) == 0, "a task was done twice, or before it began")
    return try await tally()
  }

  private func tally() async throws -> Tally {
    let readings = Readings(try await scan("mediator.queue"))
    var started: Set<String> = []
    for row in try await query("select event_id from instances") { started.insert(try row.text("event_id")) }
    var tally = Tally()
    tally.instances = started.count
    tally.losses = readings.unique.count { !started.contains($0.eventID) }
    let stored = try await count(
      "select count(distinct (device, equipment, sequence, time)) from equipment_status")
    tally.losses += max(0, readings.unique.count - stored)
    tally.duplicates =
      try await count("select count(*) - count(distinct (device, equipment, sequence, time)) from equipment_status")
      + count("select count(*) - count(distinct (idempotency_key, rule)) from alerts")
      + count("select count(*) - count(distinct (processor, idempotency_key)) from telegram_messages")
    return tally
  }
}
