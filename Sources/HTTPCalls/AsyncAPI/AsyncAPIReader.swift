import HTTP
import Values

/// Finds out what `call: asyncapi` asks to publish, and where. Keeps documents, so there is one for many calls.
public struct AsyncAPIReader: Sendable {
  private let documents: DocumentSource<AsyncAPIDocument>
  private let timeout: Duration
  private let now: @Sendable () -> Timestamp

  public init(client: HTTPClient, options: HTTPCallOptions) { self.init(transport: client, options: options) }

  /// - Parameter now: the time, by which all that expires is measured.
  public init(
    transport: any HTTPTransport, options: HTTPCallOptions, now: @escaping @Sendable () -> Timestamp = Timestamp.now
  ) {
    documents = DocumentSource(AuthorizedExchange(Exchange(transport: transport, options: options, now: now)))
    timeout = options.timeout
    self.now = now
  }

  /// - Parameter deadline: past it nothing is begun, and what is under way ends.
  public func publication(
    _ call: AsyncAPICall, deadline: Timestamp? = nil
  ) async throws(HTTPCallError) -> AsyncAPIPublication {
    let end = min(now() + timeout, deadline ?? .latest)
    let document = try await documents.document(at: call.document, call.documentAuthentication, until: end)
    return try AsyncAPIResolver.resolve(call, in: document)
  }
}
