import Kafka
import Testing
import Values

@testable import Engine
@testable import Mediator
@testable import mediatorctl

@Suite struct TraceTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)

  @Test func followsAnEventThroughInstancesCallsAndEmittedEvents() {
    let first = instance(1, event: "e1", requests: ["r1"], emitted: ["m1"])
    let child = instance(2, event: "x", parent: 1, requests: ["r2"])
    let next = instance(3, event: "m1", source: "/emitted")
    let trace = Trace(
      instances: [next, child, first],
      records: [
        record("q", 0, id: "e1"), record("c", 1, id: "r1", cause: first.summary.id.text),
        record("replies", 2, id: "r1.reply", cause: "r1"), record("q", 3, id: "m1", source: "/emitted"),
      ])
    #expect(
      outline(trace.roots) == [
        "e1", " instance 1", "  r1", "   r1.reply", "  m1", "   instance 3", "  instance 2", "   unseen r2",
      ])
  }

  @Test func startsWithTheInstanceWhereItsEventWasNotSeen() {
    let trace = Trace(instances: [instance(1, event: "e1", requests: ["r1"])], records: [])
    #expect(outline(trace.roots) == ["instance 1", " unseen r1"])
  }

  @Test func tellsWhoReadWhatNoMediatorHandled() {
    let seen = record("EquipmentStatus", 4, id: "e1")
    let letter = record("mediator.dead-letters", 9, id: "e1", deadLetterOf: (seen.topic, 0, 4))
    let trace = Trace(instances: [], records: [letter, seen], readers: [seen.place: ["g"]])
    #expect(outline(trace.roots) == ["e1", " e1"])
    guard case .record(_, let readers, _) = trace.roots[0] else {
      Issue.record("no record")
      return
    }
    #expect(readers == ["g"])
    let text = TraceReport(trace, isComplete: false, kafkaProblem: nil).text(.plain(now: now))
    #expect(text.contains("EquipmentStatus/0/4  read by g"))
    #expect(text.contains("└─ "))
    #expect(text.contains("raise --limit"))
  }

  @Test func endsWhereThingsCauseEachOther() {
    let trace = Trace(
      instances: [], records: [record("a", 0, id: "x", cause: "y"), record("a", 1, id: "y", cause: "x")])
    #expect(outline(trace.roots) == ["x", " y"])
  }

  @Test func takesWhatBelongsToItByItsHeaders() {
    let interest = TraceInterest(
      subject: "press-1", instances: [instance(1, event: "e1", requests: ["r1"], emitted: ["m1"])])
    #expect(interest.includes(record("q", 0, id: "e1")))
    #expect(interest.includes(record("q", 0, id: "other", key: "press-1")))
    #expect(interest.includes(record("c", 0, id: "r1.reply", cause: "r1")))
    #expect(!interest.includes(record("q", 0, id: "other", key: "press-2")))
    #expect(!interest.includes(record("c", 0, id: "r9", cause: "z", correlation: "z", key: "press-1")))
  }

  // MARK: Samples

  private func outline(_ nodes: [Trace.Node], depth: Int = 0) -> [String] {
    nodes.flatMap { node -> [String] in
      let name =
        switch node {
        case .record(let record, _, _): record.id ?? "-"
        case .instance(let instance, _): "instance \(instance.summary.id.low)"
        case .unseen(let id, _, _, _): "unseen \(id)"
        }
      return [String(repeating: " ", count: depth) + name] + outline(node.effects, depth: depth + 1)
    }
  }

  private func record(
    _ topic: String, _ offset: Int64, id: String, source: String = "/s", cause: String? = nil,
    correlation: String? = nil, key: String? = nil, deadLetterOf: (String, Int, Int)? = nil
  ) -> Trace.Record {
    var headers = [("ce_id", id), ("ce_source", source), ("ce_type", "t")]
    if let cause { headers.append(("ce_causationid", cause)) }
    if let correlation { headers.append(("ce_correlationid", correlation)) }
    if let (topic, partition, offset) = deadLetterOf {
      headers += [("dl_topic", topic), ("dl_partition", "\(partition)"), ("dl_offset", "\(offset)")]
    }
    return Trace.Record(
      KafkaRecord(
        topic: topic, partition: 0, offset: offset, timestamp: now.microseconds / 1_000 + offset,
        key: key.map { Array($0.utf8) }, value: nil,
        headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) }))
  }

  private func instance(
    _ number: UInt64, event: String, source: String = "/s", parent: UInt64? = nil, requests: [String] = [],
    emitted: [String] = []
  ) -> Trace.Instance {
    let id = UUIDValue(high: 0, low: number)
    let at = now + .seconds(Int(number))
    let entries: [JournalEntry] =
      requests.map {
        .requested(
          Request(
            activity: 1, channel: "c", id: $0, idempotencyKey: "k", reference: "/do/0/a", attempt: 1, deadline: at,
            data: .null))
      }
      + emitted.map {
        .emitted(
          EmittedEvent(
            activity: 2, reference: "/do/1/b", event: ["id": .string($0), "source": "/emitted", "type": "made"]))
      }
    let journal = [JournalRow(sequence: 1, instance: id, at: at, entries: entries)]
    let summary = InstanceSummary(
      id: id, shard: 0, namespace: "a", name: "b", version: "1.0.0", status: .running, key: nil, eventID: event,
      eventSource: source, startedAt: at, updatedAt: at, endedAt: nil, error: nil)
    return Trace.Instance(
      InstanceDetail(
        summary: summary, input: .null, context: .null, deadline: nil, output: nil,
        history: TaskHistory(journal: journal, open: []), isComplete: true, journal: journal, activities: [],
        isUnfinished: false, wakeAt: nil), parent: parent.map { UUIDValue(high: 0, low: $0) })
  }
}
