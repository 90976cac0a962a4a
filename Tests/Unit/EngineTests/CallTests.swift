import Engine
import Testing
import Values

@Suite struct CallTests {
  static let one = """
    do:
      - ask:
          call: alerts
          with: {equipment: "${ .equipment }"}
          output: {as: "${ .state }"}
    """

  static let failure = ProblemDetails(type: "about:blank", status: 503, title: "busy", detail: "later", instance: nil)

  @Test func aCallSendsOneProcessingEventAndWaits() throws {
    let bench = try Bench(Self.one, input: ["equipment": "press-1"])
    #expect(bench.state.status == .running)
    let request = try #require(bench.requests.first)
    #expect(bench.requests.count == 1)
    #expect(request.channel == "alerts")
    #expect(request.data == ["equipment": "press-1"])
    #expect(request.reference == "/do/0/ask")
    #expect(request.attempt == 1)
    #expect(request.id == request.idempotencyKey + ".1")
    #expect(request.deadline == start + .seconds(600))
    #expect(bench.state.wakeAt == request.deadline)
  }

  @Test func theReplyIsTheTasksRawOutput() throws {
    var bench = try Bench(Self.one, input: ["equipment": "press-1"])
    #expect(bench.reply(.completed(["state": "raised"])) == .applied)
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == "raised")
  }

  @Test func aSecondReplyIsIgnored() throws {
    var bench = try Bench(Self.one + "\n  - again: {call: alerts}\n")
    let first = bench.requests[0].id
    bench.reply(.completed(["state": "none"]), to: first)
    let before = bench.state
    #expect(bench.reply(.completed(["state": "raised"]), to: first) == .ignored(.stale))
    #expect(bench.state.activities == before.activities)
    bench.reply(.completed([:]))
    #expect(bench.state.status == .completed)
    #expect(bench.reply(.completed([:]), to: first) == .ignored(.terminal))
  }

  @Test(arguments: [
    "", "x", "1.2", "00000000-0000-0001-0000-000000000002.99.1", "00000000-0000-0001-0000-000000000009.1.1",
    "00000000-0000-0001-0000-000000000002.1.x", "00000000-0000-0001-0000-000000000002.-1.1",
  ])
  func aForgedReplyIsIgnored(id: String) throws {
    var bench = try Bench(Self.one)
    #expect(bench.reply(.completed([:]), to: id) == .ignored(.forged))
    #expect(bench.state.status == .running)
  }

  @Test func aReplyToAnAttemptThatNeverWasIsIgnored() throws {
    var bench = try Bench(Self.one)
    #expect(bench.reply(.completed([:]), to: bench.requests[0].idempotencyKey + ".2") == .ignored(.stale))
  }

  @Test func aFailureFaultsTheInstance() throws {
    var bench = try Bench(Self.one)
    bench.reply(.failed(Self.failure, retryable: false, retryAfter: nil))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.status == 503)
    #expect(bench.state.error?.instance == "/do/0/ask")
    #expect(bench.trace.last == "!/do/0/ask")
  }

  @Test func aRetryableFailureIsTriedAgainWithTheSameIdempotencyKey() throws {
    var bench = try Bench(Self.one)
    bench.reply(.failed(Self.failure, retryable: true, retryAfter: nil))
    #expect(bench.state.status == .running)
    #expect(bench.state.wakeAt == start + .seconds(1))
    #expect(bench.wake(after: .milliseconds(500)) == .ignored(.early))
    #expect(bench.wake(after: .milliseconds(500)) == .applied)
    #expect(bench.requests.count == 2)
    #expect(bench.requests[1].attempt == 2)
    #expect(bench.requests[1].idempotencyKey == bench.requests[0].idempotencyKey)
    #expect(bench.requests[1].id != bench.requests[0].id)
    #expect(bench.requests[1].data == bench.requests[0].data)
    #expect(bench.requests[1].deadline == bench.requests[0].deadline)
    // The first attempt is over: what it says now is late.
    #expect(bench.reply(.completed([:]), to: bench.requests[0].id) == .ignored(.stale))
    bench.reply(.completed(["state": "none"]))
    #expect(bench.state.status == .completed)
  }

  @Test func aReplyWhileWaitingForTheNextAttemptIsStale() throws {
    var bench = try Bench(Self.one)
    bench.reply(.failed(Self.failure, retryable: true, retryAfter: nil))
    #expect(bench.reply(.completed([:]), to: bench.requests[0].id) == .ignored(.stale))
  }

  @Test func theProcessorsWishForAPauseIsHonoured() throws {
    var bench = try Bench(Self.one)
    bench.reply(.failed(Self.failure, retryable: true, retryAfter: .seconds(30)))
    #expect(bench.state.wakeAt == start + .seconds(30))
  }

  @Test func attemptsEnd() throws {
    var bench = try Bench(Self.one, options: EngineOptions(retry: AttemptPolicy(maxAttempts: 3)))
    for _ in 1...2 {
      bench.reply(.failed(Self.failure, retryable: true, retryAfter: nil))
      bench.wake(after: .seconds(60))
    }
    #expect(bench.requests.count == 3)
    bench.reply(.failed(Self.failure, retryable: true, retryAfter: nil))
    #expect(bench.state.status == .faulted)
  }

  @Test func aPauseBeyondTheDeadlineIsNotBegun() throws {
    var bench = try Bench(Self.one)
    bench.reply(.failed(Self.failure, retryable: true, retryAfter: .seconds(3600)))
    #expect(bench.state.status == .faulted)
  }

  @Test func silenceEndsInATimeout() throws {
    var bench = try Bench(Self.one)
    #expect(bench.wake(after: .seconds(599)) == .ignored(.early))
    #expect(bench.wake(after: .seconds(1)) == .applied)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/timeout") == true)
    #expect(bench.state.error?.status == 408)
    #expect(bench.state.error?.detail?.contains("alerts") == true)
  }

  @Test func aTasksOwnTimeoutReplacesTheDefault() throws {
    let bench = try Bench("do: [{ask: {call: alerts, timeout: {after: PT5S}}}]")
    #expect(bench.requests.first?.deadline == start + .seconds(5))
  }

  @Test func theWorkflowsTimeoutEndsIt() throws {
    var bench = try Bench("timeout: {after: {minutes: 1}}\ndo: [{ask: {call: alerts}}]")
    #expect(bench.state.wakeAt == start + .seconds(60))
    bench.wake(after: .seconds(60))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.instance == "/")
    #expect(bench.state.activities.isEmpty)
  }

  @Test func progressIsKeptAndChangesNothingElse() throws {
    var bench = try Bench(Self.one)
    let count = bench.entries.count
    #expect(bench.reply(.progress(.init(percent: 40, message: "nearly"))) == .applied)
    #expect(bench.entries.count == count)
    guard case .requested(let call)? = bench.state.activities.last?.phase else {
      Issue.record("the call is not open any more")
      return
    }
    #expect(call.progress == PendingCall.Progress(percent: 40, message: "nearly"))
  }

  @Test func anUndeliverableEventFaultsItsTask() throws {
    var bench = try Bench(Self.one)
    let step = bench.engine.undeliverable(bench.requests[0].id, reason: "too large", state: &bench.state, now: start)
    #expect(step.disposition == .applied)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/communication") == true)
  }

  @Test func dataOverTheLimitIsRefusedBeforeItIsSent() throws {
    let bench = try Bench(
      Self.one, input: ["equipment": .string(String(repeating: "x", count: 300))],
      options: EngineOptions(maxRequestBytes: 200))
    #expect(bench.requests.isEmpty)
    #expect(bench.state.error?.type.hasSuffix("/validation") == true)
  }

  @Test func aStateOverTheLimitFaults() throws {
    let bench = try Bench(
      "do: [{ask: {call: alerts, with: {}}}]", input: ["a": .string(String(repeating: "x", count: 3000))],
      options: EngineOptions(maxStateBytes: 1000))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.detail?.contains("limit is 1000") == true)
  }
}
