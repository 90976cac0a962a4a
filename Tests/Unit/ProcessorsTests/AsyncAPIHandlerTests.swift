import HTTP
import HTTPCalls
import Hosting
import Kafka
import Synchronization
import Testing
import Values
import Wire

@testable import Processors

struct AsyncAPIHandlerTests {
  private let clock = TestClock()
  private let ledger = TestEffectLedger()
  private let publisher = TestMessages()
  private let own = KafkaConfiguration(bootstrapServers: "kafka:9092")

  private static let document: JSON = [
    "asyncapi": "3.0.0",
    "servers": ["own": ["host": "kafka:9092", "protocol": "kafka"], "far": ["host": "far:1", "protocol": "kafka"]],
    "channels": ["orders": ["address": "orders"], "queue": ["address": "mediator.queue"]],
    "operations": ["place": ["action": "send", "channel": ["$ref": "#/channels/orders"]]],
  ]

  private func with(_ members: JSONObject = [:]) -> JSON {
    var with: JSONObject = [
      "document": ["endpoint": "https://docs.example.com/a.json"], "operation": "place",
      "message": ["payload": ["n": 1], "headers": ["a": true]],
    ]
    for (name, value) in members { with[name] = value.isNull ? nil : value }
    return .object(with)
  }

  private func perform(
    _ data: JSON, deadline: Timestamp? = nil, context: EffectContext? = nil
  ) async throws -> EffectEnding {
    let clock = clock
    let network = TestNetwork(HTTPResponse(status: 200, body: Self.document.serialized()))
    let handler = AsyncAPIHandler(
      reader: AsyncAPIReader(transport: network, options: HTTPCallOptions()) { clock.now() },
      options: AsyncAPIOptions(), own: own, publisher: publisher, ledger: ledger, logger: silent)
    let event = ProcessorEvent(
      place: place(0), idempotencyKey: "i.1", deadline: deadline, key: Array("m1".utf8), data: data,
      recipient: event("i.1").recipient)
    switch handler.validate(event) {
    case .refused(let failure): return .settled(.failed(failure))
    case .work(let work):
      return try await handler.perform(
        work, for: event, in: context ?? EffectContext(permits: Permits(4), clock: clock))
    }
  }

  private func failure(_ data: JSON) async throws -> TaskFailure {
    guard case .settled(.failed(let failure)) = try await perform(data) else { throw Unexpected() }
    return failure
  }

  @Test func aMessageIsPublishedAndRecorded() async throws {
    #expect(try await perform(with()) == .settled(.completed(["topic": "orders"])))
    #expect(ledger.inbox == ["i.1": .completed(["topic": "orders"])])
    let record = try #require(publisher.records.first)
    #expect(publisher.records.count == 1)
    #expect(record.topic == "orders")
    #expect(record.partition == nil)
    #expect(record.key == Array("m1".utf8))
    #expect(record.value == Array("{\"n\":1}".utf8))
    #expect(record.header("a") == "true")
    #expect(record.header("content-type") == "application/json")
    #expect(record.header("idempotency-key") == "i.1")
    // No header that would make a CloudEvent of it.
    #expect(!record.headers.contains { $0.name.hasPrefix("ce_") })
  }

  @Test func onlyTheOwnClusterAndOnlyOthersTopics() async throws {
    let far = try await failure(with(["server": ["name": "far"]]))
    #expect(far.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/configuration")
    #expect(far.problem.detail?.contains("'far' (far:1) may not be written to") == true)
    #expect(far.problem.detail?.contains("processors.asyncapi.servers") == true)
    #expect(!far.retryable)
    let queue = try await failure(with(["operation": nil, "channel": "queue"]))
    #expect(queue.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/configuration")
    #expect(queue.problem.detail?.contains("processors.asyncapi.topics") == true)
    #expect(publisher.records.isEmpty)
  }

  private static let brokerCases: [(KafkaError.Code, Int, Bool)] = [
    (.messageTooLarge, 413, false), (.unknownTopic, 404, false), (.authorization, 403, false),
    (.configuration, 400, false), (.timedOut, 504, true), (.unavailable, 503, true), (.fatal, 503, true),
    (.closed, 503, true),
  ]

  @Test(arguments: brokerCases) func whatTheBrokerSays(_ code: KafkaError.Code, _ status: Int, _ retryable: Bool)
    async throws
  {
    publisher.fail(KafkaError(code: code, name: "X", message: "m"))
    let failure = try await failure(with())
    #expect(failure.problem.status == status)
    #expect(failure.retryable == retryable)
    // Only what no attempt will mend is remembered.
    #expect(ledger.inbox.isEmpty == retryable)
  }

  @Test func theRecordIsTriedUntilItStands() async throws {
    ledger.fail(times: 3)
    #expect(try await perform(with()) == .settled(.completed(["topic": "orders"])))
    #expect(publisher.records.count == 1)
  }

  @Test func nothingIsBegunPastTheDeadlineOrWhenGivenUp() async throws {
    #expect(try await perform(with(), deadline: clock.now()) == .expired)
    let context = EffectContext(permits: Permits(1), clock: clock)
    context.abandon()
    #expect(try await perform(with(), context: context) == .abandoned)
    #expect(publisher.records.isEmpty)
  }

  @Test func aCallThatIsNoneIsRefused() async throws {
    let failure = try await failure(["operation": "place"])
    #expect(failure.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/validation")
    #expect(failure.problem.detail == "with.document is missing")
  }
}

private final class TestMessages: MessagePublisher {
  private let state = Mutex<(records: [OutgoingRecord], failure: KafkaError?)>(([], nil))

  var records: [OutgoingRecord] { state.withLock { $0.records } }

  func fail(_ error: KafkaError) { state.withLock { $0.failure = error } }

  func publish(_ record: OutgoingRecord, to cluster: ClusterRules.Cluster) async -> Result<Int64, KafkaError> {
    state.withLock { state in
      state.records.append(record)
      return state.failure.map { .failure($0) } ?? .success(0)
    }
  }
}
