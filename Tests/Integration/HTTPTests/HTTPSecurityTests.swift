import HTTP
import TestSupport
import Testing

@Suite struct HTTPSecurityTests {
  @Test func aCertificateNobodySignedIsRefused_andATrustedOneAccepted() async throws {
    let certificate = try await SelfSignedCertificate(names: "IP:127.0.0.1")
    let server = try await LoopbackHTTPServer(certificate: certificate.files) { .text(200, "\($0.body.count)") }
    let request = HTTPRequest(method: "POST", url: server.url, body: Array("secret".utf8))
    let error = await failure { try await HTTPClient().send(request) }
    #expect(error?.code == .tls)
    #expect(error?.mayHaveBeenSent == false)
    #expect(error?.isTransient == false)

    var configuration = HTTPClient.Configuration()
    configuration.authoritiesFile = certificate.files.chainFile
    #expect(try await HTTPClient(configuration).send(request).body == Array("6".utf8))
    await server.stop()
  }

  @Test func aCertificateForAnotherNameIsRefused() async throws {
    let certificate = try await SelfSignedCertificate(names: "DNS:example.org")
    let server = try await LoopbackHTTPServer(certificate: certificate.files) { _ in .text(200, "") }
    var configuration = HTTPClient.Configuration()
    configuration.authoritiesFile = certificate.files.chainFile
    #expect(await failure { try await HTTPClient(configuration).send(HTTPRequest(url: server.url)) }?.code == .tls)
    await server.stop()
  }

  @Test func httpsToAPlainServerIsRefused() async throws {
    let server = try await LoopbackHTTPServer { _ in .text(200, "") }
    let error = await failure { try await HTTPClient().send(HTTPRequest(url: "https://127.0.0.1:\(server.port)/")) }
    #expect(error?.code == .tls)
    await server.stop()
  }

  @Test func noErrorShowsASecret() async throws {
    let token = "123456:AAE-secret_part"
    let dropping = try await LoopbackHTTPServer { _ in .drop }
    let refused = try ListeningSocket(backlog: 1).port
    let client = try HTTPClient()
    for origin in [
      "http://user:pass-word@127.0.0.1:\(dropping.port)", "http://127.0.0.1:\(refused)", "http://\(token).invalid",
      "nothttp://x",
    ] {
      for path in ["/bot\(token)/sendMessage", "/bot123456%3AAAE-secret_part/sendMessage", "/x?token=\(token)&b=c"] {
        let request = HTTPRequest(
          method: "POST", url: origin + path, headers: [HTTPHeader("Authorization", "Bearer \(token)")],
          body: Array(token.utf8), redacting: [token, ""])
        let error = await failure { try await client.send(request) }
        let texts = [error?.message ?? "", "\(String(describing: error))", "\(request)", String(reflecting: request)]
        for text in texts {
          for secret in ["AAE", "secret_part", "pass-word", "token="] { #expect(!text.contains(secret), "\(text)") }
        }
      }
    }
    await dropping.stop()
  }

  @Test func errorsNameTheTargetWithoutItsSecrets() async throws {
    let port = try ListeningSocket(backlog: 1).port
    let client = try HTTPClient()
    let error = await failure {
      try await client.send(
        HTTPRequest(url: "http://u:p@127.0.0.1:\(port)/bot1:A/send%20it?q=1#f", redacting: ["1:A"]))
    }
    #expect(error?.message.hasPrefix("GET http://127.0.0.1:\(port)/***/send%20it?…: ") == true, "\(error as Any)")
  }

  @Test func aProxyIsOnlyUsedWhenConfigured_andItsPasswordNeverShown() async throws {
    let proxy = try await LoopbackHTTPServer { .text(200, "proxied \($0.header("host") ?? "") \($0.path)") }
    var configuration = HTTPClient.Configuration()
    configuration.proxy = "http://user:proxy-pass@127.0.0.1:\(proxy.port)"
    let client = try HTTPClient(configuration)
    let response = try await client.send(HTTPRequest(url: "http://somewhere.invalid/x"))
    #expect(String(decoding: response.body, as: UTF8.self).hasPrefix("proxied somewhere.invalid"))
    await proxy.stop()
    let error = await failure { try await client.send(HTTPRequest(url: "http://somewhere.invalid/x")) }
    #expect(error?.code == .connect)
    #expect(error?.message.contains("proxy-pass") == false)
  }
}
