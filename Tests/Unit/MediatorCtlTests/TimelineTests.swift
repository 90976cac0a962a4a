import Testing
import Values

@testable import Engine
@testable import Mediator
@testable import mediatorctl

@Suite struct TimelineTests {
  private let id = UUIDValue(high: 1, low: 2)
  private let problem = ProblemDetails(type: "about:blank", status: 503, title: "Busy")
  private func at(_ seconds: Int) -> Timestamp {
    Timestamp(microseconds: 1_767_323_045_000_000) + .seconds(seconds)
  }

  @Test func drawsAttemptsAndWhatLiesBetween() {
    let timeline = Timeline(detail(rows, endedAt: at(10)), now: at(99))
    #expect(timeline.end == at(10))
    #expect(timeline.rows.map(\.task.reference) == ["/do/0/send", "/do/1/rest"])
    let send = timeline.rows[0]
    #expect(send.segments.map(\.kind) == [.attempt, .idle, .attempt])
    #expect(send.segments.map(\.number) == [1, nil, 2])
    #expect(send.segments.map(\.hasFailed) == [true, false, false])
    #expect(send.time(.attempt) == .seconds(3))
    #expect(send.time(.idle) == .seconds(3))
    #expect(timeline.rows[1].segments.map(\.kind) == [.open])
    #expect(timeline.idle == .seconds(7))
    #expect(timeline.bar(send, columns: 10) == "█✗···█")
    #expect(timeline.bar(timeline.rows[1], columns: 10) == "      ────")
    #expect(timeline.bar(send, columns: 1) == "✗")
  }

  @Test func endsWhatIsOpenNow() {
    let open = Timeline(detail(Array(rows.prefix(1)), endedAt: nil), now: at(4))
    #expect(open.end == at(4))
    #expect(open.rows[0].segments.map(\.to) == [at(4)])
    #expect(open.idle == .zero)
    let before = Timeline(detail([], endedAt: nil), now: at(-1))
    #expect(before.end == at(0))
    #expect(before.rows.isEmpty)
  }

  @Test func foldsTheJournalUpToARow() throws {
    #expect(JournalFold(rows, until: 9) == nil)
    let first = try #require(JournalFold(rows, until: 11))
    #expect((first.sequence, first.status) == (10, .running))
    #expect(first.history.tasks.map(\.status) == [.running])
    let retrying = try #require(JournalFold(rows, until: 12))
    #expect(retrying.history.tasks.map(\.status) == [.retrying])
    let later = try #require(JournalFold(rows, until: 14))
    #expect(later.history.tasks.map(\.status) == [.completed, .running])
    #expect(later.history.tasks[0].output == ["sent": true])
    let last = try #require(JournalFold(rows, until: .max))
    #expect((last.sequence, last.status) == (15, .completed))
    #expect(last.output == 1)
  }

  @Test func tellsWhatTheJournalCannotTell() throws {
    let fold = try #require(JournalFold(rows, until: 12))
    let report = FoldReport(fold, of: detail(rows, endedAt: at(10)))
    let text = report.text(.plain(now: at(20)))
    #expect(text.contains("Not in the journal: $context"))
    #expect(text.contains("completed, 3 rows later"))
    #expect(report.json["tasks"]?[0]?["status"] == "retrying")
  }

  private var rows: [JournalRow] {
    let send = "/do/0/send"
    func request(_ attempt: Int) -> JournalEntry {
      .requested(
        Request(
          activity: 1, channel: "work", id: "\(id.text).1.\(attempt)", idempotencyKey: "\(id.text).1", reference: send,
          attempt: attempt, deadline: at(600), data: .null))
    }
    func row(_ sequence: Int64, _ seconds: Int, _ entries: JournalEntry...) -> JournalRow {
      JournalRow(sequence: sequence, instance: id, at: at(seconds), entries: entries)
    }
    return [
      row(10, 0, .workflowStarted, .taskStarted(activity: 1, reference: send), request(1)),
      row(12, 2, .attemptFailed(activity: 1, reference: send, attempt: 1, problem: problem, retryAt: at(5))),
      row(13, 5, request(2)),
      row(
        14, 6, .taskCompleted(activity: 1, reference: send, output: ["sent": true]),
        .taskStarted(activity: 2, reference: "/do/1/rest")),
      row(15, 10, .taskCompleted(activity: 2, reference: "/do/1/rest", output: 1), .workflowCompleted(output: 1)),
    ]
  }

  private func detail(_ rows: [JournalRow], endedAt: Timestamp?) -> InstanceDetail {
    InstanceDetail(
      summary: InstanceSummary(
        id: id, shard: 0, namespace: "a", name: "b", version: "1.0.0", status: endedAt == nil ? .running : .completed,
        key: nil, eventID: nil, eventSource: nil, startedAt: at(0), updatedAt: at(0), endedAt: endedAt, error: nil),
      input: .null, context: .null, deadline: nil, output: nil, history: TaskHistory(journal: rows, open: []),
      isComplete: true, journal: rows, activities: [], isUnfinished: false, wakeAt: nil)
  }
}
