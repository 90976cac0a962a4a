import Engine
import HTTP
import HTTPCalls
import Synchronization
import Testing
import Toolchain
import Values

@Suite struct RunHTTPTests {
  private let get = """
    do: [{ask: {call: http, with: {method: get, endpoint: "https://shop.example/orders/{id}", query: {v: "2"}}}}]
    """

  @Test func aServerAnswers() async throws {
    let result = try await run(
      get, input: ["id": 7],
      mocks:
        "http: {'GET https://shop.example/orders/*': {body: {uri: '${ .uri }', method: '${ .method }'}, after: PT3S}}")
    #expect(result.output == ["uri": "https://shop.example/orders/7?v=2", "method": "GET"])
    #expect(result.duration == .seconds(3))
  }

  @Test func statusesBecomeErrorsAsInTheProcessor() async throws {
    let result = try await run(
      get, input: ["id": 7],
      mocks: """
        http:
          GET https://shop.example/orders/7:
            - {status: 503, headers: {Retry-After: "30"}}
            - {status: 404, body: {message: no such order}}
        """)
    #expect(result.status == .faulted)
    #expect(result.error?.status == 404)
    #expect(result.error?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/communication")
    #expect(result.brief == ["ask faulted 2"])
    #expect(result.duration == .seconds(30))
  }

  @Test func whatNobodyAnswersIsNamed() async throws {
    let result = try await run(
      get, input: ["id": 7], mocks: "http: {'POST https://shop.example/orders': {status: 201}}")
    #expect(result.status == .waiting)
    #expect(
      result.obstacles.first?.detail.contains("no mock under 'http' answers GET https://shop.example/orders/7") == true)
    #expect(result.obstacles.first?.detail.contains("POST https://shop.example/orders") == true)
  }

  @Test func serversMayBeAwayOrSilent() async throws {
    let away = try await run(get, input: ["id": 7], mocks: "http: {'* *': {unreachable: true}}")
    #expect(away.error?.status == 503)
    #expect(away.brief == ["ask faulted 5"])
    let silent = try await run(get, input: ["id": 7], mocks: "http: {'* *': [{silent: true}, {body: {ok: true}}]}")
    #expect(silent.output == ["ok": true])
    // 30 s of patience, and one second before the next attempt.
    #expect(silent.duration == .seconds(31))
  }

  @Test func anOpenAPIDocumentIsMockedToo() async throws {
    let result = try await run(
      """
      do:
        - find:
            call: openapi
            with: {document: {endpoint: "https://shop.example/openapi.json"}, operationId: findOrder, parameters: {id: 7}}
      """,
      mocks: """
        http:
          GET https://shop.example/openapi.json:
            body:
              openapi: 3.0.0
              info: {title: shop, version: "1"}
              servers: [{url: "https://shop.example/v1"}]
              paths:
                /orders/{id}:
                  get: {operationId: findOrder, parameters: [{name: id, in: path, required: true}]}
          GET https://shop.example/v1/orders/7: {body: {order: 7}}
        """)
    #expect(result.output == ["order": 7], "\(result.json.pretty())")
  }

  @Test func aChannelMockAnswersInsteadOfTheServer() async throws {
    let result = try await run(get, input: ["id": 7], mocks: "calls: {http: {reply: {direct: true}}}")
    #expect(result.output == ["direct": true])
  }

  private final class Server: HTTPTransport {
    let seen = Mutex<[String]>([])

    func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
      seen.withLock { $0.append(request.url) }
      return HTTPResponse(
        status: 200, headers: [HTTPHeader("Content-Type", "application/json")], body: Array("[1]".utf8))
    }
  }

  @Test func liveCallsAreMadeUnlessAMockAnswers() async throws {
    let definition = try runnable(
      """
      do:
        - mocked: {call: http, with: {method: get, endpoint: "https://shop.example/a"}}
        - sleep: {wait: P1D}
        - real: {call: http, with: {method: get, endpoint: "http://127.0.0.1:1/b"}}
      """)
    let mocks = try mocks("http: {'GET https://shop.example/a': {body: 1}}")
    let server = Server()
    let result = await LocalRunner(mocks: mocks.http, live: server).run(LocalRun(definition, input: [:], mocks: mocks))
    #expect(result.output == [1], "\(result.json.pretty())")
    #expect(server.seen.withLock { $0 } == ["http://127.0.0.1:1/b"])
    #expect(result.duration >= .seconds(86_400))
  }
}
