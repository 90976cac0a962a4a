import HTTP
import HTTPCalls
import Synchronization
import Testing
import Values

@Suite struct AuthenticationTests {
  private func data(_ authentication: JSON) -> JSON {
    ["method": "get", "endpoint": ["uri": "https://api.example.com/x", "authentication": authentication]]
  }

  private static let oauth2: JSON = [
    "oauth2": [
      "authority": "https://id.example.com/realms/r", "grant": "client_credentials",
      "client": ["id": "me", "secret": "s3cr3t"], "scopes": ["read", "write"], "audiences": ["api"],
    ]
  ]

  /// Gives out t1, t2, … and takes those that `accepts` names.
  private func authority(
    expiresIn: JSON = 3600, accepts: @escaping @Sendable (String) -> Bool = { _ in true }
  ) -> Network {
    let count = Mutex(0)
    return Network { request in
      guard request.url.hasPrefix("https://api.") else {
        let number = count.withLock { count in
          count += 1
          return count
        }
        return .json(["access_token": .string("t\(number)"), "token_type": "Bearer", "expires_in": expiresIn])
      }
      return accepts(request.header("authorization") ?? "") ? .json(["ok": true]) : HTTPResponse(status: 401)
    }
  }

  @Test func basicIsSentAtOnce() async {
    let (request, _) = await exchange(data(["basic": ["username": "Aladdin", "password": "open sesame"]]))
    #expect(request?.header("authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    #expect(request?.digest == nil)
    let number = await exchange(data(["basic": ["username": "admin", "password": 1234]]))
    #expect(number.request?.header("authorization") == "Basic YWRtaW46MTIzNA==")
  }

  @Test func bearerReplacesAHeader() async {
    var call = data(["bearer": ["token": "abc"]]).object ?? [:]
    call["headers"] = ["authorization": "Basic x"]
    let (request, _) = await exchange(.object(call))
    #expect(request?.headers == [HTTPHeader("Authorization", "Bearer abc")])
  }

  @Test func digestIsForTheClient() async {
    let (request, _) = await exchange(data(["digest": ["username": "u", "password": "p"]]))
    #expect(request?.digest?.username == "u")
    #expect(request?.digest?.password == "p")
    #expect(request?.header("authorization") == nil)
  }

