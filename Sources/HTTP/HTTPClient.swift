/// An HTTP/1.1 client on libcurl: all transfers run on one named thread, connections are kept and used again.
///
/// Certificates are always verified; there are no cookies, no `.netrc`, and no proxy unless the configuration names one
/// (the environment is not asked). A request that may have side effects is never repeated by the client itself.
public final class HTTPClient: Sendable {
  public struct Configuration: Sendable {
    public var userAgent = "mediator"
    /// `http://host:port`, credentials allowed; nil: connect directly.
    public var proxy: String?
    /// PEM file of the authorities to trust instead of the system's.
    public var authoritiesFile: String?

    public init() {}
  }

  private let thread: TransferThread
  private let proxyPassword: String?

  /// - Throws: `invalidURL` or `unsupportedProtocol` for the proxy, `other` if libcurl cannot start.
  public init(_ configuration: Configuration = Configuration()) throws(HTTPError) {
    proxyPassword = if let proxy = configuration.proxy { try RequestURL(proxy).password } else { nil }
    thread = try TransferThread(configuration)
  }

  deinit { thread.stop() }

  /// Ends all transfers with `closed`; later ones fail with it.
  public func close() { thread.stop() }

  /// Makes one exchange, and more only for redirects the request wants followed.
  ///
  /// Cancelling the task aborts the transfer.
  public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    var request = request
    if let proxyPassword { request.redacting.append(proxyPassword) }
    let end = ContinuousClock.now + request.timeout
    for _ in 0...Self.maxRedirects {
      let response = try await thread.send(request)
      guard request.followRedirects, request.method == "GET" || request.method == "HEAD",
        let target = response.redirectURL
      else { return response }
      try redirect(&request, to: target)
      request.timeout = ContinuousClock.now.duration(to: end)
    }
    throw HTTPError(.redirect, "more than \(Self.maxRedirects) redirects", mayHaveBeenSent: true)
  }

  private static let maxRedirects = 5

  private func redirect(_ request: inout HTTPRequest, to target: String) throws(HTTPError) {
    let old = try RequestURL(request.url)
    let new = try RequestURL(target)
    guard old.scheme == "http" || new.scheme == "https" else {
      throw HTTPError(.redirect, "a redirect from https to http is not followed", mayHaveBeenSent: true)
    }
    if old.origin != new.origin {
      request.headers = []
      request.digest = nil
    }
    request.url = target
  }
}
