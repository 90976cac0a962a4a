import HTTP
import HTTPCalls
import Synchronization
import TestSupport
import Testing
import Values

@Suite struct ExchangeTests {
  @Test(arguments: ["post", "put", "patch", "delete", "GET", "query"])
  func whatIsSentArrives(_ method: String) async throws {
    let log = RequestLog()
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      return .text(200, "[\(request.body.count)]", headers: [("Content-Type", "application/json")])
    }
    let data = get(
      "\(server.url)/a b?x=1",
      ["method": .string(method), "body": ["k": "é"], "headers": ["X-A": 1], "query": ["y": "&"]])
    let outcome = try await caller().perform(data, idempotencyKey: "i.1")
    #expect(outcome.output == [10], "\(outcome)")
    let request = try #require(log.all.first)
    #expect(request.method == method.uppercased())
    #expect(request.path == "/a%20b" || request.path == "/a b")
    #expect(request.query == "x=1&y=%26")
    #expect(request.body == Array("{\"k\":\"é\"}".utf8))
    #expect(request.header("x-a") == "1")
    #expect(request.header("content-type") == "application/json")
    #expect((request.header("idempotency-key") == "i.1") == !["GET", "query"].contains(method))
    await server.stop()
  }

  @Test func headHasNoBody() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "", headers: [("X-Here", "yes")]) }
    let outcome = try await caller().perform(get(server.url, ["method": "head", "output": "response"]))
    #expect(outcome.output?["content"] == .some(nil))
    #expect(outcome.output?["headers"]?["X-Here"] == "yes")
    await server.stop()
  }

  @Test func redirectsAreFollowedWhereTheyAreAskedFor() async throws {
    let log = RequestLog()
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      switch request.path {
      case "/old": return .text(307, "", headers: [("Location", "new?x=1")])
      case "/circle": return .text(302, "", headers: [("Location", "/circle")])
      default: return .plain(request.method)
      }
    }
    let calls = try caller()
    func call(_ path: String, _ redirect: Bool) async -> CallOutcome {
      await calls.perform(
        get(server.url + path, ["method": "post", "body": [1], "redirect": .bool(redirect), "output": "response"]))
    }
    let followed = await call("/old", true)
    #expect(followed.output?["content"] == "POST")
    #expect(followed.output?["request"]?["uri"] == .string("\(server.url)/new?x=1"))
    #expect(log.all.last?.body == Array("[1]".utf8))
    #expect(await call("/old", false).problem?.status == 307)
    #expect(await call("/circle", true).problem?.detail?.contains("more than 5 redirects") == true)
    await server.stop()
  }

  @Test func aServerThatIsSlow() async throws {
    let gate = AsyncStream<Void>.makeStream()
    let server = try await LoopbackHTTPServer { _ in
      for await _ in gate.stream {}
      return .text(200, "")
    }
    let calls = try caller { $0.timeout = .milliseconds(300) }
    let outcome = await calls.perform(get(server.url))
    #expect(outcome.kind == "timeout")
    #expect(outcome.problem?.status == 408)
    #expect(outcome.isRetryable)
    let patient = try caller()
    let start = ContinuousClock.now
    let late = await patient.perform(get(server.url), deadline: .now() + .milliseconds(300))
    #expect(late.kind == "timeout")
    #expect(ContinuousClock.now - start < .seconds(10))
    gate.continuation.finish()
    await server.stop()
  }

  @Test func anAnswerThatIsTooLarge() async throws {
    let server = try await LoopbackHTTPServer { request in
      let bytes = [UInt8](repeating: 0x61, count: 4096)
      return request.path == "/chunks" ? .chunks([[UInt8]](repeating: bytes, count: 16)) : .text(200, "fits")
    }
    let calls = try caller { $0.maxResponseBytes = 10_000 }
    let outcome = await calls.perform(get("\(server.url)/chunks"))
    #expect(outcome.kind == "communication")
    #expect(outcome.problem?.status == 502)
    #expect(outcome.problem?.detail?.contains("larger than 10000 bytes") == true)
    #expect(!outcome.isRetryable)
    #expect(await calls.perform(get(server.url)).output != nil)
    await server.stop()
  }

  @Test func aConnectionThatBreaks_andOneThatIsRefused() async throws {
    let server = try await LoopbackHTTPServer { _ in .drop }
    let calls = try caller()
    let dropped = await calls.perform(get(server.url, ["method": "post"]))
    #expect(dropped.problem?.status == 503)
    #expect(dropped.isRetryable)
    await server.stop()
    let refused = await calls.perform(get(server.url))
    #expect(refused.problem?.status == 503)
    #expect(refused.isRetryable)
    let nowhere = try await caller(allow: []).perform(get("http://no-such-host.invalid/"))
    #expect(nowhere.problem?.status == 503)
    #expect(nowhere.isRetryable)
  }
}
