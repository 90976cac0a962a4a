import Kafka
import Postgres
import TestSupport
import Testing
import Values

extension Cluster {
  /// What must be true when everything has ended, whatever happened on the way.
  ///
  /// - Parameter earlier: records that were on the queue topic, and are not any more.
  func verify(earlier: [KafkaRecord] = []) async throws {
    let readings = Readings(earlier + (try await scan("mediator.queue")))

    // Every accepted event ↔ exactly one instance; everything else ↔ exactly one dead letter.
    let rows = try await query("select event_id, status from instances")
    var ids: [String] = []
    for row in rows {
      ids.append(try row.text("event_id"))
      #expect(try row.text("status") == "completed")
    }
    #expect(ids.count == Set(ids).count)
    // Differences, and only a few of them: a failure has to be readable.
    let accepted = Set(readings.unique.map(\.eventID))
    #expect(Set(ids).subtracting(accepted).sorted().prefix(5) == [])
    #expect(accepted.subtracting(ids).sorted().prefix(5) == [])
    #expect(try await count("select count(*) from dead_letters") == readings.garbage)
    #expect(
      try await count("select count(distinct (topic, partition, \"offset\")) from dead_letters") == readings.garbage)
    // On the topic as well, at least once each: after a crash one may go out again.
    let letters = try await scan("mediator.dead-letters").map { record in
      func header(_ name: String) -> String { record.header(name) ?? "?" }
      return "\(header("dl_topic"))/\(header("dl_partition"))@\(header("dl_offset"))"
    }
    #expect(Set(letters) == readings.garbagePlaces)

    // Each reading once.
    #expect(try await count("select count(*) from equipment_status") == readings.unique.count)
    var stored: Set<String> = []
    for row in try await query("select device, equipment, sequence from equipment_status") {
      stored.insert("\(try row.text("device"))/\(try row.text("equipment"))/\(try row.int("sequence"))")
    }
    let sent = Set(readings.unique.map { "\($0.device)/\($0.equipment)/\($0.sequence)" })
    #expect(stored.subtracting(sent).sorted().prefix(5) == [])
    #expect(sent.subtracting(stored).sorted().prefix(5) == [])

    // The alerts are those that an independent computation gives.
    var transitions: [Readings.Transition] = []
    for row in try await query(
      """
      select equipment, sequence, (extract(epoch from time) * 1000000)::bigint as time, rule, state from alerts
      """)
    {
      transitions.append(
        Readings.Transition(
          equipment: try row.text("equipment"), sequence: try row.int("sequence"), time: Int64(try row.int("time")),
          rule: try row.text("rule"), state: try row.text("state")))
    }
    #expect(transitions.count == Set(transitions).count)
    let expected = readings.expectedTransitions()
    #expect(Set(transitions).subtracting(expected).sorted().prefix(5) == [])
    #expect(expected.subtracting(transitions).sorted().prefix(5) == [])

    // One message for each reading that changed an alert.
    let told = Set(expected.map(\.reading)).count
    #expect(try await count("select count(*) from telegram_messages") == told)

    // Each task execution was settled once, and each request was asked for by the journal.
    #expect(
      try await count("select count(*) from processor_inbox where processor = 'persistence'") == readings.unique.count)
    try await verifyMonotony()
  }

  /// Per shard the journal has no gap below its head, and everything in it is published.
  private func verifyMonotony() async throws {
    let gaps = try await count(
      """
      select count(*) from shards s where s.journal_head <>
        (select count(*) from journal j where j.shard = s.shard)
        + (select count(*) from dead_letters d where d.shard = s.shard)
        + (select count(*) from forwarded_replies f where f.shard = s.shard)
      """)
    #expect(gaps == 0)
    let unpublished = try await poll(within: .seconds(15), "everything to be published") {
      try await self.count("select count(*) from shards where publish_mark < journal_head") == 0 ? 0 : nil
    }
    #expect(unpublished == 0)
  }
}
