import HTTP
import HTTPCalls
import Synchronization
import Testing
import Values

/// Answers from a closure and remembers what it was asked.
final class Network: HTTPTransport {
  typealias Handler = @Sendable (HTTPRequest) throws(HTTPError) -> HTTPResponse

  private let seen = Mutex<[HTTPRequest]>([])
  private let handler: Handler

  init(_ handler: @escaping Handler) { self.handler = handler }

  var requests: [HTTPRequest] { seen.withLock { $0 } }

  func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    seen.withLock { $0.append(request) }
    return try handler(request)
  }
}

/// A time that only moves when it is told to.
final class TestTime: Sendable {
  private let time = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))

  var now: Timestamp { time.withLock { $0 } }

  func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

extension HTTPResponse {
  static func json(_ value: JSON, status: Int = 200, headers: [HTTPHeader] = []) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: headers + [HTTPHeader("Content-Type", "application/json")], body: value.serialized())
  }

  static func text(_ text: String, status: Int = 200, type: String = "text/plain") -> HTTPResponse {
    HTTPResponse(status: status, headers: [HTTPHeader("Content-Type", type)], body: Array(text.utf8))
  }
}

extension HTTPRequest {
  func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
  var bodyText: String { String(decoding: body ?? [], as: UTF8.self) }
}

extension CallOutcome {
  var output: JSON? { if case .completed(let output) = self { output } else { nil } }
  var problem: ProblemDetails? { if case .failed(let problem, _, _) = self { problem } else { nil } }
  var isRetryable: Bool { if case .failed(_, let retryable, _) = self { retryable } else { false } }
  var retryAfter: Duration? { if case .failed(_, _, let wait) = self { wait } else { nil } }
  /// The last part of the type.
  var kind: String? { problem.map { String($0.type.split(separator: "/").last ?? "") } }
}

func caller(
  _ network: Network, _ options: HTTPCallOptions = HTTPCallOptions(), _ time: TestTime = TestTime()
) -> HTTPCaller {
  HTTPCaller(transport: network, options: options) { time.now }
}

/// Makes one call and gives what went out, with its outcome.
func exchange(
  _ data: JSON, key: String? = nil, _ answer: HTTPResponse = HTTPResponse(status: 200)
) async -> (request: HTTPRequest?, outcome: CallOutcome) {
  let network = Network { _ in answer }
  let outcome = await caller(network).perform(data, idempotencyKey: key)
  return (network.requests.last, outcome)
}

/// That the call is refused before anything goes out.
func refusal(_ data: JSON, _ kind: String = "validation") async -> String {
  let (request, outcome) = await exchange(data)
  #expect(request == nil)
  #expect(outcome.kind == kind, "\(outcome)")
  #expect(!outcome.isRetryable)
  return outcome.problem?.detail ?? ""
}
