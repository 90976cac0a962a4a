import HTTP
import HTTPCalls
import Testing
import Values

@Suite struct RequestTests {
  @Test func aCallInItsShortestForm() async throws {
    let (request, outcome) = await exchange(["method": "get", "endpoint": "https://api.example.com/pets/1"])
    let sent = try #require(request)
    #expect(sent.method == "GET")
    #expect(sent.url == "https://api.example.com/pets/1")
    #expect(sent.headers.isEmpty)
    #expect(sent.body == nil)
    #expect(!sent.followRedirects)
    #expect(sent.connectTimeout == .seconds(5))
    #expect(sent.maxResponseBytes == 1 << 20)
    #expect(outcome == .completed(nil))
  }

  private static let queriesAreMergedAndEncodedCases: [(String, JSON, String)] = [
    ("https://x.org/a?b=1", ["c": 2, "d": true, "e": nil], "https://x.org/a?b=1&c=2&d=true"),
    ("https://x.org/a?b=1&c=3", ["b": "2"], "https://x.org/a?c=3&b=2"),
    ("https://x.org/a?%62=1", ["b": "2"], "https://x.org/a?b=2"),
    ("https://x.org", ["tag": ["a b", "c&d", 3]], "https://x.org/?tag=a%20b&tag=c%26d&tag=3"),
    ("https://x.org/#top", ["q": "é"], "https://x.org/?q=%C3%A9"),
    ("https://x.org/a b/ü?q=x y", [:], "https://x.org/a%20b/%C3%BC?q=x%20y"),
    ("https://x.org/a%20b/{c}", [:], "https://x.org/a%20b/%7Bc%7D"),
    ("https://x.org/a?filter={\"b\":1}", [:], "https://x.org/a?filter=%7B%22b%22:1%7D"),
  ]

  @Test(arguments: queriesAreMergedAndEncodedCases)
  func queriesAreMergedAndEncoded(_ uri: String, _ query: JSON, _ expected: String) async {
    let (request, _) = await exchange(["method": "GET", "endpoint": ["uri": .string(uri)], "query": query])
    #expect(request?.url == expected)
  }

  @Test func bodiesAreJSONUnlessAHeaderSaysOtherwise() async {
    func body(_ value: JSON, _ type: String?) async -> (text: String?, type: String?) {
      var headers = JSONObject()
      headers["content-type"] = type.map { .string($0) }
      let (request, _) = await exchange([
        "method": "post", "endpoint": "http://x.org/", "headers": .object(headers), "body": value,
      ])
      return (request?.bodyText, request?.header("content-type"))
    }
    #expect(await body(["a": [1, nil]], nil) == ("{\"a\":[1,null]}", "application/json"))
    #expect(await body("text", nil) == ("\"text\"", "application/json"))
    #expect(await body(["a": 1], "application/merge-patch+json") == ("{\"a\":1}", "application/merge-patch+json"))
    #expect(await body("<a/>", "application/xml") == ("<a/>", "application/xml"))
    #expect(await body(7, "text/plain") == ("7", "text/plain"))
    let form = "application/x-www-form-urlencoded; charset=utf-8"
    #expect(await body(["a": "x y&z", "b": [1, 2], "c": nil], form) == ("a=x+y%26z&b=1&b=2", form))
    #expect(await body("a=b", form) == ("a=b", form))
    #expect(await body(nil, nil) == ("", nil))
  }

