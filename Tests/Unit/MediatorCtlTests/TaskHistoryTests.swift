import Mediator
import Testing
import Values

@testable import Engine

@Suite struct TaskHistoryTests {
  private let instance = UUIDValue(high: 1, low: 2)
  private let problem = ProblemDetails(type: "about:blank", status: 503, title: "Busy", detail: "try later")

  @Test func tellsACallFromStartToEnd() throws {
    let history = TaskHistory(
      journal: [
        row(0, .workflowStarted, .taskStarted(activity: 1, reference: "/do/0/persist"), request(1, "/do/0/persist", 1)),
        row(3, .taskCompleted(activity: 1, reference: "/do/0/persist", output: ["stored": 1])),
      ], open: [])
    let task = try #require(history.tasks.first)
    #expect(history.tasks.count == 1)
    #expect(task.name == "persist")
    #expect(task.status == .completed)
    #expect(task.startedAt == at(0))
    #expect(task.endedAt == at(3))
    #expect(task.channel == "work")
    #expect(task.deadline == at(600))
    #expect(task.attemptCount == 1)
    #expect(task.data == ["n": 1])
    #expect(task.output == ["stored": 1])
    #expect(task.attempts.map(\.endedAt) == [at(3)])
    #expect(task.problem == nil)
  }

  /// What has ended stays where it was; what is open is where the new version has it.
  @Test func tellsOpenTasksInTheNewVersion() throws {
    let record = MigrationRecord(from: "1", to: "2", moved: ["/do/0/a": "/do/1/a", "/do/1/b": "/do/2/b"])
    let rows = [
      row(
        0, .taskStarted(activity: 1, reference: "/do/0/a"),
        .taskCompleted(activity: 1, reference: "/do/0/a", output: 1), .taskStarted(activity: 2, reference: "/do/1/b")),
      row(1, .migrated(record, reason: "")),
      row(2, .taskCompleted(activity: 2, reference: "/do/2/b", output: 1)),
    ]
    for count in 2...3 {
      let history = TaskHistory(journal: Array(rows.prefix(count)), open: [])
      #expect(history.tasks.map(\.reference) == ["/do/0/a", "/do/2/b"])
    }
    #expect(TaskHistory(journal: Array(rows.prefix(1)), open: []).tasks.map(\.reference) == ["/do/0/a", "/do/1/b"])
  }

  @Test func tellsEveryAttempt() throws {
    let reference = "/do/0/send"
    let retried = JournalEntry.attemptFailed(
      activity: 1, reference: reference, attempt: 1, problem: problem, retryAt: at(5))
    let rows = [
      row(0, .taskStarted(activity: 1, reference: reference), request(1, reference, 1)),
      row(2, retried),
    ]
    let waiting = try #require(TaskHistory(journal: rows, open: []).tasks.first)
    #expect(waiting.status == .retrying)
    #expect(waiting.retryAt == at(5))
    #expect(waiting.problem == problem)
    #expect(waiting.attempts.map(\.problem) == [problem])

    let sentAgain = rows + [row(5, request(1, reference, 2))]
    let running = try #require(TaskHistory(journal: sentAgain, open: []).tasks.first)
    #expect(running.status == .running)
    #expect(running.retryAt == nil)
    #expect(running.attemptCount == 2)
    #expect(running.attempts.map(\.endedAt) == [at(2), nil])

    let ended = sentAgain + [row(6, .taskCompleted(activity: 1, reference: reference, output: .null))]
    let completed = try #require(TaskHistory(journal: ended, open: []).tasks.first)
    #expect(completed.status == .completed)
    #expect(completed.problem == nil)
    #expect(completed.attempts.map(\.problem) == [problem, nil])
    #expect(completed.attempts.map(\.endedAt) == [at(2), at(6)])
  }

  @Test func keepsTheReasonOfTheLastAttemptWhenTimeRunsOutBetweenTwo() throws {
    let reference = "/do/0/send"
    let timeout = ProblemDetails(type: "about:blank", status: 408, title: "Timeout")
    let history = TaskHistory(
      journal: [
        row(0, .taskStarted(activity: 1, reference: reference), request(1, reference, 1)),
        row(2, .attemptFailed(activity: 1, reference: reference, attempt: 1, problem: problem, retryAt: at(5))),
        row(4, .taskFaulted(activity: 1, reference: reference, problem: timeout), .workflowFaulted(problem: timeout)),
      ], open: [])
    let task = try #require(history.tasks.first)
    #expect(task.status == .faulted)
    #expect(task.problem == timeout)
    #expect(task.attempts.map(\.problem) == [problem])
    #expect(task.attempts.map(\.endedAt) == [at(2)])
    #expect(task.endedAt == at(4))
  }

