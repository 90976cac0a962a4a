import HTTP
import TestSupport
import Testing

@Suite struct HTTPClientTests {
  @Test func carriesMethodHeadersAndBodyThere_andTheResponseBack() async throws {
    let server = try await LoopbackHTTPServer { request in
      let names = ["x-one", "content-type", "content-length", "user-agent", "expect", "empty"]
      let seen = names.map { "\($0)=\(request.header($0) ?? "nil")" }.joined(separator: " ")
      let body = "\(request.method) \(request.path)?\(request.query ?? "") \(seen) \(request.body.count)"
      return .text(201, body, headers: [("X-Answer", "a"), ("X-Answer", "b")])
    }
    let response = try await HTTPClient().send(
      HTTPRequest(
        method: "POST", url: server.url + "/a%20b?x=%2F",
        headers: [HTTPHeader("X-One", "1"), HTTPHeader("Content-Type", "application/json"), HTTPHeader("Empty", "")],
        body: Array(#"{"a":1}"#.utf8)))
    #expect(response.status == 201)
    #expect(response.headers.filter { $0.name.lowercased() == "x-answer" }.map(\.value) == ["a", "b"])
    #expect(response.header("x-ANSWER") == "a")
    #expect(
      String(decoding: response.body, as: UTF8.self)
        == "POST /a%20b?x=%2F x-one=1 content-type=application/json content-length=7 user-agent=mediator expect=nil empty= 7"
    )
    await server.stop()
  }

  @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
  func sendsEveryMethod(_ method: String) async throws {
    let server = try await LoopbackHTTPServer { request in
      .text(200, request.method == "HEAD" ? "" : "x", headers: [("X-Method", request.method)])
    }
    let client = try HTTPClient()
    for body: [UInt8]? in [nil, [], Array(repeating: 1, count: 100_000)] where !(method == "HEAD" && body != nil) {
      let response = try await client.send(HTTPRequest(method: method, url: server.url, body: body))
      #expect(response.status == 200)
      #expect(response.header("x-method") == method)
      #expect(response.body == (method == "HEAD" ? [] : Array("x".utf8)))
    }
    await server.stop()
  }

  @Test func aLargeBodyArrivesWhole() async throws {
    let server = try await LoopbackHTTPServer { .response(status: 200, headers: [], body: $0.body) }
    let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let response = try await HTTPClient().send(
      HTTPRequest(method: "POST", url: server.url, body: body, maxResponseBytes: body.count))
    #expect(response.body == body)
    await server.stop()
  }

  @Test(arguments: [true, false])
  func aBodyOverTheLimitIsRefused(_ announced: Bool) async throws {
    let server = try await LoopbackHTTPServer { request in
      let chunks = Array(repeating: [UInt8](repeating: 65, count: 1000), count: request.path == "/fits" ? 10 : 11)
      return announced ? .response(status: 200, headers: [], body: Array(chunks.joined())) : .chunks(chunks)
    }
    let client = try HTTPClient()
    let error = await failure { try await client.send(HTTPRequest(url: server.url, maxResponseBytes: 10_000)) }
    #expect(error?.code == .tooLarge)
    #expect(error?.message == "GET \(server.url)/: the response is larger than 10000 bytes")
    let response = try await client.send(HTTPRequest(url: server.url + "/fits", maxResponseBytes: 10_000))
    #expect(response.body.count == 10_000)
    await server.stop()
  }

  @Test func endlessHeadersAreRefused() async throws {
    let server = try await LoopbackHTTPServer { _ in
      .text(200, "", headers: (0..<300).map { ("X-\($0)", String(repeating: "a", count: 1000)) })
    }
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: server.url)) }
    #expect(error?.code == .tooLarge)
    await server.stop()
  }

  @Test func twoHundredAtOnce_onFewThreads_withConnectionsUsedAgain() async throws {
    let server = try await LoopbackHTTPServer { .text(200, $0.path + " " + $0.connection) }
    let client = try HTTPClient()
    for _ in 0..<2 {
      let paths = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<200 {
          group.addTask {
            let response = try await client.send(HTTPRequest(url: server.url + "/\(number)"))
            let words = String(decoding: response.body, as: UTF8.self).split(separator: " ")
            return words[0] == "/\(number)" ? String(words[0]) : "wrong"
          }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(paths == Set((0..<200).map { "/\($0)" }))
    }
    var connections: Set<[UInt8]> = []
    for _ in 0..<20 { connections.insert(try await client.send(HTTPRequest(url: server.url)).body) }
    #expect(connections.count == 1)
    await server.stop()
  }

  @Test func redirectsAreNotFollowedUnlessWanted() async throws {
    let other = try await LoopbackHTTPServer { .text(200, "other \($0.header("x-key") ?? "no key")") }
    let server = try await LoopbackHTTPServer { request in
      switch request.path {
      case "/here": .text(302, "", headers: [("Location", "/there?a=1")])
      case "/there": .text(200, "there \(request.header("x-key") ?? "no key")")
      case "/loop": .text(301, "", headers: [("Location", "/loop")])
      case "/file": .text(302, "", headers: [("Location", "file:///etc/hostname")])
      default: .text(307, "", headers: [("Location", other.url + "/elsewhere")])
      }
    }
    let client = try HTTPClient()
    func get(_ path: String, follow: Bool = true, method: String = "GET") async throws(HTTPError) -> HTTPResponse {
      try await client.send(
        HTTPRequest(
          method: method, url: server.url + path, headers: [HTTPHeader("X-Key", "k")], followRedirects: follow))
    }
    let untouched = try await get("/here", follow: false)
    #expect(untouched.status == 302)
    #expect(untouched.header("location") == "/there?a=1")
    #expect(try await get("/here").body == Array("there k".utf8))
    #expect(try await get("/away").body == Array("other no key".utf8), "headers stay with their origin")
    #expect(try await get("/here", method: "POST").status == 302)
    #expect(await failure { try await get("/loop") }?.code == .redirect)
    #expect(await failure { try await get("/file") }?.code == .unsupportedProtocol)
    await server.stop()
    await other.stop()
  }

  @Test func afterCloseNothingIsSent() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "") }
    let client = try HTTPClient()
    #expect(try await client.send(HTTPRequest(url: server.url)).status == 200)
    client.close()
    #expect(await failure { try await client.send(HTTPRequest(url: server.url)) }?.code == .closed)
    await server.stop()
  }
}

/// The error of a call that must fail.
func failure(
  _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> HTTPResponse
) async -> HTTPError? {
  do {
    let response = try await body()
    Issue.record("no error but status \(response.status)", sourceLocation: location)
    return nil
  } catch {
    return error as? HTTPError
  }
}
