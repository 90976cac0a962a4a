import Engine
import Testing
import Values

/// Calls that wait because their channel is full.
@Suite struct QueueTests {
  private static let full = CallAdmission(fullChannels: ["alerts"])

  private func bench(_ admission: CallAdmission = full, _ body: String = CallTests.one) throws -> Bench {
    var engine = Engine(definition: try definition(body))
    engine.admission = admission
    var bench = try Bench(body, input: ["equipment": "press-1"])
    let (state, step) = engine.start(id: bench.state.id, input: ["equipment": "press-1"], now: start)
    (bench.engine, bench.state, bench.entries) = (engine, state, step.entries)
    return bench
  }

  @discardableResult
  private func release(_ bench: inout Bench, _ activity: Int = 1) throws -> Disposition {
    try bench.restart()
    let step = bench.engine.release(activity, state: &bench.state, now: bench.now)
    bench.entries += step.entries
    return step.disposition
  }

  @Test func aCallToAFullChannelWaits() throws {
    var bench = try bench()
    #expect(bench.requests.isEmpty)
    #expect(bench.entries.last == .callQueued(activity: 1, reference: "/do/0/ask", channel: "alerts"))
    #expect(bench.state.status == .running)
    #expect(bench.state.openCalls == [.init(activity: 1, channel: "alerts", isQueued: true)])
    #expect(bench.state.wakeAt == start + .seconds(600))
    #expect(try release(&bench) == .applied)
    #expect(bench.state.openCalls == [.init(activity: 1, channel: "alerts", isQueued: false)])
    let request = try #require(bench.requests.first)
    #expect(request.attempt == 1 && request.id == request.idempotencyKey + ".1")
    #expect(request.data == ["equipment": "press-1"])
    #expect(request.deadline == start + .seconds(600))
    bench.reply(.completed(["state": "raised"]))
    #expect(bench.state.status == .completed)
    #expect(bench.state.openCalls.isEmpty)
  }

  @Test func otherChannelsDoNotWait() throws {
    #expect(try bench(CallAdmission(fullChannels: ["telegram"])).requests.count == 1)
    #expect(try bench(CallAdmission(isFull: true)).requests.isEmpty)
  }

  @Test func itIsReleasedOnce() throws {
    var bench = try bench()
    try release(&bench)
    #expect(try release(&bench) == .ignored(.stale))
    #expect(try release(&bench, 99) == .ignored(.stale))
    #expect(bench.requests.count == 1)
  }

  @Test func itsTimeoutStrikesWhileItWaits() throws {
    var bench = try bench()
    bench.wake(after: .seconds(600))
    #expect(bench.state.status == .faulted)
    #expect(bench.requests.isEmpty)
    #expect(try bench.operate(.retry) == .applied)
    // Still full: what is retried waits as well.
    #expect(bench.state.openCalls.map(\.isQueued) == [true])
    let activity = try #require(bench.state.openCalls.first?.activity)
    try release(&bench, activity)
    #expect(bench.requests.map(\.attempt) == [1])
  }

  /// An attempt that failed has been counted, and the next one gets the next number.
  @Test func theNextAttemptMayHaveToWait() throws {
    var bench = try bench(.everything)
    bench.fail(retryable: true)
    bench.engine.admission = Self.full
    bench.wake(after: .seconds(60))
    #expect(bench.state.openCalls.map(\.isQueued) == [true])
    let late = bench.reply(.completed([:]))
    #expect(late == .ignored(.stale))
    try release(&bench)
    #expect(bench.requests.map(\.attempt) == [1, 2])
  }

  @Test func nothingGoesOutWhileItsInstanceIsSuspended() throws {
    var bench = try bench()
    try bench.operate(.suspend)
    #expect(bench.state.openCalls.isEmpty)
    #expect(try release(&bench) == .ignored(.stale))
    bench.now = bench.now + .seconds(1000)
    try bench.operate(.resume)
    #expect(bench.state.openCalls.map(\.isQueued) == [true])
    #expect(bench.state.wakeAt == start + .seconds(1600))
  }

  @Test func operatorsMaySkipItReplaceItsInputAndCancelIt() throws {
    var skipped = try bench()
    #expect(try skipped.operate(.skip(task: "/do/0/ask", output: ["state": "none"])) == .applied)
    #expect(skipped.state.status == .completed && skipped.requests.isEmpty)
    var replaced = try bench()
    #expect(try replaced.operate(.override(.input(task: "/do/0/ask"), ["equipment": "press-2"])) == .applied)
    try release(&replaced)
    #expect(replaced.requests.map(\.data) == [["equipment": "press-2"]])
    var cancelled = try bench()
    #expect(try cancelled.operate(.cancel(compensating: false)) == .applied)
    #expect(cancelled.state.openCalls.isEmpty)
  }

  @Test func itMovesToAnotherVersion() throws {
    var bench = try bench()
    #expect(try bench.migrate(CallTests.one) == .applied)
    #expect(bench.state.openCalls.map(\.isQueued) == [true])
    try release(&bench)
    #expect(bench.requests.count == 1)
  }
}
