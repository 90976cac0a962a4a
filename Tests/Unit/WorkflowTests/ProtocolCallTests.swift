import Testing
import Values

@testable import Workflow

/// Calls of the standard's protocols, what is put into their data, and their authentications.
struct ProtocolCallTests {
  /// The channel, and what the processor gets.
  private func call(
    _ name: String, _ with: String, more: String = "", data: JSON = [:], secrets: JSON = [:]
  ) throws -> (channel: String, data: JSON?) {
    let definition = try parsed(workflow("- a: {call: \(name), with: {\(with)}}", more: more))
    guard case .call(let call)? = definition.tasks.first?.kind else {
      throw ExpressionError(code: .syntax, message: "no call")
    }
    return (call.channel, try call.with?.evaluate(data) { $0 == "secrets" ? secrets : nil })
  }

  @Test func http() throws {
    let with = """
      method: POST, endpoint: 'https://x.example/pets/{petId}{?limit}', headers: {Accept: application/json, X: '${ .x }'},
      query: '${ .q }', body: {n: '${ .n }'}, output: response, redirect: true
      """
    let found = try call("http", with, data: ["petId": 7, "limit": "a b", "x": "X", "q": ["k": 1], "n": [2]])
    #expect(found.channel == "http")
    #expect(
      found.data == [
        "method": "POST", "endpoint": "https://x.example/pets/7?limit=a%20b",
        "headers": ["Accept": "application/json", "X": "X"], "query": ["k": 1], "body": ["n": [2]],
        "output": "response", "redirect": true,
      ])
  }

  @Test func endpoints() throws {
    for (endpoint, expected) in [
      ("'https://x.example/{id}'", "https://x.example/7"), ("{uri: 'https://x.example/{id}'}", nil),
      ("'${ \"https://x.example/\\(.id)\" }'", "https://x.example/7"), ("{uri: '${ .uri }'}", nil),
    ] as [(String, JSON?)] {
      let data = try call("http", "method: get, endpoint: \(endpoint)", data: ["id": 7, "uri": "https://x.example/7"])
        .data
      #expect(data?["endpoint"] == expected ?? ["uri": "https://x.example/7"])
    }
  }

  /// Source: "URI Template": members of `.` by their whole name; what is not there leaves nothing.
  @Test func namesInURIs() throws {
    func uri(_ text: String, _ data: JSON) throws -> JSON? {
      try call("http", "method: get, endpoint: '\(text)'", data: data).data?["endpoint"]
    }
    #expect(
      try uri("https://x.example/{pet.id}/{none}", ["pet.id": true, "pet": ["id": 1]]) == "https://x.example/true/")
    #expect(
      try uri("https://x.example/{n}/{big}", try JSON.parse(#"{"n": 1.50, "big": 12345678901234567890}"#))
        == "https://x.example/1.50/12345678901234567890")
    #expect(try uri("https://x.example/{a}", "no mapping") == "https://x.example/")
    let error = #expect(throws: ExpressionError.self) { try uri("https://x.example/{a}", ["a": [1]]) }
    #expect(error?.message.contains("'a' in the URI") == true && error?.code == .evaluation)
  }

  @Test func openapi() throws {
    let with =
      "document: {name: pets, endpoint: 'https://x.example/{v}.json'}, operationId: find, parameters: {status: '${ .s }'}, redirect: false"
    let found = try call("openapi", with, data: ["s": "sold", "v": 2])
    #expect(found.channel == "http")
    #expect(
      found.data == [
        "document": ["name": "pets", "endpoint": "https://x.example/2.json"], "operationId": "find",
        "parameters": ["status": "sold"], "redirect": false,
      ])
  }

  @Test func asyncapi() throws {
    for operation in ["operation: greet", "channel: /greet"] {
      let with =
        "document: {endpoint: {uri: 'https://x.example/a.json'}}, \(operation), protocol: kafka, server: {name: s}, message: {payload: {n: '${ .n }'}, headers: {h: 1}}, authentication: {bearer: {token: '${ .t }'}}"
      let found = try call("asyncapi", with, data: ["n": 1, "t": "T"])
      #expect(found.channel == "asyncapi")
      #expect(found.data?["message"] == ["payload": ["n": 1], "headers": ["h": 1]])
      #expect(found.data?["authentication"] == ["bearer": ["token": "T"]])
      #expect(found.data?["document"] == ["endpoint": ["uri": "https://x.example/a.json"]])
    }
  }

  // MARK: Authentication

  private func authentication(_ text: String, more: String = "", secrets: JSON = [:]) throws -> JSON? {
    let with = "method: get, endpoint: {uri: 'https://x.example', authentication: \(text)}"
    return try call("http", with, more: more, data: ["t": "T"], secrets: secrets).data?["endpoint"]?["authentication"]
  }

  @Test(arguments: [
    ("{basic: {username: u, password: '${ .t }'}}", #"{"basic":{"username":"u","password":"T"}}"#),
    ("{digest: {username: u, password: p}}", #"{"digest":{"username":"u","password":"p"}}"#),
    ("{bearer: {token: '${ .t }'}}", #"{"bearer":{"token":"T"}}"#),
    ("{bearer: plain}", #"{"bearer":{"token":"plain"}}"#),
    (
      "{oauth2: {authority: 'http://k.example/{t}', grant: client_credentials, client: {id: c, secret: s}, scopes: [a]}}",
      #"{"oauth2":{"authority":"http://k.example/T","grant":"client_credentials","client":{"id":"c","secret":"s"},"scopes":["a"]}}"#
    ),
    (
      "{oidc: {authority: 'http://k.example', grant: client_credentials, client: {authentication: none}}}",
      #"{"oidc":{"authority":"http://k.example","grant":"client_credentials","client":{"authentication":"none"}}}"#
    ),
  ])
  func authentications(text: String, expected: String) throws {
    #expect(try authentication(text)?.text == expected)
    #expect(try authentication("{use: mine}", more: "use: {authentications: {mine: \(text)}}")?.text == expected)
    #expect(try authentication("mine", more: "use: {authentications: {mine: \(text)}}")?.text == expected)
  }

  @Test(arguments: ["basic", "bearer", "digest", "oauth2", "oidc"])
  func aSecretCanHoldAllOfIt(scheme: String) throws {
    let secrets: JSON = ["the \"one\"": ["username": "u"]]
    let found = try authentication(
      "{\(scheme): {use: 'the \"one\"'}}", more: "use: {secrets: ['the \"one\"']}", secrets: secrets)
    #expect(found == .object([scheme: ["username": "u"]]))
  }

  /// A call  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes = #"""
    http, with: {method: get, endpoint: x.example}  ⇒  7:51 invalidValue | 'x.example' is no URI with a scheme | https://
    http, with: {method: get, endpoint: .url}  ⇒  7:51 invalidValue | no URI with a scheme | put the expression into ${ }
    http, with: {method: get, endpoint: 'ftp://x.example'}  ⇒  7:51 invalidValue | cannot speak 'ftp' | https://
    http, with: {method: get, endpoint: 'https://x.example/{a'}  ⇒  7:70 invalidValue | no URI template: { is not closed | %7B
    http, with: {method: get, endpoint: {uri: 'https://x.example/{}'}}  ⇒  7:77 invalidValue | no URI template: |
    http, with: {method: get, endpoint: 'https://x.example/a b'}  ⇒  7:71 invalidValue | a URI has no blanks | %20
    http, with: {method: get, endpoint: {uri: 'https://x.example', auth: {}}}  ⇒  7:78 unknownKey | 'auth' |
    http, with: {method: get}  ⇒  7:27 missingKey | 'endpoint' is missing |
    http, with: {method: 'g t', endpoint: 'https://x.example'}  ⇒  7:36 invalidValue | cannot be a method |
    http, with: {method: get, endpoint: 'https://x.example', headers: .h}  ⇒  7:81 invalidValue | 'headers' is a mapping or an expression | ${ }
    http, with: {method: get, endpoint: 'https://x.example', output: body}  ⇒  7:80 invalidValue | raw, content, response |
    http, with: {method: get, endpoint: 'https://x.example', redirect: 'yes'}  ⇒  7:82 invalidValue | true or false |
    http, with: {method: get, endpoint: 'https://x.example', body: '${ .x | lenght }'}  ⇒  7:87 unresolved | lenght | Did you mean 'length'?
    openapi, with: {document: {endpoint: 'https://x.example'}}  ⇒  7:30 missingKey | 'operationId' is missing |
    asyncapi, with: {document: {endpoint: 'https://x.example'}, message: {}}  ⇒  7:31 missingKey | needs 'operation' |
    asyncapi, with: {document: {endpoint: 'https://x.example'}, operation: o}  ⇒  7:31 missingKey | 'message' is missing |
    asyncapi, with: {document: {endpoint: 'https://x.example'}, operation: o, subscription: {consume: {amount: 1}}}  ⇒  7:89 unsupported | subscriptions of call: asyncapi | 'listen'
    asyncapi, with: {document: {endpoint: 'https://x.example'}, operation: o, message: {}, protocol: kafak}  ⇒  7:112 invalidValue | 'protocol' is one of | Did you mean 'kafka'?
    """#

  @Test(arguments: Table.rows(of: mistakes))
  func mistakesInCalls(call: String, expected: String) throws {
    try expectOnlyError(diagnose(workflow("- a: {call: \(call)}")), expected)
  }

  /// An authentication  ⇒  place and code, a part of the message, a part of the hint.
  private static let authenticationMistakes = #"""
    {}  ⇒  8:9 missingKey | needs one of: basic, bearer |
    {basic: {username: u}}  ⇒  8:17 missingKey | 'password' is missing in 'basic' | a secret
    {basic: {username: u, use: secret}}  ⇒  8:18 conflict | 'username' and 'use' exclude one another |
    {digest: {username: u, password: p, pasword: p}}  ⇒  8:45 unknownKey | 'pasword' | Did you mean 'password'?
    {bearer: {}}  ⇒  8:18 missingKey | 'token' is missing |
    {bearer: {use: secrt}}  ⇒  8:24 unresolved | no secret 'secrt' | Did you mean 'secret'?
    {certificate: {}}  ⇒  8:10 unsupported | a certificate | the settings of the processor
    {basic: {username: u, password: p}, bearer: {token: t}}  ⇒  8:45 conflict | exclude one another |
    {oauth2: {authority: 'https://k.example', client: {id: c}}}  ⇒  8:18 missingKey | 'grant' is missing |
    {oauth2: {authority: k.example, grant: client_credentials, client: {id: c}}}  ⇒  8:30 invalidValue | no URI with a scheme |
    {oauth2: {authority: 'https://k.example', grant: client_credential, client: {id: c}}}  ⇒  8:58 invalidValue | no grant of the standard | Did you mean 'client_credentials'?
    {oauth2: {authority: 'https://k.example', grant: password, username: u, client: {id: c}}}  ⇒  8:18 missingKey | 'password' is missing in 'oauth2' |
    {oauth2: {authority: 'https://k.example', grant: authorization_code, client: {id: c}}}  ⇒  8:58 unsupported | grant: authorization_code | nobody to ask
    {oauth2: {authority: 'https://k.example', grant: client_credentials, client: {secret: c}}}  ⇒  8:86 missingKey | 'id' is missing in 'client' |
    {oidc: {authority: 'https://k.example', grant: client_credentials, client: {id: c, authentication: private_key_jwt}}}  ⇒  8:108 unsupported | client.authentication: private_key_jwt | client_secret_basic
    {use: shred}  ⇒  8:15 unresolved | no authentication 'shred' under use.authentications | Did you mean 'shared'?
    """#

  @Test(arguments: Table.rows(of: authenticationMistakes))
  func mistakesInAuthentications(text: String, expected: String) throws {
    let task = """
      - a: {call: http, with: {method: get, endpoint: {uri: 'https://x.example', authentication:
            \(text)}}}
      """
    let more = "use: {secrets: [secret], authentications: {shared: {bearer: {token: t}}}}"
    try expectOnlyError(diagnose(workflow(task, more: more)), expected)
  }

  @Test func reusableAuthenticationsAreChecked() throws {
    for (text, expected) in [
      ("{use: b}", "8:29 invalidValue | cannot name another one | write it out"),
      ("{basic: {username: u}}", "8:36 missingKey | 'password' is missing |"),
      ("{bearer: {token: '${ $item }'}}", "8:49 unresolved | $item does not exist here |"),
    ] {
      try expectOnlyError(
        diagnose(workflow("- a: {set: {x: 1}}", more: "use: {authentications: {a: \(text)}}")), expected)
    }
  }

  @Test func anUnusualMethodIsAWarning() throws {
    let found = diagnose(workflow("- a: {call: http, with: {method: psot, endpoint: 'https://x.example'}}"))
    #expect(found.map(\.severity) == [.warning] && found[0].hint == "Did you mean 'post'?")
    #expect(diagnose(workflow("- a: {call: http, with: {method: PROPFIND, endpoint: 'https://x.example'}}")).isEmpty)
  }
}
