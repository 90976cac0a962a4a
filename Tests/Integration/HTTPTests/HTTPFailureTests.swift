import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct HTTPFailureTests {
  @Test func aSlowServerRunsIntoTheTimeLimit() async throws {
    let gate = Gate()
    let server = try await LoopbackHTTPServer { _ in
      await gate.passed()
      return .text(200, "")
    }
    let start = ContinuousClock.now
    let error = await failure {
      try await HTTPClient().send(HTTPRequest(method: "POST", url: server.url, timeout: .milliseconds(200)))
    }
    #expect(error?.code == .timeout)
    #expect(error?.mayHaveBeenSent == true)
    #expect(error?.isTransient == true)
    #expect(ContinuousClock.now - start < .seconds(10))
    gate.open()
    await server.stop()
  }

  @Test func aConnectionThatIsNotAcceptedRunsIntoTheConnectLimit() async throws {
    // A listener whose queue is full leaves further handshakes unanswered.
    let full = try ListeningSocket(backlog: 0)
    let fillers = (0..<4).map { _ in full.connectWithoutWaiting() }
    defer { for filler in fillers { Glibc.close(filler) } }
    let error = await failure {
      try await HTTPClient().send(HTTPRequest(url: full.url, connectTimeout: .milliseconds(200)))
    }
    #expect(error?.code == .timeout)
    #expect(error?.mayHaveBeenSent == false)
  }

  @Test func noTimeLeftIsATimeout() async throws {
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: "http://127.0.0.1:1/", timeout: .zero)) }
    #expect(error?.code == .timeout)
  }

  @Test func aRefusedConnection() async throws {
    let port = try ListeningSocket(backlog: 1).port
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: "http://127.0.0.1:\(port)/x")) }
    #expect(error?.code == .connect)
    #expect(error?.mayHaveBeenSent == false)
  }

  @Test func anUnknownHost() async throws {
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: "http://no-such-host.invalid/")) }
    #expect(error?.code == .resolve)
  }

  @Test func anAnswerThatIsNotHTTP() async throws {
    let listener = try ListeningSocket(backlog: 5)
    listener.answerOnce("SSH-2.0-OpenSSH_9.2\r\n")
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: listener.url)) }
    #expect(error?.code == .invalidResponse)
  }

  @Test func anAnswerThatEndsEarly() async throws {
    let listener = try ListeningSocket(backlog: 5)
    listener.answerOnce("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    let error = await failure { try await HTTPClient().send(HTTPRequest(method: "POST", url: listener.url)) }
    #expect(error?.code == .connectionLost)
    #expect(error?.mayHaveBeenSent == true)
  }

  /// libcurl repeats a request whose kept connection ends without an answer; a message must not go out twice that way.
  @Test(arguments: [Array("hello".utf8), []])
  func aPostIsNeverRepeatedByItself(_ body: [UInt8]) async throws {
    let seen = Mutex<[String]>([])
    let server = try await LoopbackHTTPServer { request in
      let count = seen.withLock { seen in
        seen.append(request.method)
        return seen.count
      }
      return count == 2 ? .drop : .text(200, "")
    }
    let client = try HTTPClient()
    #expect(try await client.send(HTTPRequest(method: "POST", url: server.url, body: body)).status == 200)
    let error = await failure { try await client.send(HTTPRequest(method: "POST", url: server.url, body: body)) }
    #expect(error?.code == .connectionLost)
    #expect(error?.mayHaveBeenSent == true)
    #expect(seen.withLock { $0 } == ["POST", "POST"])
    await server.stop()
  }

  @Test func aGetIsRepeatedWhenItsKeptConnectionEnds() async throws {
    let count = Atomic<Int>(0)
    let server = try await LoopbackHTTPServer { _ in
      count.add(1, ordering: .relaxed).newValue == 2 ? .drop : .text(200, "")
    }
    let client = try HTTPClient()
    for _ in 0..<2 { #expect(try await client.send(HTTPRequest(url: server.url)).status == 200) }
    #expect(count.load(ordering: .relaxed) == 3)
    await server.stop()
  }

  @Test func cancellingTheTaskAbortsTheTransfer() async throws {
    let gate = Gate()
    let server = try await LoopbackHTTPServer { _ in
      await gate.passed()
      return .text(200, "")
    }
    let client = try HTTPClient()
    let task = Task { await failure { try await client.send(HTTPRequest(url: server.url)) } }
    await gate.reached()
    task.cancel()
    #expect(await task.value?.code == .cancelled)
    gate.open()
    await server.stop()
  }

  @Test func aTaskCancelledBeforeSendsNothing() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "") }
    let client = try HTTPClient()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await failure { try await client.send(HTTPRequest(url: server.url)) }
    }
    #expect(await task.value?.code == .cancelled)
    #expect(await task.value?.mayHaveBeenSent == false)
    await server.stop()
  }

  @Test func closingEndsWhatRuns() async throws {
    let gate = Gate()
    let server = try await LoopbackHTTPServer { _ in
      await gate.passed()
      return .text(200, "")
    }
    let client = try HTTPClient()
    let task = Task { await failure { try await client.send(HTTPRequest(url: server.url)) } }
    await gate.reached()
    client.close()
    #expect(await task.value?.code == .closed)
    gate.open()
    await server.stop()
  }

  @Test(arguments: [
    ("", HTTPError.Code.invalidURL), ("example.org", .invalidURL), ("http://", .invalidURL),
    ("http://a b/", .invalidURL), ("http://a/\r\nX: y", .invalidURL), ("http://a/\0", .invalidURL),
    ("http://a:99999/", .invalidURL), ("file:///etc/passwd", .unsupportedProtocol),
    ("ftp://a/", .unsupportedProtocol), ("gopher://a/", .unsupportedProtocol),
  ])
  func badURLs(_ url: String, _ code: HTTPError.Code) async throws {
    #expect(await failure { try await HTTPClient().send(HTTPRequest(url: url)) }?.code == code)
  }

  @Test(arguments: [
    HTTPRequest(method: "", url: "http://127.0.0.1:1"), HTTPRequest(method: "GE T", url: "http://127.0.0.1:1"),
    HTTPRequest(url: "http://127.0.0.1:1", headers: [HTTPHeader("A b", "x")]),
    HTTPRequest(url: "http://127.0.0.1:1", headers: [HTTPHeader("A", "x\r\nB: y")]),
    HTTPRequest(url: "http://127.0.0.1:1", headers: [HTTPHeader("Content-Length", "5")]),
    HTTPRequest(url: "http://127.0.0.1:1", maxResponseBytes: -1),
  ])
  func badRequests(_ request: HTTPRequest) async throws {
    #expect(await failure { try await HTTPClient().send(request) }?.code == .invalidRequest)
  }
}

/// Holds a server's handler until the test lets it pass.
private final class Gate: Sendable {
  private let arrivals = AsyncStream.makeStream(of: Void.self)
  private let passage = AsyncStream.makeStream(of: Void.self)

  func passed() async {
    arrivals.continuation.yield()
    for await _ in passage.stream {}
  }

  /// Returns when a handler waits.
  func reached() async { for await _ in arrivals.stream { break } }

  func open() { passage.continuation.finish() }
}
