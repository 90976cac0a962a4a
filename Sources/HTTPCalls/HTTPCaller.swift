import HTTP
import Values

/// Acts on what `call: http` and `call: openapi` ask for. Keeps tokens and documents, so there is one for many calls.
public struct HTTPCaller: Sendable {
  private let options: HTTPCallOptions
  private let exchange: AuthorizedExchange
  private let documents: DocumentSource<OpenAPIDocument>
  private let now: @Sendable () -> Timestamp

  public init(client: HTTPClient, options: HTTPCallOptions = HTTPCallOptions()) {
    self.init(transport: client, options: options)
  }

  /// - Parameter now: the time, by which all that expires is measured.
  public init(
    transport: any HTTPTransport, options: HTTPCallOptions, now: @escaping @Sendable () -> Timestamp = Timestamp.now
  ) {
    self.options = options
    self.now = now
    exchange = AuthorizedExchange(Exchange(transport: transport, options: options, now: now))
    documents = DocumentSource(exchange)
  }

  /// - Parameters:
  ///   - data: the evaluated `with`.
  ///   - idempotencyKey: the same for every attempt.
  ///   - deadline: past it nothing is begun, and what is under way ends.
  public func perform(_ data: JSON, idempotencyKey: String? = nil, deadline: Timestamp? = nil) async -> CallOutcome {
    do throws(HTTPCallError) {
      return await perform(try CallRequest(data), idempotencyKey: idempotencyKey, deadline: deadline)
    } catch {
      return CallOutcome(error)
    }
  }

  public func perform(
    _ request: CallRequest, idempotencyKey: String? = nil, deadline: Timestamp? = nil
  ) async -> CallOutcome {
    let end = min(now() + options.timeout, deadline ?? .latest)
    do throws(HTTPCallError) {
      let call = try await call(request, until: end)
      return .completed(try await make(call, idempotencyKey, until: end))
    } catch {
      return CallOutcome(error)
    }
  }

  private func call(_ request: CallRequest, until end: Timestamp) async throws(HTTPCallError) -> HTTPCall {
    switch request {
    case .http(let call): return call
    case .openAPI(let call):
      let document = try await documents.document(at: call.document, call.documentAuthentication, until: end)
      return try OpenAPIResolver.resolve(call, in: document)
    }
  }

  private func make(
    _ call: HTTPCall, _ idempotencyKey: String?, until end: Timestamp
  ) async throws(HTTPCallError) -> JSON {
    let key = options.sendsIdempotencyKey ? idempotencyKey : nil
    let (response, request) = try await exchange.send(
      call.request(idempotencyKey: key, maxResponseBytes: options.maxResponseBytes), call.authentication, until: end,
      followingRedirects: call.redirect)
    let reader = ResponseReader(output: call.output, method: call.method, acceptsRedirects: call.redirect)
    return try reader.read(response, to: request, now: now())
  }
}

extension HTTPCall {
  /// Safe methods (RFC 9110 section 9.2.1) need no key: nothing happens, however often.
  private static let safeMethods: Set<String> = ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]

  func request(idempotencyKey: String?, maxResponseBytes: Int) -> HTTPRequest {
    var request = HTTPRequest(
      method: method.uppercased(), url: url.text, headers: headers, body: body, maxResponseBytes: maxResponseBytes)
    if let idempotencyKey, !Self.safeMethods.contains(request.method), headers.value(of: "idempotency-key") == nil {
      // Keys of other engines may be anything; encoded they fit into a header.
      request.headers.append(HTTPHeader("Idempotency-Key", PercentEncoding.value(idempotencyKey, keeping: ":/")))
    }
    // Of `Bearer x` it is x that must not be shown.
    for header in headers where CallHeaders.isSecret(header.name) {
      request.redacting += [header.value] + header.value.split(separator: " ").dropFirst().map(String.init)
    }
    return request
  }
}
