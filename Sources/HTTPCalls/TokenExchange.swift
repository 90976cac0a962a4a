import HTTP
import Values

/// A token as an authority gave it out.
struct AccessToken: Sendable, Hashable {
  let text: String
  /// How long it is to be used: an answer on its way must not meet an expired one.
  let lifetime: Duration
}

/// The request for a token and what comes back (RFC 6749 sections 4.3, 4.4 and 5). Pure.
struct TokenExchange: Sendable {
  let grant: TokenGrant

  func request(to url: HTTPURL, maxResponseBytes: Int) -> HTTPRequest {
    var parameters = grantParameters
    var headers = [HTTPHeader("Accept", "application/json"), HTTPHeader("Content-Type", grant.encoding.rawValue)]
    var secrets = grant.secrets
    switch grant.clientAuthentication {
    case .basic:
      // Both are encoded as in a form first (RFC 6749 section 2.3.1).
      let pair = [grant.clientID, grant.clientSecret].map(PercentEncoding.form)
      let code = Base64.encode(Array(pair.joined(separator: ":").utf8))
      headers.append(HTTPHeader("Authorization", "Basic \(code)"))
      secrets.append(code)
    case .post:
      parameters["client_id"] = .string(grant.clientID)
      parameters["client_secret"] = .string(grant.clientSecret)
    case .none:
      if !grant.clientID.isEmpty { parameters["client_id"] = .string(grant.clientID) }
    }
    let body =
      switch grant.encoding {
      case .form: Array(Pairs.form(Pairs.from(parameters)).utf8)
      case .json: JSON.object(parameters).serialized()
      }
    return HTTPRequest(
      method: "POST", url: url.text, headers: headers, body: body, maxResponseBytes: maxResponseBytes,
      redacting: secrets)
  }

  private var grantParameters: JSONObject {
    var parameters = JSONObject()
    switch grant.kind {
    case .clientCredentials: parameters["grant_type"] = "client_credentials"
    case .password(let username, let password):
      parameters["grant_type"] = "password"
      parameters["username"] = .string(username)
      parameters["password"] = .string(password)
    }
    if !grant.scopes.isEmpty { parameters["scope"] = .string(grant.scopes.joined(separator: " ")) }
    // No standard has this for these grants; with a space in between is what authorities that know several read.
    if !grant.audiences.isEmpty { parameters["audience"] = .string(grant.audiences.joined(separator: " ")) }
    return parameters
  }

  /// - Throws: `authentication` if the authority does not want to, `communication` if it cannot.
  func read(_ response: HTTPResponse, to request: HTTPRequest, now: Timestamp) throws(HTTPCallError) -> AccessToken {
    if response.status >= 500 || response.status == 429 || response.status == 408 {
      throw ResponseReader.failure(response, to: request, now: now)
    }
    let body = (try? JSON.parse(response.body)) ?? .null
    guard response.status == 200 || response.status == 201, let text = body["access_token"]?.string else {
      throw .unauthenticated(request.redacted(refusal(response, body, request)))
    }
    // What another type wants to be shown with is not known here (RFC 6749 section 7.1).
    if let type = body["token_type"]?.string, type.lowercased() != "bearer" {
      throw .unauthenticated("\(request) gave a token of the type '\(type)'; only bearer tokens can be used")
    }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.isEmpty else {
      throw .unauthenticated("\(request) gave a token that cannot be sent")
    }
    try checkIssuer(of: text, request)
    return AccessToken(text: text, lifetime: Self.lifetime(body["expires_in"]))
  }

  private func refusal(_ response: HTTPResponse, _ body: JSON, _ request: HTTPRequest) -> String {
    guard let error = body["error"]?.string else { return "\(request) answered \(response.status) and gave no token" }
    let description = body["error_description"]?.string.map { ": \($0.prefix(300))" } ?? ""
    return "\(request) answered \(response.status), \(error.prefix(100))\(description)"
  }

  /// Until half a minute before the end, of a short life until half of it is over. Without a known end, a minute.
  static func lifetime(_ expiresIn: JSON?) -> Duration {
    let seconds = expiresIn?.double ?? expiresIn?.string.flatMap { Double($0) } ?? 90
    guard seconds > 0 else { return .zero }
    return .seconds(min(max(seconds - 30, seconds / 2), 86_400))
  }

  /// The signature is for whoever is given the token to check; this is about not passing on the token of another.
  private func checkIssuer(of token: String, _ request: HTTPRequest) throws(HTTPCallError) {
    guard !grant.issuers.isEmpty else { return }
    guard let issuer = Self.issuer(of: token) else {
      throw .unauthenticated("\(request) gave a token that names no issuer, and only some issuers are allowed")
    }
    guard grant.issuers.contains(issuer) else {
      throw .unauthenticated("\(request) gave a token of the issuer '\(issuer.prefix(300))', which is not allowed")
    }
  }

  /// The claim `iss` of a JSON Web Token (RFC 7519 section 4.1.1).
  static func issuer(of token: String) -> String? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    var code = String(parts[1].map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
    code += String(repeating: "=", count: (4 - code.utf8.count % 4) % 4)
    guard let bytes = Base64.decode(code) else { return nil }
    return (try? JSON.parse(bytes))?["iss"]?.string
  }
}
