import HTTP
import HTTPCalls
import Synchronization
import TestSupport
import Testing
import Values

@Suite struct CredentialTests {
  /// RFC 7616 with SHA-256 and `qop=auth`; what the server checks is computed from what it knows itself.
  private static func answer(
    _ request: LoopbackHTTPServer.Request, password: String
  ) -> LoopbackHTTPServer.Answer {
    let challenge = "Digest realm=\"plant\", nonce=\"n0nce\", qop=\"auth\", algorithm=SHA-256"
    let refusal = LoopbackHTTPServer.Answer.text(401, "who?", headers: [("WWW-Authenticate", challenge)])
    guard let header = request.header("authorization"), header.hasPrefix("Digest ") else { return refusal }
    var fields: [String: String] = [:]
    for part in header.dropFirst("Digest ".count).split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1)
      fields[pair[0].filter { $0 != " " }] = pair[1].filter { $0 != "\"" && $0 != " " }
    }
    let who = SHA256.hex("operator:plant:\(password)")
    let what = SHA256.hex("\(request.method):\(fields["uri"] ?? "")")
    let parts = [who, "n0nce", fields["nc"] ?? "", fields["cnonce"] ?? "", "auth", what]
    return fields["response"] == SHA256.hex(parts.joined(separator: ":"))
      ? .plain("\(fields["username"] ?? "") \(request.body.count)") : refusal
  }

  @Test(arguments: ["get", "post"])
  func digest(_ method: JSON) async throws {
    let log = RequestLog()
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      return Self.answer(request, password: "pa55")
    }
    func call(_ password: JSON) async throws -> CallOutcome {
      let digest: JSON = ["digest": ["username": "operator", "password": password]]
      var members: JSONObject = [
        "method": method, "endpoint": ["uri": .string("\(server.url)/x?y=1"), "authentication": digest],
      ]
      if method == "post" { members["body"] = ["a": 1] }
      return try await caller().perform(.object(members))
    }
    let outcome = try await call("pa55")
    #expect(outcome.output == .string("operator \(method == "post" ? 7 : 0)"), "\(outcome)")
    #expect(log.all.count == 2)
    #expect(log.all.first?.body == [], "nothing is told to a server that is not known yet")
    let wrong = try await call("wr0ng")
    #expect(wrong.problem?.status == 401)
    #expect(!"\(wrong)".contains("wr0ng"))
    await server.stop()
  }

  @Test func clientCredentialsWithARevokedToken() async throws {
    let log = RequestLog()
    let valid = Mutex("t1")
    let server = try await LoopbackHTTPServer { request in
      log.add(request)
      if request.path == "/realms/r/oauth2/token" {
        guard String(decoding: request.body, as: UTF8.self).contains("client_secret=s3cr3t") else {
          return .text(401, "{\"error\":\"invalid_client\"}", headers: [("Content-Type", "application/json")])
        }
        let token = valid.withLock { $0 }
        return .text(200, "{\"access_token\":\"\(token)\",\"token_type\":\"bearer\",\"expires_in\":300}")
      }
      let isValid = request.header("authorization") == "Bearer \(valid.withLock { $0 })"
      return isValid ? .plain("in") : .text(401, "expired")
    }
    let calls = try caller()
    func call(_ secret: JSON = "s3cr3t") async -> CallOutcome {
      let oauth2: JSON = [
        "authority": .string("\(server.url)/realms/r"), "grant": "client_credentials",
        "client": ["id": "me", "secret": secret],
      ]
      return await calls.perform([
        "method": "get", "endpoint": ["uri": .string("\(server.url)/x"), "authentication": ["oauth2": oauth2]],
      ])
    }
    #expect(await call().output == "in")
    #expect(await call().output == "in")
    #expect(log.all.map(\.path) == ["/realms/r/oauth2/token", "/x", "/x"])
    valid.withLock { $0 = "t2" }
    #expect(await call().output == "in")
    #expect(log.all.map(\.path).suffix(3) == ["/x", "/realms/r/oauth2/token", "/x"])
    let refused = await call("wr0ng")
    #expect(refused.kind == "authentication")
    #expect(refused.problem?.status == 401)
    #expect(!"\(refused)".contains("wr0ng"))
    await server.stop()
  }

  @Test func aDigestStaysWithItsOrigin() async throws {
    let log = RequestLog()
    let other = try await LoopbackHTTPServer { request in
      log.add(request)
      return Self.answer(request, password: "pa55")
    }
    let first = try await LoopbackHTTPServer { [url = other.url] _ in .text(302, "", headers: [("Location", url)]) }
    let outcome = try await caller().perform([
      "method": "get", "redirect": true,
      "endpoint": [
        "uri": .string(first.url), "authentication": ["digest": ["username": "operator", "password": "pa55"]],
      ],
    ])
    #expect(outcome.problem?.status == 401)
    #expect(log.all.map { $0.header("authorization") } == [nil])
    await first.stop()
    await other.stop()
  }
}
