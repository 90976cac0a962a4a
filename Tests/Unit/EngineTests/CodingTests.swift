import Engine
import Testing
import Values

/// What is written to the store comes back as it was.
@Suite struct CodingTests {
  private func roundTrip(_ state: InstanceState) throws -> InstanceState {
    let text = state.resting.text
    var copy = try InstanceState(
      id: state.id, input: state.input, startedAt: state.startedAt, status: state.status,
      resting: try JSON.parse(text))
    copy.updatedAt = state.updatedAt
    return copy
  }

  @Test func aRestingStateComesBack() throws {
    var bench = try Bench(
      """
      timeout: {after: PT1H}
      do:
        - outer:
            do:
              - a: {set: {x: 1}, export: {as: "${ . }"}}
              - ask: {call: alerts, with: {n: 9007199254740993, z: "\\0"}}
      """, input: ["k": "v"])
    #expect(try roundTrip(bench.state) == bench.state)
    bench.reply(.progress(.init(percent: 12.5, message: nil)))
    #expect(try roundTrip(bench.state) == bench.state)
    bench.reply(.failed(CallTests.failure, retryable: true, retryAfter: nil))
    #expect(try roundTrip(bench.state) == bench.state)
  }

  @Test func everyJournalEntryComesBack() throws {
    let request = Request(
      activity: 3, channel: "c", id: "i.3.1", idempotencyKey: "i.3", reference: "/do/0/a", attempt: 1, deadline: start,
      data: ["big": 1, "zero": "\0"])
    let entries: [JournalEntry] = [
      .workflowStarted, .taskStarted(activity: 1, reference: "/do/0/a"), .taskSkipped(reference: "/do/1/b"),
      .requested(request), .callQueued(activity: 3, reference: "/do/0/a", channel: "c"),
      .attemptFailed(
        activity: 3, reference: "/do/0/a", attempt: 1, problem: CallTests.failure, retryAt: start + .seconds(1)),
      .taskCompleted(activity: 1, reference: "/do/0/a", output: [1, nil]),
      .taskFaulted(activity: nil, reference: "/do/0/a", problem: CallTests.failure),
      .taskFaulted(activity: 4, reference: "/do/0/a", problem: CallTests.failure),
      .contextExported(nil), .contextExported(.null), .contextExported(["k": 1]),
      .taskReopened(activity: 3, reference: "/do/0/a"), .workflowSuspended(reason: "w"), .workflowResumed(reason: ""),
      .operated(.skip(task: nil, output: nil), reason: "why"),
      .operated(.override(.input(task: "/do/0/a"), 1), reason: ""),
      .workflowCompleted(output: "done"), .workflowFaulted(problem: CallTests.failure),
    ]
    for entry in entries { #expect(try JournalEntry(JSON.parse(entry.json.text)) == entry) }
  }

  @Test(arguments: ["{}", "[]", #"{"is":"unknown"}"#, #"{"is":"task.requested"}"#, #"{"is":"task.faulted"}"#])
  func brokenEntriesAreErrors(text: String) throws {
    #expect(throws: CodingError.self) { try JournalEntry(JSON.parse(text)) }
  }

  @Test(arguments: ["{}", #"{"next":1}"#, #"{"next":1,"activities":[{"id":1}]}"#])
  func brokenStatesAreErrors(text: String) throws {
    let json = try JSON.parse(text)
    #expect(throws: CodingError.self) {
      try InstanceState(id: UUIDValue(high: 0, low: 0), input: nil, startedAt: start, status: .running, resting: json)
    }
  }
}
