import HTTP
import Values

/// Where a token comes from, and what is asked for (DSL 1.0.3, "OAUTH2 Authentication", "OpenIdConnect
/// Authentication"; RFC 6749).
public struct TokenGrant: Sendable, Hashable {
  enum Source: Sendable, Hashable {
    case endpoint(HTTPURL)
    /// The address of the provider's metadata, which names the endpoint (OpenID Connect Discovery 1.0, section 4).
    case discovery(HTTPURL)
  }

  enum Kind: Sendable, Hashable {
    /// RFC 6749 section 4.4
    case clientCredentials
    /// RFC 6749 section 4.3
    case password(username: String, password: String)
  }

  /// RFC 6749 section 2.3.1
  enum ClientAuthentication: String, Sendable, CaseIterable {
    case basic = "client_secret_basic"
    case post = "client_secret_post"
    case none = "none"
  }

  enum Encoding: String, Sendable, CaseIterable {
    case form = "application/x-www-form-urlencoded"
    case json = "application/json"
  }

  let source: Source
  let kind: Kind
  let clientID: String
  let clientSecret: String
  let clientAuthentication: ClientAuthentication
  let encoding: Encoding
  let scopes: [String]
  let audiences: [String]
  /// Who may have issued the token; empty: anybody.
  let issuers: [String]

  init(_ value: JSON, _ place: String, isOIDC: Bool) throws(HTTPCallError) {
    let members = try Members(
      value, place,
      known: [
        "authority", "endpoints", "grant", "client", "request", "issuers", "scopes", "audiences", "username",
        "password",
        "subject", "actor",
      ])
    source = try Self.source(members, isOIDC: isOIDC)
    kind = try Self.kind(members)
    let client = try Members(
      members["client"] ?? [:], "\(place).client", known: ["id", "secret", "assertion", "authentication"])
    clientAuthentication = try Self.clientAuthentication(client)
    clientID = clientAuthentication == .none ? try client.text("id") ?? "" : try client.requiredText("id")
    clientSecret = try client.text("secret") ?? ""
    let request = try Members(members["request"] ?? [:], "\(place).request", known: ["encoding"])
    encoding = try request.choice("encoding", default: Encoding.form)
    scopes = try members.texts("scopes")
    audiences = try members.texts("audiences")
    issuers = try members.texts("issuers")
  }

  /// What is kept for one grant is for nobody else. A digest, so that no secret is a key.
  var cacheKey: String {
    var parts: [JSON] = [
      .string("\(source)"), .string(clientID), .string(clientSecret), .string(clientAuthentication.rawValue),
      .string(encoding.rawValue),
    ]
    parts += [scopes, audiences, issuers].map { .array($0.map { .string($0) }) }
    if case .password(let username, let password) = kind { parts += [.string(username), .string(password)] }
    return SHA256.hex(JSON.array(parts).text)
  }

  var secrets: [String] {
    var secrets = [clientSecret]
    if case .password(_, let password) = kind { secrets.append(password) }
    return secrets
  }

  private static func source(_ members: Members, isOIDC: Bool) throws(HTTPCallError) -> Source {
    let place = "\(members.place).authority"
    var authority = try members.requiredText("authority")
    while authority.hasSuffix("/") { authority.removeLast() }
    if isOIDC {
      let wellKnown = "/.well-known/openid-configuration"
      return .discovery(try HTTPCall.url(authority.hasSuffix(wellKnown) ? authority : authority + wellKnown, place))
    }
    let endpoints = try Members(
      members["endpoints"] ?? [:], "\(members.place).endpoints", known: ["token", "revocation", "introspection"])
    let path = try endpoints.text("token") ?? "/oauth2/token"
    if path.contains("://") { return .endpoint(try HTTPCall.url(path, "\(endpoints.place).token")) }
    // To the standard the path is relative to the authority, which may have a path of its own.
    return .endpoint(try HTTPCall.url(authority + (path.hasPrefix("/") ? path : "/\(path)"), place))
  }

  private static func kind(_ members: Members) throws(HTTPCallError) -> Kind {
    let grant = try members.requiredText("grant")
    switch grant {
    case "client_credentials": return .clientCredentials
    case "password":
      return .password(
        username: try members.requiredText("username"), password: try members.requiredText("password"))
    case "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange":
      throw .misconfigured("\(members.place).grant: the grant '\(grant)' is not supported")
    default: throw .invalid("\(members.place).grant is '\(grant)'; known are client_credentials, password")
    }
  }

  private static func clientAuthentication(_ client: Members) throws(HTTPCallError) -> ClientAuthentication {
    let text = try client.text("authentication")
    if let text, text == "client_secret_jwt" || text == "private_key_jwt" {
      throw .misconfigured("\(client.place).authentication: '\(text)' is not supported")
    }
    return try client.choice("authentication", default: ClientAuthentication.post)
  }
}

extension TokenGrant: CustomStringConvertible {
  /// Without secrets.
  public var description: String { "token of client '\(clientID)'" }
}
