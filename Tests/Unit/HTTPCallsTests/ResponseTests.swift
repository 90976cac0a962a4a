import HTTP
import HTTPCalls
import Testing
import Values

@Suite struct ResponseTests {
  private static let call: JSON = ["method": "get", "endpoint": "https://api.example.com/pets/1?api_key=k1&page=2"]

  private func outcome(_ response: HTTPResponse, _ changes: JSONObject = [:]) async -> CallOutcome {
    var data = Self.call.object ?? [:]
    for (name, value) in changes { data[name] = value }
    return await exchange(.object(data), response).outcome
  }

  @Test func contentByItsType() async {
    func content(_ bytes: [UInt8], _ type: String?) async -> JSON? {
      let headers = type.map { [HTTPHeader("content-type", $0)] } ?? []
      return await outcome(HTTPResponse(status: 200, headers: headers, body: bytes)).output
    }
    #expect(await content(Array("{\"id\":1}".utf8), "application/json") == ["id": 1])
    #expect(await content([0xEF, 0xBB, 0xBF] + Array("[1]".utf8), "application/hal+json; charset=utf-8") == [1])
    #expect(await content([], "application/json") == .some(nil))
    #expect(await content(Array("hé".utf8), "text/plain; charset=\"UTF-8\"") == "hé")
    #expect(await content([0x68, 0xE9], "text/plain; charset=ISO-8859-1") == "hé")
    #expect(await content(Array("<a/>".utf8), "application/soap+xml") == "<a/>")
    #expect(await content([0xFF, 0x00], "text/plain") == "/wA=")
    #expect(await content([1, 2, 3], "image/png") == "AQID")
    #expect(await content([1, 2, 3], nil) == "AQID")
  }

  @Test func rawIsAlwaysBase64() async {
    #expect(await outcome(.json(["a": 1]), ["output": "raw"]).output == "eyJhIjoxfQ==")
    #expect(await outcome(HTTPResponse(status: 204), ["output": "raw"]).output == "")
    #expect(await outcome(.text("{", type: "application/json"), ["output": "raw"]).output == "ew==")
  }

  @Test func theWholeResponseWithoutSecrets() async {
    let response = HTTPResponse.json(
      ["id": 1], headers: [HTTPHeader("X-A", "1"), HTTPHeader("x-a", "2"), HTTPHeader("ETag", "\"e\"")])
    let changes: JSONObject = [
      "output": "response",
      "headers": ["Accept": "application/json", "X-Api-Key": "k2", "Authorization": "Bearer k3", "Cookie": "k4"],
    ]
    let output = await outcome(response, changes).output
    #expect(
      output == [
        "request": [
          "method": "get", "uri": "https://api.example.com/pets/1?api_key=***&page=2",
          "headers": ["Accept": "application/json"],
        ],
        "statusCode": 200, "headers": ["X-A": "1, 2", "ETag": "\"e\"", "Content-Type": "application/json"],
        "content": ["id": 1],
      ])
  }

  private static let otherStatusesAreFailuresCases: [(Int, Bool, String)] = [
    (400, false, "Bad Request"), (404, false, "Not Found"), (408, true, "Request Timeout"), (418, false, "Status 418"),
    (425, true, "Too Early"), (429, true, "Too Many Requests"), (500, true, "Internal Server Error"),
    (501, false, "Not Implemented"), (502, true, "Bad Gateway"), (503, true, "Service Unavailable"),
    (504, true, "Gateway Timeout"), (304, false, "Not Modified"), (302, false, "Found"),
  ]

  @Test(arguments: otherStatusesAreFailuresCases)
  func otherStatusesAreFailures(_ status: Int, _ isRetryable: Bool, _ title: String) async {
    let outcome = await outcome(HTTPResponse(status: status, headers: [HTTPHeader("Retry-After", "7")]))
    #expect(outcome.problem?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/communication")
    #expect(outcome.problem?.status == status)
    #expect(outcome.problem?.title == title)
    #expect(outcome.problem?.detail == "GET https://api.example.com/pets/1?… answered \(status)")
    #expect(outcome.isRetryable == isRetryable)
    #expect(outcome.retryAfter == (isRetryable ? .seconds(7) : nil))
  }

  @Test func redirectsAreOutputWhereTheyAreWanted() async {
    let response = HTTPResponse(status: 304)
    #expect(await outcome(response, ["redirect": true]).output == .some(nil))
    #expect(await outcome(HTTPResponse(status: 400), ["redirect": true]).problem?.status == 400)
  }

  @Test func whatTheServerSaysIsInTheDetail_butNoSecret() async {
    let said = HTTPResponse.json(["message": "no\nkey abc123 here"], status: 422)
    let data: JSON = [
      "method": "get", "endpoint": ["uri": "http://x.org/", "authentication": ["bearer": ["token": "abc123"]]],
    ]
    let detail = await exchange(data, said).outcome.problem?.detail
    #expect(detail == "GET http://x.org/ answered 422: {\"message\":\"no\\nkey *** here\"}")
    let long = await exchange(data, .text(String(repeating: "é\u{7}", count: 2000), status: 500)).outcome.problem?
      .detail
    #expect(long?.count ?? 0 < 400)
    #expect(long?.unicodeScalars.contains { $0.properties.generalCategory == .control } == false)
  }

  @Test func contentThatIsNotWhatItSays() async {
    let outcome = await outcome(.text("{oops", type: "application/json"))
    #expect(outcome.kind == "communication")
    #expect(outcome.problem?.status == 502)
    #expect(!outcome.isRetryable)
  }

  private static let noAnswerAtAllCases: [(HTTPError.Code, String, Int, Bool)] = [
    (.connect, "communication", 503, true), (.resolve, "communication", 503, true),
    (.connectionLost, "communication", 503, true), (.timeout, "timeout", 408, true),
    (.tooLarge, "communication", 502, false), (.tls, "communication", 502, false),
    (.invalidResponse, "communication", 502, false), (.forbiddenAddress, "authorization", 403, false),
    (.invalidRequest, "validation", 400, false), (.closed, "communication", 503, true),
  ]

  @Test(arguments: noAnswerAtAllCases)
  func noAnswerAtAll(_ code: HTTPError.Code, _ kind: String, _ status: Int, _ isRetryable: Bool) async {
    let network = Network { _ throws(HTTPError) in throw HTTPError(code, "GET http://x.org/: it is so") }
    let outcome = await caller(network).perform(["method": "get", "endpoint": "http://x.org/"])
    #expect(outcome.kind == kind)
    #expect(outcome.problem?.status == status)
    #expect(outcome.isRetryable == isRetryable)
    #expect(outcome.problem?.detail?.contains("it is so") == true)
  }

  private static let retryAfterInBothFormsCases: [(String, Duration?)] = [
    ("120", .seconds(120)), ("0", .zero), ("99999999999999999999", .seconds(86_400)),
    ("Tue, 14 Nov 2023 22:14:20 GMT", .seconds(60)), ("Sun, 06 Nov 1994 08:49:37 GMT", .zero), ("soon", nil),
    ("-5", nil), ("", nil),
  ]

  @Test(arguments: retryAfterInBothFormsCases)
  func retryAfterInBothForms(_ value: String, _ expected: Duration?) async {
    let response = HTTPResponse(status: 503, headers: [HTTPHeader("retry-after", value)])
    #expect(await outcome(response).retryAfter == expected)
  }
}
