import HTTP
import HTTPCalls
import TestSupport
import Testing
import Values

/// - Parameter allow: nil: this machine at every port.
func caller(
  allow: [String]? = nil, client: HTTPClient? = nil, _ change: (inout HTTPCallOptions) -> Void = { _ in }
) throws -> HTTPCaller {
  var options = HTTPCallOptions()
  options.timeout = .seconds(20)
  options.rules = AddressRules(try (allow ?? ["127.0.0.1"]).map { try #require(HostPattern($0)) })
  change(&options)
  return HTTPCaller(client: try client ?? HTTPClient(), options: options)
}

func get(_ url: String, _ more: JSONObject = [:]) -> JSON {
  var members: JSONObject = ["method": "get", "endpoint": .string(url)]
  for (name, value) in more { members[name] = value }
  return .object(members)
}

extension CallOutcome {
  var output: JSON? { if case .completed(let output) = self { output } else { nil } }
  var problem: ProblemDetails? { if case .failed(let problem, _, _) = self { problem } else { nil } }
  var isRetryable: Bool { if case .failed(_, let retryable, _) = self { retryable } else { false } }
  var kind: String? { problem.map { String($0.type.split(separator: "/").last ?? "") } }
}

extension LoopbackHTTPServer.Answer {
  static func plain(_ text: String) -> Self { .text(200, text, headers: [("Content-Type", "text/plain")]) }
}
