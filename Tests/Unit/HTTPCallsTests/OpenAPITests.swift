import HTTP
import HTTPCalls
import Testing
import Values

@Suite struct OpenAPITests {
  // MARK: Swagger 2.0

  @Test func anOperationOfSwagger2() throws {
    let call = try Documents.resolve(Documents.swagger, "findPetsByStatus", ["status": ["available", "sold"]])
    #expect(call.method == "get")
    #expect(call.url.text == "https://pets.example.com/v2/pet/findByStatus?status=available&status=sold")
    #expect(call.headers == [HTTPHeader("Accept", "application/json, */*;q=0.5")])
    let one = try Documents.resolve(Documents.swagger, "findPetsByStatus", ["status": "available"])
    #expect(one.url.query == "status=available")
    #expect(try Documents.resolve(Documents.swagger, "getPetById", ["petId": 1]).url.path == "/v2/pet/1")
  }

  @Test func formsAndBodiesOfSwagger2() throws {
    let form = try Documents.resolve(Documents.swagger, "renamePet", ["petId": 1, "name": "a b", "tags": [1, 2]])
    #expect(String(decoding: form.body ?? [], as: UTF8.self) == "name=a+b&tags=1%2C2")
    #expect(form.headers.contains(HTTPHeader("Content-Type", "application/x-www-form-urlencoded")))
    for parameters: JSONObject in [["name": "Milou"], ["pet": ["name": "Milou"]], ["body": ["name": "Milou"]]] {
      let body = try Documents.resolve(Documents.swagger, "addPet", parameters)
      #expect(String(decoding: body.body ?? [], as: UTF8.self) == "{\"name\":\"Milou\"}")
      #expect(body.headers.contains(HTTPHeader("Content-Type", "application/json")))
    }
  }

  @Test func listsOfSwagger2() throws {
    let list: JSON = ["a,b", "c d"]
    let call = try Documents.resolve(
      Documents.swagger, "lists", ["csv": list, "ssv": list, "pipes": list, "X-Ids": [1, 2]])
    #expect(call.url.query == "csv=a%2Cb,c%20d&ssv=a%2Cb%20c%20d&pipes=a%2Cb%7Cc%20d")
    #expect(call.headers.contains(HTTPHeader("X-Ids", "1,2")))
  }

