import Testing
import Values

@testable import Engine
@testable import Mediator
@testable import mediatorctl

@Suite struct OverviewTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)

  @Test func countsPerSecondOfTheWindow() {
    let overview = Overview(
      [change(-20, 1, .workflowStarted), change(-4, 2, .workflowStarted, request(1)), change(-2, 2, request(2))],
      now: now, window: .seconds(10), isComplete: true)
    #expect(overview.span == .seconds(10))
    #expect(overview.started == 0.1)
    #expect(overview.requests == 0.2)
    #expect(overview.ended == 0)
  }

  @Test func relatesTheRatesToWhatWasRead() {
    let rows = [change(-4, 2, .workflowStarted), change(-2, 3, .workflowCompleted(output: .null))]
    let overview = Overview(rows, now: now, window: .seconds(10), isComplete: false)
    #expect(overview.span == .seconds(4))
    #expect(overview.started == 0.25)
    #expect(overview.ended == 0.25)
    let idle = Overview([], now: now, window: .seconds(10), isComplete: true)
    #expect((idle.started, idle.tasks.count) == (0, 0))
  }

  @Test func timesTasksFromTheirFirstAttemptToTheirEnd() {
    func done(_ activity: Int) -> JournalEntry {
      .taskCompleted(activity: activity, reference: "/do/0/a", output: .null)
    }
    let overview = Overview(
      [
        change(-9, 1, request(1)), change(-8, 2, request(1)), change(-7, 1, request(2)), change(-6, 2, done(1)),
        change(-4, 1, done(1)), change(-3, 3, request(2)), change(-2, 3, done(1)),
      ], now: now, window: .seconds(10), isComplete: true)
    #expect(
      overview.tasks == [
        .init(
          workflow: "a/b", reference: "/do/0/a", count: 2, slowest: .seconds(5), mean: .milliseconds(3_500))
      ])
  }

  @Test func matchesWorkflowsByNameOrInFull() throws {
    let name = try #require(WorkflowArgument(argument: "b"))
    #expect(name.matches("a/b"))
    #expect(!name.matches("a/ab"))
    let full = try #require(WorkflowArgument(argument: "a/b"))
    #expect(full.matches("a/b"))
    #expect(!full.matches("c/b"))
  }

  private func request(_ attempt: Int) -> JournalEntry {
    .requested(
      Request(
        activity: 1, channel: "work", id: "x", idempotencyKey: "k", reference: "/do/0/a", attempt: attempt,
        deadline: now, data: .null))
  }

  private func change(_ seconds: Int, _ instance: UInt64, _ entries: JournalEntry...) -> JournalChange {
    JournalChange(
      shard: 0,
      row: JournalRow(
        sequence: 1, instance: UUIDValue(high: 0, low: instance), at: now + .seconds(seconds), entries: entries),
      workflow: "a/b")
  }
}
