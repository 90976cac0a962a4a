import HTTP
import Values

/// Tokens for calls: asked for when they are needed, kept until shortly before they expire.
struct TokenSource: Sendable {
  private let exchange: Exchange
  private let tokens: ExpiringCache<AccessToken>
  private let endpoints: ExpiringCache<HTTPURL>

  init(exchange: Exchange) {
    self.exchange = exchange
    tokens = ExpiringCache(capacity: 256, now: exchange.now)
    endpoints = ExpiringCache(capacity: 64, now: exchange.now)
  }

  func token(for grant: TokenGrant, until end: Timestamp) async throws(HTTPCallError) -> AccessToken {
    try await tokens.value(grant.cacheKey) { () async throws(HTTPCallError) in
      let token = try await fetch(grant, until: end)
      return .init(value: token, lifetime: token.lifetime)
    }
  }

  /// The token was refused: it may have been revoked.
  func drop(_ token: AccessToken, of grant: TokenGrant) async {
    await tokens.drop(grant.cacheKey) { $0 == token }
  }

  private func fetch(_ grant: TokenGrant, until end: Timestamp) async throws(HTTPCallError) -> AccessToken {
    let url =
      switch grant.source {
      case .endpoint(let url): url
      case .discovery(let url): try await endpoint(at: url, until: end)
      }
    let tokenExchange = TokenExchange(grant: grant)
    // A redirect would carry the client's secret along.
    let (response, request) = try await exchange.send(
      tokenExchange.request(to: url, maxResponseBytes: 256 << 10), until: end, followingRedirects: false)
    return try tokenExchange.read(response, to: request, now: exchange.now())
  }

  private func endpoint(at metadata: HTTPURL, until end: Timestamp) async throws(HTTPCallError) -> HTTPURL {
    try await endpoints.value(metadata.text) { () async throws(HTTPCallError) in
      let get = HTTPRequest(
        url: metadata.text, headers: [HTTPHeader("Accept", "application/json")], maxResponseBytes: 256 << 10)
      let (response, request) = try await exchange.send(get, until: end, followingRedirects: true)
      let url = try Self.endpoint(response, request, of: metadata, now: exchange.now())
      return .init(value: url, lifetime: exchange.options.documentLifetime)
    }
  }

  /// `token_endpoint` of the provider's metadata (OpenID Connect Discovery 1.0, sections 3 and 4.2).
  private static func endpoint(
    _ response: HTTPResponse, _ request: HTTPRequest, of metadata: HTTPURL, now: Timestamp
  ) throws(HTTPCallError) -> HTTPURL {
    guard response.status == 200 else {
      let failure = ResponseReader.failure(response, to: request, now: now)
      if failure.retryable { throw failure }
      throw .unauthenticated("the authority's metadata cannot be read: \(failure.detail)")
    }
    guard let text = (try? JSON.parse(response.body))?["token_endpoint"]?.string, let url = try? HTTPURL(text),
      !url.hasUserInformation
    else { throw .unauthenticated("\(request): the authority's metadata names no usable token_endpoint") }
    guard metadata.scheme == "http" || url.scheme == "https" else {
      throw .unauthenticated("\(request): the authority's token_endpoint is not https, while its metadata is")
    }
    return url
  }
}
