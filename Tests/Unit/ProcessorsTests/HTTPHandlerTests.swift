import HTTP
import HTTPCalls
import Hosting
import Testing
import Values
import Wire

@testable import Processors

struct HTTPHandlerTests {
  private let clock = TestClock()
  private let ledger = TestEffectLedger()

  private func handler(_ network: TestNetwork) -> HTTPHandler {
    let clock = clock
    let caller = HTTPCaller(transport: network, options: HTTPCallOptions()) { clock.now() }
    return HTTPHandler(caller: caller, ledger: ledger, logger: silent)
  }

  private func perform(
    _ network: TestNetwork, deadline: Timestamp? = nil, context: EffectContext? = nil
  ) async throws -> EffectEnding {
    let event = event(
      "a", deadline: deadline, data: ["method": "post", "endpoint": "https://api.example.com/", "body": [1]])
    let handler = handler(network)
    let work = try #require(handler.validate(event).work)
    return try await handler.perform(
      work, for: event, in: context ?? EffectContext(permits: Permits(4), clock: clock))
  }

  @Test func aCallIsMadeAndRecorded() async throws {
    let network = TestNetwork(
      HTTPResponse(status: 200, headers: [HTTPHeader("Content-Type", "text/plain")], body: [0x61]))
    #expect(try await perform(network) == .settled(.completed("a")))
    #expect(ledger.inbox == ["a": .completed("a")])
    #expect(network.requests.first?.headers.contains(HTTPHeader("Idempotency-Key", "a")) == true)
  }

  @Test func aFailureThatMayPassIsNotRecorded() async throws {
    let network = TestNetwork(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "9")]))
    guard case .settled(.failed(let failure)) = try await perform(network) else { throw Unexpected() }
    #expect(failure.retryable)
    #expect(failure.retryAfter == .seconds(9))
    #expect(failure.problem.status == 503)
    #expect(ledger.inbox.isEmpty)
  }

  @Test func aFailureForGoodIsRecorded() async throws {
    guard case .settled(.failed(let failure)) = try await perform(TestNetwork(HTTPResponse(status: 404))) else {
      throw Unexpected()
    }
    #expect(!failure.retryable)
    #expect(ledger.inbox["a"] == .failed(failure))
  }

  @Test func theRecordIsTriedUntilItStands() async throws {
    ledger.fail(times: 3)
    let network = TestNetwork(HTTPResponse(status: 204))
    #expect(try await perform(network) == .settled(.completed(nil)))
    #expect(network.requests.count == 1)
    #expect(ledger.inbox == ["a": .completed(nil)])
  }

  @Test func nothingIsBegunPastTheDeadlineOrWhenGivenUp() async throws {
    let network = TestNetwork(HTTPResponse(status: 204))
    #expect(try await perform(network, deadline: clock.now()) == .expired)
    let context = EffectContext(permits: Permits(1), clock: clock)
    context.abandon()
    #expect(try await perform(network, context: context) == .abandoned)
    #expect(network.requests.isEmpty)
    #expect(ledger.inbox.isEmpty)
  }

  @Test func aCallThatIsNoneIsRefusedWithoutAnEffect() {
    let event = event("a", data: ["method": "get"])
    guard case .refused(let failure) = handler(TestNetwork(HTTPResponse(status: 200))).validate(event) else {
      Issue.record("it was not refused")
      return
    }
    #expect(failure.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/validation")
    #expect(failure.problem.detail == "with.endpoint is missing")
    #expect(!failure.retryable)
  }
}
