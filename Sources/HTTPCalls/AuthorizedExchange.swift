import HTTP
import Values

/// Makes exchanges with what they are to be authenticated with.
struct AuthorizedExchange: Sendable {
  let exchange: Exchange
  let tokens: TokenSource

  init(_ exchange: Exchange) {
    self.exchange = exchange
    tokens = TokenSource(exchange: exchange)
  }

  func send(
    _ request: HTTPRequest, _ authentication: Authentication?, until end: Timestamp, followingRedirects: Bool
  ) async throws(HTTPCallError) -> (response: HTTPResponse, request: HTTPRequest) {
    guard case .token(let grant) = authentication else {
      var request = request
      authentication?.credential?.apply(to: &request)
      return try await exchange.send(request, until: end, followingRedirects: followingRedirects)
    }
    let token = try await tokens.token(for: grant, until: end)
    let first = try await send(request, token, until: end, followingRedirects)
    guard first.response.status == 401 else { return first }
    // Revoked, or the other side knows another end of its life: once with a new one.
    await tokens.drop(token, of: grant)
    let next = try await tokens.token(for: grant, until: end)
    return try await send(request, next, until: end, followingRedirects)
  }

  private func send(
    _ request: HTTPRequest, _ token: AccessToken, until end: Timestamp, _ followingRedirects: Bool
  ) async throws(HTTPCallError) -> (response: HTTPResponse, request: HTTPRequest) {
    var request = request
    Credential.bearer(token.text).apply(to: &request)
    return try await exchange.send(request, until: end, followingRedirects: followingRedirects)
  }
}

extension Authentication {
  /// What needs no asking.
  fileprivate var credential: Credential? {
    switch self {
    case .basic(let username, let password): .basic(username, password)
    case .bearer(let token): .bearer(token)
    case .digest(let username, let password): .digest(username, password)
    case .token: nil
    }
  }
}