  @Test func serversOfSwagger2() throws {
    var document = Documents.swagger.object ?? [:]
    document["host"] = nil
    document["basePath"] = nil
    let own = try Documents.resolve(.object(document), "getPetById", ["petId": 1], at: "http://[::1]:8080/s.json")
    #expect(own.url.text == "http://[::1]:8080/pet/1")
    document["host"] = "h.example.com:81"
    document["schemes"] = ["http"]
    #expect(
      try Documents.resolve(.object(document), "getPetById", ["petId": 1]).url.text == "http://h.example.com:81/pet/1")
    document["schemes"] = nil
    #expect(try Documents.resolve(.object(document), "getPetById", ["petId": 1]).url.scheme == "https")
  }

  // MARK: OpenAPI 3

  private static let parametersInTheirStylesCases: [(JSONObject, String, String?)] = [
    (["id": "a/b ?"], "/api/v3/things/a%2Fb%20%3F", nil),
    (["id": ["a", "b,c"]], "/api/v3/things/a,b%2Cc", nil),
    (["id": 1, "tag": ["a&b", 2]], "/api/v3/things/1", "tag=a%26b&tag=2"),
    (["id": 1, "tag": ["k": "v", "n": 1]], "/api/v3/things/1", "k=v&n=1"),
    (["id": 1, "flat": ["a", "b"]], "/api/v3/things/1", "flat=a,b"),
    (["id": 1, "flat": ["k": "v"]], "/api/v3/things/1", "flat=k,v"),
    (["id": 1, "bar": ["a", "b"]], "/api/v3/things/1", "bar=a%7Cb"),
    (["id": 1, "space": ["a", "b"]], "/api/v3/things/1", "space=a%20b"),
    (
      ["id": 1, "filter": ["color": "red", "size": 7]], "/api/v3/things/1", "filter%5Bcolor%5D=red&filter%5Bsize%5D=7"
    ),
    (["id": 1, "json": ["a": [1]]], "/api/v3/things/1", "json=%7B%22a%22%3A%5B1%5D%7D"),
    (["id": 1, "free": "a/b?c=d"], "/api/v3/things/1", "free=a/b?c%3Dd"),
    (["id": true, "tag": nil], "/api/v3/things/true", nil),
  ]

  @Test(arguments: parametersInTheirStylesCases)
  func parametersInTheirStyles(_ parameters: JSONObject, _ path: String, _ query: String?) throws {
    let url = try Documents.resolve(Documents.openAPI, "getThing", parameters).url
    #expect(url.origin == "https://docs.example.com:443")
    #expect(url.path == path)
    #expect(url.query == query)
  }

  @Test func headersAndCookies() throws {
    let call = try Documents.resolve(Documents.openAPI, "getThing", ["id": 1, "X-Trace": 7, "session": "a b"])
    #expect(call.headers.contains(HTTPHeader("X-Trace", "7")))
    #expect(call.headers.contains(HTTPHeader("Cookie", "session=a%20b")))
    let refused = Documents.failure(Documents.openAPI, "getThing", ["id": 1, "X-Trace": "a\r\nb"])
    #expect(refused?.code == .validation)
  }

  @Test func bodies() throws {
    func body(_ operation: String, _ parameters: JSONObject) throws -> String {
      let call = try Documents.resolve(Documents.openAPI, operation, parameters)
      let type = call.headers.first { $0.name == "Content-Type" }?.value ?? ""
      return "\(type) \(String(decoding: call.body ?? [], as: UTF8.self))"
    }
    #expect(try body("addThing", ["a": 1, "b": [2]]) == "application/json {\"a\":1,\"b\":[2]}")
    #expect(try body("addThing", ["body": [1, 2]]) == "application/json [1,2]")
    #expect(try body("comment", ["body": "text"]) == "application/json {\"body\":\"text\"}")
    #expect(try body("comment", [:]) == " ")
    #expect(try body("form", ["a": "b c"]) == "application/x-www-form-urlencoded a=b+c")
    #expect(try body("note", ["body": "plain"]) == "text/plain plain")
  }

  @Test func serversOfOpenAPI3() throws {
    var document = Documents.openAPI.object ?? [:]
    document["servers"] = [["url": "https://api.example.com/base/"]]
    #expect(
      try Documents.resolve(.object(document), "getThing", ["id": 1]).url.text
        == "https://api.example.com/base/things/1")
    document["servers"] = [["url": "../v1"]]
    #expect(
      try Documents.resolve(.object(document), "getThing", ["id": 1]).url.text
        == "https://docs.example.com/v1/things/1")
    document["servers"] = nil
    #expect(
      try Documents.resolve(.object(document), "getThing", ["id": 1]).url.text == "https://docs.example.com/things/1")
    document["servers"] = [["url": "https://{region}.example.com", "variables": ["region": [:]]]]
    #expect(Documents.failure(.object(document), "getThing", ["id": 1])?.code == .configuration)
  }

  // MARK: What is refused

  private static let whatDoesNotFitCases: [(String, JSONObject, HTTPCallError.Code, String)] = [
    (
      "getThin", [:], .configuration, "no operation 'getThin'; did you mean 'getThing'?"
    ),
    ("getThing", [:], .validation, "lacks 'id', which the operation requires"),
    ("getThing", ["id": nil], .validation, "lacks 'id'"), ("getThing", ["id": ".."], .validation, "cannot be empty"),
    ("getThing", ["id": ""], .validation, "cannot be empty"),
    ("getThing", ["id": 1, "tags": 1], .validation, "has no 'tags'; did you mean 'tag'?"),
    ("addThing", [:], .validation, "lacks 'body', which the operation requires"),
    ("addThing", ["body": 1, "x": 2], .validation, "has no 'x'"),
    ("upload", ["file": "x"], .configuration, "multipart/form-data, which is not supported"),
    ("note", ["body": [1]], .validation, "must be a text for the content type text/plain"),
    ("elsewhere", [:], .configuration, "style 'matrix'"), ("bad", [:], .configuration, "no parameter for {gone}"),
  ]

  @Test(arguments: whatDoesNotFitCases)
  func whatDoesNotFit(
    _ operation: String, _ parameters: JSONObject, _ code: HTTPCallError.Code, _ expected: String
  ) throws {
    let failure = try #require(Documents.failure(Documents.openAPI, operation, parameters))
    #expect(failure.code == code)
    #expect(failure.status == 400)
    #expect(failure.detail.contains(expected), "\(failure.detail)")
  }

  private static let referencesThatLeadNowhereCases: [(JSON, String)] = [
    ("#/components/nothing", "which it does not have"), ("other.json#/x", "only references within it"),
    ("#/paths/~1a", "circle"),
  ]

  @Test(arguments: referencesThatLeadNowhereCases)
  func referencesThatLeadNowhere(_ reference: JSON, _ expected: String) throws {
    let document: JSON = ["openapi": "3.1.0", "paths": ["/a": ["$ref": reference]]]
    let failure = try #require(Documents.failure(document, "x"))
    #expect(failure.code == .configuration)
    #expect(failure.detail.contains(expected), "\(failure.detail)")
  }

  // MARK: Documents

  private static let call: JSON = [
    "document": ["endpoint": "https://docs.example.com/api.yaml"], "operationId": "ping",
  ]
  private static let yaml = """
    openapi: 3.1.0
    info: {title: Ping, version: '1'}
    paths:
      /ping:
        get: {operationId: ping, responses: {'200': {description: pong}}}
    """

  @Test func documentsAreFetchedOnceInAWhile() async {
    let network = Network { request in
      request.url.hasSuffix("yaml") ? .text(Self.yaml, type: "application/yaml") : .json(["pong": true])
    }
    let time = TestTime()
    let calls = caller(network, HTTPCallOptions(), time)
    for _ in 0..<3 { #expect(await calls.perform(Self.call) == .completed(["pong": true])) }
    #expect(network.requests.count == 4)
    #expect(network.requests.first?.maxResponseBytes == 4 << 20)
    time.advance(.seconds(301))
    _ = await calls.perform(Self.call)
    #expect(network.requests.count == 6)
    #expect(network.requests.last?.url == "https://docs.example.com/ping")
  }

  /// What one authentication opens is not for a call that has none.
  @Test func aDocumentBelongsToItsAuthentication() async {
    let network = Network { request in
      guard request.url.hasSuffix("yaml") else { return .json(["key": .string(request.header("authorization") ?? "")]) }
      return request.header("authorization") == "Bearer d" ? .text(Self.yaml) : HTTPResponse(status: 403)
    }
    let calls = caller(network)
    var call = Self.call.object ?? [:]
    call["document"] = [
      "name": "x",
      "endpoint": ["uri": "https://docs.example.com/api.yaml", "authentication": ["bearer": ["token": "d"]]],
    ]
    call["authentication"] = ["bearer": ["token": "o"]]
    #expect(await calls.perform(.object(call)).output == ["key": "Bearer o"])
    #expect(await calls.perform(Self.call).problem?.status == 403)
  }

  private static let aDocumentThatIsNoneCases: [(HTTPResponse, String, Int, String)] = [
    (.text("a: [", type: "application/yaml"), "configuration", 400, "cannot be read"),
    (.text("swagger: '1.2'"), "configuration", 400, "neither Swagger 2.0 nor OpenAPI 3"),
    (.json(["swagger": "2.0"]), "configuration", 400, "has no operation 'ping'"),
    (HTTPResponse(status: 404), "communication", 404, "answered 404"),
    (HTTPResponse(status: 500), "communication", 500, "answered 500"),
  ]

  @Test(arguments: aDocumentThatIsNoneCases)
  func aDocumentThatIsNone(_ answer: HTTPResponse, _ kind: String, _ status: Int, _ expected: String) async {
    let outcome = await caller(Network { _ in answer }).perform(Self.call)
    #expect(outcome.kind == kind)
    #expect(outcome.problem?.status == status)
    #expect(outcome.problem?.detail?.contains(expected) == true, "\(outcome)")
  }

  private static let aCallThatIsNoneCases: [(JSON, String)] = [
    (["operationId": "x"], "with.document is missing"),
    (["operationId": "x", "document": [:]], "with.document.endpoint is missing"),
    (["operationId": "x", "document": ["uri": "u"]], "with.document has no member 'uri'"),
    (["operationId": "x", "document": ["endpoint": "nowhere"]], "with.document.endpoint"),
    (["operationId": "x", "document": ["endpoint": "http://x.org"], "parameter": [:]], "did you mean 'parameters'?"),
  ]

  @Test(arguments: aCallThatIsNoneCases)
  func aCallThatIsNone(_ data: JSON, _ expected: String) async {
    let detail = await refusal(data)
    #expect(detail.contains(expected), "\(detail)")
  }
}
