import HTTP
import HTTPCalls
import Testing
import Values

@Suite struct RedirectionTests {
  private func follow(
    _ status: Int, to target: String, from start: String = "https://a.org/x", method: JSON = "post"
  ) async -> (requests: [HTTPRequest], outcome: CallOutcome) {
    let network = Network { request in
      request.url == start
        ? HTTPResponse(status: status, redirectURL: target) : .json(["at": .string(request.url)])
    }
    let data: JSON = [
      "method": method,
      "endpoint": ["uri": .string(start), "authentication": ["basic": ["username": "u", "password": "p"]]],
      "headers": ["X-Key": "k", "Accept": "*/*"], "body": ["b": 1], "redirect": true, "output": "response",
    ]
    let outcome = await caller(network).perform(data, idempotencyKey: "i1")
    return (network.requests, outcome)
  }

  private static let theMethodThatFollowsCases: [(Int, JSON, String)] = [
    (301, "post", "GET"), (302, "post", "GET"), (303, "post", "GET"), (307, "post", "POST"), (308, "post", "POST"),
    (303, "put", "GET"), (302, "put", "PUT"), (303, "head", "HEAD"),
  ]

  @Test(arguments: theMethodThatFollowsCases)
  func theMethodThatFollows(_ status: Int, _ method: JSON, _ expected: String) async {
    let (requests, outcome) = await follow(status, to: "https://a.org/y", method: method)
    #expect(requests.count == 2)
    #expect(requests.last?.method == expected)
    #expect((requests.last?.body == nil) == (expected == "GET"))
    #expect((requests.last?.header("content-type") == nil) == (expected == "GET"))
    #expect((requests.last?.header("idempotency-key") == nil) == ["GET", "HEAD"].contains(expected))
    #expect(requests.last?.header("authorization") != nil)
    #expect(outcome.output?["request"]?["uri"] == "https://a.org/y")
  }

  @Test(arguments: ["https://b.org/y", "https://a.org:8443/x", "https://sub.a.org/x"])
  func keysStayWithTheirOrigin(_ target: String) async {
    let (requests, _) = await follow(307, to: target)
    #expect(requests.last?.url == target)
    #expect(requests.last?.headers.map(\.name).sorted() == ["Accept", "Content-Type", "Idempotency-Key"])
  }

  @Test(arguments: [
    ("http://a.org/y", "https to http"), ("https://u:p@a.org/y", "user name"), ("ftp://a.org/", "only http"),
  ])
  func someAreNotFollowed(_ target: String, _ reason: String) async {
    let (requests, outcome) = await follow(302, to: target)
    #expect(requests.count == 1)
    #expect(outcome.kind == "communication")
    #expect(outcome.problem?.detail?.contains(reason) == true, "\(outcome)")
  }

  @Test func fiveAreFollowed() async {
    let network = Network { HTTPResponse(status: 302, redirectURL: $0.url + "x") }
    let outcome = await caller(network).perform(["method": "get", "endpoint": "http://a.org/", "redirect": true])
    #expect(network.requests.count == 6)
    #expect(outcome.problem?.detail?.contains("more than 5 redirects") == true)
  }

  @Test func noneIsFollowedUnlessAskedFor() async {
    let network = Network { _ in HTTPResponse(status: 302, redirectURL: "http://a.org/y") }
    let outcome = await caller(network).perform(["method": "get", "endpoint": "http://a.org/"])
    #expect(network.requests.count == 1)
    #expect(outcome.problem?.status == 302)
  }

  @Test(arguments: ["http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "http://2130706433/"])
  func eachTargetIsHeldAgainstTheRules(_ target: String) async {
    let network = Network { _ in HTTPResponse(status: 307, redirectURL: target) }
    let outcome = await caller(network).perform(["method": "get", "endpoint": "http://a.org/", "redirect": true])
    #expect(network.requests.count == 1)
    #expect(outcome.kind == "authorization")
  }
}