  @Test func clientCredentials() async throws {
    let network = authority()
    let outcome = await caller(network).perform(data(Self.oauth2))
    #expect(outcome == .completed(["ok": true]))
    let token = try #require(network.requests.first)
    #expect(token.url == "https://id.example.com/realms/r/oauth2/token")
    #expect(token.method == "POST")
    #expect(token.header("content-type") == "application/x-www-form-urlencoded")
    #expect(
      token.bodyText
        == "grant_type=client_credentials&scope=read+write&audience=api&client_id=me&client_secret=s3cr3t")
    #expect(network.requests.last?.header("authorization") == "Bearer t1")
  }

  @Test func theOtherWaysToAsk() async throws {
    let network = authority()
    let calls = caller(network)
    let client: JSON = ["id": "m e", "secret": "s:1", "authentication": "client_secret_basic"]
    _ = await calls.perform(
      data([
        "oauth2": [
          "authority": "https://id.example.com/", "endpoints": ["token": "token"], "grant": "password",
          "username": "u", "password": "p", "client": client, "request": ["encoding": "application/json"],
        ]
      ]))
    let json = try #require(network.requests.first)
    #expect(json.url == "https://id.example.com/token")
    #expect(try JSON.parse(json.body ?? []) == ["grant_type": "password", "username": "u", "password": "p"])
    // "m+e:s%3A1"
    #expect(json.header("authorization") == "Basic bStlOnMlM0Ex")
    _ = await calls.perform(
      data([
        "oauth2": [
          "authority": "https://id.example.com", "endpoints": ["token": "https://other.example.com/t"],
          "grant": "client_credentials", "client": ["id": "me", "authentication": "none"],
        ]
      ]))
    let open = try #require(network.requests.dropFirst(2).first)
    #expect(open.url == "https://other.example.com/t")
    #expect(open.bodyText == "grant_type=client_credentials&client_id=me")
  }

  @Test func discovery() async {
    let network = Network { request in
      switch request.url {
      case "https://id.example.com/r/.well-known/openid-configuration":
        .json(["issuer": "https://id.example.com/r", "token_endpoint": "https://id.example.com/r/t"])
      case "https://id.example.com/r/t": .json(["access_token": "abc", "expires_in": 60])
      default: .json(["ok": true])
      }
    }
    let calls = caller(network)
    for authority in ["https://id.example.com/r/", "https://id.example.com/r/.well-known/openid-configuration"] {
      let oidc: JSON = [
        "oidc": ["authority": .string(authority), "grant": "client_credentials", "client": ["id": "a", "secret": "b"]]
      ]
      #expect(await calls.perform(data(oidc)) == .completed(["ok": true]))
    }
    #expect(network.requests.count == 4, "both are the same: metadata, token, two calls")
    #expect(network.requests.last?.header("authorization") == "Bearer abc")
  }

  @Test func tokensAreKeptUntilShortlyBeforeTheyExpire() async {
    let network = authority(expiresIn: 100)
    let time = TestTime()
    let calls = caller(network, HTTPCallOptions(), time)
    func use() async -> String? {
      _ = await calls.perform(data(Self.oauth2))
      return network.requests.last?.header("authorization")
    }
    #expect(await use() == "Bearer t1")
    time.advance(.seconds(69))
    #expect(await use() == "Bearer t1")
    time.advance(.seconds(2))
    #expect(await use() == "Bearer t2")
  }

  @Test func manyCallsShareOneToken() async {
    let network = authority()
    let calls = caller(network)
    let call = data(Self.oauth2)
    await withTaskGroup { group in
      for _ in 0..<50 { group.addTask { _ = await calls.perform(call) } }
    }
    #expect(network.requests.count { $0.url.hasPrefix("https://id.") } == 1)
    #expect(network.requests.count == 51)
  }

  @Test func anotherSecretIsAnotherToken() async {
    let network = authority()
    let calls = caller(network)
    for secret in ["s1", "s2", "s1"] {
      let client: JSON = ["id": "me", "secret": .string(secret)]
      _ = await calls.perform(
        data(["oauth2": ["authority": "https://id.example.com", "grant": "client_credentials", "client": client]]))
    }
    #expect(network.requests.compactMap { $0.header("authorization") } == ["Bearer t1", "Bearer t2", "Bearer t1"])
  }

  @Test func aRefusedTokenIsReplacedOnce() async {
    let network = authority { $0 != "Bearer t1" }
    let calls = caller(network)
    #expect(await calls.perform(data(Self.oauth2)) == .completed(["ok": true]))
    #expect(network.requests.compactMap { $0.header("authorization") } == ["Bearer t1", "Bearer t2"])
    let never = authority { _ in false }
    let outcome = await caller(never).perform(data(Self.oauth2))
    #expect(outcome.problem?.status == 401)
    #expect(never.requests.count == 4)
  }

  @Test func anAuthorityThatRefuses() async {
    let network = Network { _ in
      .json(["error": "invalid_client", "error_description": "secret s3cr3t is wrong"], status: 400)
    }
    let outcome = await caller(network).perform(data(Self.oauth2))
    #expect(outcome.problem?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/authentication")
    #expect(outcome.problem?.status == 401)
    #expect(!outcome.isRetryable)
    #expect(outcome.problem?.detail?.hasSuffix("answered 400, invalid_client: secret *** is wrong") == true)
    let unwell = await caller(Network { _ in HTTPResponse(status: 503) }).perform(data(Self.oauth2))
    #expect(unwell.kind == "communication")
    #expect(unwell.isRetryable)
  }

  private static let aTokenThatCannotBeUsedCases: [JSON] = [
    ["access_token": "t", "token_type": "mac"], ["access_token": ""], ["access_token": "a b"],
    ["token": "t"], [],
  ]

  @Test(arguments: aTokenThatCannotBeUsedCases)
  func aTokenThatCannotBeUsed(_ answer: JSON) async {
    let outcome = await caller(Network { _ in .json(answer) }).perform(data(Self.oauth2))
    #expect(outcome.kind == "authentication", "\(outcome)")
  }

  @Test func issuersAreHeldAgainstTheToken() async {
    // {"iss":"https://id.example.com"}
    let token = "e30.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIn0.c2ln"
    func outcome(_ issuer: JSON, _ token: String) async -> CallOutcome {
      let network = Network { $0.method == "POST" ? .json(["access_token": .string(token)]) : .json(["ok": true]) }
      return await caller(network).perform(
        data([
          "oauth2": [
            "authority": "https://id.example.com", "grant": "client_credentials",
            "client": ["id": "a", "secret": "b"], "issuers": [issuer],
          ]
        ]))
    }
    #expect(await outcome("https://id.example.com", token).output == ["ok": true])
    #expect(await outcome("https://other.example.com", token).kind == "authentication")
    #expect(await outcome("https://id.example.com", "opaque").kind == "authentication")
  }

  private static let whatIsRefusedByNameCases: [(JSON, String, String)] = [
    (["certificate": [:]], "configuration", "certificate is not supported"),
    (["use": "name"], "configuration", "nobody has replaced"),
    (["oauth2": ["authority": "https://a.org", "grant": "refresh_token"]], "configuration", "'refresh_token'"),
    (
      ["oauth2": ["authority": "https://a.org", "grant": "urn:ietf:params:oauth:grant-type:token-exchange"]],
      "configuration", "token-exchange' is not supported"
    ),
    (
      [
        "oauth2": [
          "authority": "https://a.org", "grant": "client_credentials",
          "client": ["id": "a", "authentication": "private_key_jwt"],
        ]
      ], "configuration", "'private_key_jwt' is not supported"
    ),
    (["oauth2": ["authority": "https://a.org", "grant": "client_credentials"]], "validation", "client.id is missing"),
    (["oauth2": ["grant": "client_credentials"]], "validation", "authority is missing"),
    (["oidc": ["authority": "ftp://a.org", "grant": "client_credentials"]], "validation", "authority: only http"),
    (["basic": ["username": "u"]], "validation", "basic.password is missing"),
    (["basic": ["username": "u:v", "password": "p"]], "validation", "holds a colon"),
    (["bearer": ["token": "a\r\nb"]], "validation", "bearer.token is empty, or holds"),
    (["basic": ["username": "u", "password": "p"], "bearer": ["token": "t"]], "validation", "exactly one of"),
    ([:], "validation", "exactly one of"), (["basik": [:]], "validation", "did you mean 'basic'?"),
  ]

  @Test(arguments: whatIsRefusedByNameCases)
  func whatIsRefusedByName(_ authentication: JSON, _ kind: String, _ expected: String) async {
    let detail = await refusal(data(authentication), kind)
    #expect(detail.contains(expected), "\(detail)")
  }
}