  @Test func headersOfSimpleValues() async {
    let (request, _) = await exchange([
      "method": "get", "endpoint": "http://x.org/",
      "headers": ["X-Number": 7, "X-Flag": false, "X-List": ["a", 1], "X-None": nil],
    ])
    #expect(
      request?.headers == [HTTPHeader("X-Number", "7"), HTTPHeader("X-Flag", "false"), HTTPHeader("X-List", "a, 1")])
  }

  @Test func theIdempotencyKeyGoesWithUnsafeRequests() async {
    func key(_ method: JSON, _ headers: JSON = [:]) async -> String? {
      let data: JSON = ["method": method, "endpoint": "http://x.org/", "headers": headers]
      return await exchange(data, key: "0190.7").request?.header("idempotency-key")
    }
    #expect(await key("post") == "0190.7")
    #expect(await key("DELETE") == "0190.7")
    #expect(await key("get") == nil)
    #expect(await key("post", ["idempotency-KEY": "own"]) == "own")
    var options = HTTPCallOptions()
    options.sendsIdempotencyKey = false
    let network = Network { _ in HTTPResponse(status: 200) }
    _ = await caller(network, options).perform(["method": "post", "endpoint": "http://x.org/"], idempotencyKey: "k")
    #expect(network.requests.first?.header("idempotency-key") == nil)
    let strange = await exchange(["method": "post", "endpoint": "http://x.org/"], key: "a\r\nb: ü")
    #expect(strange.request?.header("idempotency-key") == "a%0D%0Ab:%20%C3%BC")
  }

  @Test(arguments: [
    ("a\r\nInjected: 1", "with.headers.X: "), ("a\nb", "with.headers.X"), ("a\u{0}b", "with.headers.X"),
  ])
  func lineBreaksInHeadersAreRefused(_ value: String, _ place: String) async {
    let detail = await refusal(["method": "get", "endpoint": "http://x.org/", "headers": ["X": .string(value)]])
    #expect(detail.contains("with.headers.X holds a line break"))
  }

  private static let whatCannotBeActedOnIsRefusedByItsPlaceCases: [(JSON, String)] = [
    (["endpoint": "http://x.org/"], "with.method is missing"),
    (["method": "get"], "with.endpoint is missing"),
    (["method": "connect", "endpoint": "http://x.org/"], "with.method cannot be CONNECT"),
    (["method": "ge t", "endpoint": "http://x.org/"], "with.method is no method"),
    (
      ["method": "get", "endpoint": ["url": "http://x.org/"]], "with.endpoint has no member 'url'; did you mean 'uri'?"
    ),
    (["method": "get", "endpoint": 7], "with.endpoint must be a URI, or an object with one"),
    (["method": "get", "endpoint": "http://x.org/", "header": [:]], "did you mean 'headers'?"),
    (["method": "get", "endpoint": "http://x.org/", "output": "full"], "known are raw, content, response"),
    (["method": "get", "endpoint": "http://x.org/", "redirect": "yes"], "with.redirect must be true or false"),
    (["method": "get", "endpoint": "http://x.org/", "query": [1]], "with.query must be an object"),
    (["method": "get", "endpoint": "http://x.org/", "headers": ["X": ["a": 1]]], "with.headers.X must be a text"),
    (["method": "get", "endpoint": "http://x.org/", "headers": ["X Y": 1]], "no name of a header"),
    (["method": "get", "endpoint": "http://x.org/", "headers": ["Host": "y.org"]], "with.headers.Host cannot be set"),
    (["method": "get", "endpoint": "ftp://x.org/"], "only http and https are allowed, not ftp"),
    (["method": "get", "endpoint": "file:///etc/passwd"], "with.endpoint"),
    (["method": "get", "endpoint": "/relative"], "with.endpoint"),
    (["method": "get", "endpoint": "http://u:secret@x.org/"], "write it as authentication.basic"),
    (["method": "get", "endpoint": "http://x.org/a\r\nb"], "control character"),
    (
      ["method": "post", "endpoint": "http://x.org/", "headers": ["content-type": "text/xml"], "body": ["a": 1]],
      "with.body must be a text for the content type text/xml"
    ),
    ("get", "with must be an object"),
  ]

  @Test(arguments: whatCannotBeActedOnIsRefusedByItsPlaceCases)
  func whatCannotBeActedOnIsRefusedByItsPlace(_ data: JSON, _ expected: String) async {
    let detail = await refusal(data)
    #expect(detail.contains(expected), "\(detail)")
    #expect(!detail.contains("secret"))
  }

  @Test func noTimeIsLeft() async {
    let network = Network { _ in HTTPResponse(status: 200) }
    let time = TestTime()
    let call: JSON = ["method": "get", "endpoint": "http://x.org/"]
    let late = await caller(network, HTTPCallOptions(), time).perform(call, deadline: time.now)
    #expect(late.kind == "timeout")
    #expect(late.problem?.status == 408)
    #expect(late.isRetryable)
    #expect(network.requests.isEmpty)
    _ = await caller(network, HTTPCallOptions(), time).perform(call, deadline: time.now + .seconds(3))
    _ = await caller(network, HTTPCallOptions(), time).perform(call, deadline: time.now + .seconds(300))
    #expect(network.requests.map(\.timeout) == [.seconds(3), .seconds(30)])
  }
}
