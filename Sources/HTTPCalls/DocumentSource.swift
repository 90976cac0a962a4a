import HTTP
import Values

/// A description of an API that is read where the workflow says.
protocol FetchedDocument: Sendable {
  /// - Parameter url: where it was read.
  /// - Throws: `configuration`.
  init(_ bytes: [UInt8], url: HTTPURL) throws(HTTPCallError)
}

/// Documents, fetched when they are needed and kept for a time.
struct DocumentSource<Document: FetchedDocument>: Sendable {
  private let exchange: AuthorizedExchange
  private let documents: ExpiringCache<Document>

  init(_ exchange: AuthorizedExchange) {
    self.exchange = exchange
    documents = ExpiringCache(capacity: 16, now: exchange.exchange.now)
  }

  func document(
    at url: HTTPURL, _ authentication: Authentication?, until end: Timestamp
  ) async throws(HTTPCallError) -> Document {
    let key = "\(url.text) \(authentication?.cacheKey ?? "")"
    return try await documents.value(key) { () async throws(HTTPCallError) in
      let document = try await fetch(url, authentication, until: end)
      return .init(value: document, lifetime: exchange.exchange.options.documentLifetime)
    }
  }

  private func fetch(
    _ url: HTTPURL, _ authentication: Authentication?, until end: Timestamp
  ) async throws(HTTPCallError) -> Document {
    let accept = "application/json, application/yaml;q=0.9, */*;q=0.5"
    let get = HTTPRequest(
      url: url.text, headers: [HTTPHeader("Accept", accept)],
      maxResponseBytes: exchange.exchange.options.maxDocumentBytes)
    let (response, request) = try await exchange.send(get, authentication, until: end, followingRedirects: true)
    guard response.status == 200 else {
      throw ResponseReader.failure(response, to: request, now: exchange.exchange.now())
    }
    let place: HTTPURL
    do throws(HTTPError) {
      place = try HTTPURL(request.url)
    } catch {
      throw HTTPCallError(error)
    }
    return try Document(response.body, url: place)
  }
}
