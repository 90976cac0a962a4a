import HTTP
import HTTPCalls
import TestSupport
import Testing
import Values

/// A workflow that tries to reach what only this machine can.
@Suite struct AddressTests {
  @Test(arguments: [
    "127.0.0.1", "localhost", "LOCALHOST", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0",
    "0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]",
  ])
  func thisMachineIsOutOfReach(_ host: String) async throws {
    let log = RequestLog()
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      return .text(200, "")
    }
    for allow in [[], ["*"], ["*.com", "example.com", "10.0.0.0/8"]] {
      let outcome = try await caller(allow: allow).perform(get("http://\(host):\(server.port)/latest/meta-data"))
      #expect(outcome.kind == "authorization", "\(host) with \(allow): \(outcome)")
      #expect(outcome.problem?.status == 403)
      #expect(!outcome.isRetryable)
    }
    #expect(log.all.isEmpty)
    await server.stop()
  }

  /// No connection is made at all: it would tell which ports are open.
  @Test func aClosedPortIsRefusedLikeAnOpenOne() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "") }
    await server.stop()
    let outcome = try await caller(allow: []).perform(get("http://localhost:\(server.port)/"))
    #expect(outcome.kind == "authorization", "\(outcome)")
  }

  @Test func whatIsNamedCanBeReached() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "") }
    func status(_ host: String, _ allow: String...) async throws -> Int? {
      try await caller(allow: allow).perform(get("http://\(host):\(server.port)/")).problem?.status
    }
    #expect(try await status("127.0.0.1", "127.0.0.1:\(server.port)") == nil)
    #expect(try await status("127.0.0.1", "127.0.0.0/8") == nil)
    #expect(try await status("localhost", "localhost") == nil)
    #expect(try await status("localhost", "127.0.0.0/8") == nil)
    #expect(try await status("2130706433", "127.0.0.1") == nil)
    #expect(try await status("127.0.0.1", "127.0.0.1:\(server.port + 1)") == 403)
    #expect(try await status("127.0.0.1", "localhost") == 403)
    await server.stop()
  }

  @Test(arguments: ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]"])
  func noRedirectLeadsThere(_ host: String) async throws {
    let log = RequestLog()
    let inner = try await LoopbackHTTPServer { request in
      log.add(request)
      return .text(200, "secret")
    }
    let outer = try await LoopbackHTTPServer { [port = inner.port] _ in
      .text(302, "", headers: [("Location", "http://\(host):\(port)/")])
    }
    let calls = try caller(allow: ["127.0.0.1:\(outer.port)"])
    let outcome = await calls.perform(get(outer.url, ["redirect": true]))
    #expect(outcome.kind == "authorization", "\(outcome)")
    #expect(log.all.isEmpty)
    await outer.stop()
    await inner.stop()
  }

  /// A connection that one call may use is not one for all.
  @Test func aKeptConnectionIsAskedAboutAgain() async throws {
    let log = RequestLog()
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      return .text(200, "")
    }
    let client = try HTTPClient()
    let url = "http://localhost:\(server.port)/"
    #expect(try await caller(allow: ["localhost"], client: client).perform(get(url)).output != nil)
    #expect(try await caller(allow: [], client: client).perform(get(url)).kind == "authorization")
    #expect(try await caller(allow: ["localhost"], client: client).perform(get(url)).output != nil)
    #expect(log.all.count == 2)
    await server.stop()
  }

  @Test func noDocumentAndNoTokenComesFromThere() async throws {
    let store = try await PetStore()
    let document: JSON = ["document": ["endpoint": .string(store.documentURL)], "operationId": "getPetById"]
    #expect(try await caller(allow: []).perform(document).kind == "authorization")
    let oauth2: JSON = [
      "oauth2": [
        "authority": .string(store.url), "grant": "client_credentials", "client": ["id": "a", "secret": "b"],
      ]
    ]
    let call: JSON = ["method": "get", "endpoint": ["uri": "http://no-such-host.invalid/", "authentication": oauth2]]
    #expect(try await caller(allow: []).perform(call).kind == "authorization")
    #expect(store.requests.isEmpty)
    await store.stop()
  }
}