  @Test func ordersTasksByTheirStartAndKeepsRepetitionsApart() {
    let history = TaskHistory(
      journal: [
        row(
          0, .taskStarted(activity: 1, reference: "/do/0/set"),
          .taskCompleted(activity: 1, reference: "/do/0/set", output: 1), .taskSkipped(reference: "/do/1/maybe"),
          .taskStarted(activity: 2, reference: "/do/2/again"),
          .taskCompleted(activity: 2, reference: "/do/2/again", output: 1)),
        row(
          1, .taskStarted(activity: 3, reference: "/do/0/set"),
          .taskFaulted(activity: 3, reference: "/do/0/set", problem: problem)),
      ], open: [])
    #expect(history.tasks.map(\.reference) == ["/do/0/set", "/do/1/maybe", "/do/2/again", "/do/0/set"])
    #expect(history.tasks.map(\.status) == [.completed, .skipped, .completed, .faulted])
    #expect(history.tasks.map(\.activity) == [1, nil, 2, 3])
  }

  @Test func whatIsOpenWhenTheWorkflowEndsEndsWithIt() {
    let opened = row(
      0, .taskStarted(activity: 1, reference: "/do/0/group"),
      .taskStarted(activity: 2, reference: "/do/0/group/do/0/call"), request(2, "/do/0/group/do/0/call", 1))
    let timedOut = TaskHistory(journal: [opened, row(9, .workflowFaulted(problem: problem))], open: [])
    #expect(timedOut.tasks.map(\.status) == [.cancelled, .cancelled])
    #expect(timedOut.tasks.map(\.endedAt) == [at(9), at(9)])

    // `then: end` in a scope: its tasks are done, and what surrounds them with them.
    let ended = TaskHistory(
      journal: [
        opened,
        row(
          9, .taskCompleted(activity: 2, reference: "/do/0/group/do/0/call", output: 1), .workflowCompleted(output: 1)),
      ], open: [])
    #expect(ended.tasks.map(\.status) == [.completed, .completed])
  }

  @Test func takesProgressFromTheRestingState() throws {
    let reference = "/do/0/drill"
    let progress = PendingCall.Progress(percent: 40, message: "drilling")
    let call = PendingCall(channel: "work", attempt: 1, deadline: at(600), data: ["n": 1], progress: progress)
    let history = TaskHistory(
      journal: [row(0, .taskStarted(activity: 1, reference: reference), request(1, reference, 1))],
      open: [root, activity(1, reference, .requested(call))])
    #expect(history.tasks.count == 1)
    #expect(history.tasks.first?.progress == progress)
    #expect(history.tasks.first?.status == .running)
  }

  @Test func fillsWhatAnIncompleteJournalLacksFromTheRestingState() throws {
    let reference = "/do/7/late"
    let call = PendingCall(channel: "work", attempt: 3, deadline: at(600), data: .null, progress: nil)
    let history = TaskHistory(
      journal: [row(50, .taskCompleted(activity: 4, reference: "/do/6/before", output: .null))],
      open: [root, activity(5, reference, .retrying(call, retryAt: at(70)))])
    #expect(history.tasks.map(\.reference) == ["/do/6/before", reference])
    #expect(history.tasks.first?.startedAt == nil)
    let late = try #require(history.tasks.last)
    #expect(late.status == .retrying)
    #expect(late.retryAt == at(70))
    #expect(late.attemptCount == 3)
    #expect(late.startedAt == at(1))
  }

  @Test func tellsWhatOpenTasksWaitFor() {
    let child = UUIDValue(high: 1, low: 2)
    let history = TaskHistory(
      journal: [],
      open: [
        root, activity(1, "/do/0/pause", .waiting(until: at(99))), activity(2, "/do/0/order", .child(child)),
        activity(3, "/do/0/both", .fork(outputs: [nil])), activity(4, "/do/0/both", .branch(0)),
      ])
    #expect(history.tasks.map(\.waitingFor) == [.time(at(99)), .instance(child), nil])
  }

  @Test func namesTasksAsTheyAreWritten() {
    let history = TaskHistory(journal: [row(0, .taskSkipped(reference: "/do/0/a~1b~0c~01"))], open: [])
    #expect(history.tasks.first?.name == "a/b~c~1")
  }

  // MARK: Making

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

  private func row(_ seconds: Int64, _ entries: JournalEntry...) -> JournalRow {
    JournalRow(sequence: seconds, instance: instance, at: at(seconds), entries: entries)
  }

  private func request(_ activity: Int, _ reference: String, _ attempt: Int) -> JournalEntry {
    .requested(
      Request(
        activity: activity, channel: "work", id: "x.\(activity).\(attempt)", idempotencyKey: "x.\(activity)",
        reference: reference, attempt: attempt, deadline: at(600), data: ["n": 1]))
  }

  private var root: Activity {
    Activity(id: 0, parent: nil, reference: "/", startedAt: at(0), input: .null, phase: .sequence(position: 0))
  }

  private func activity(_ id: Int, _ reference: String, _ phase: Activity.Phase) -> Activity {
    Activity(id: id, parent: 0, reference: reference, startedAt: at(1), input: .null, phase: phase)
  }
}
