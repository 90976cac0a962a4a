/// Why there is no response. A response of any status is not an error.
public struct HTTPError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable {
    case invalidURL
    /// The method, a header or a limit is not acceptable; nothing was sent.
    case invalidRequest
    /// Neither http nor https.
    case unsupportedProtocol
    case resolve, connect, tls, timeout, tooLarge, cancelled
    /// The request's `admits` wants no connection to where the name leads.
    case forbiddenAddress
    /// The link broke before the response was complete.
    case connectionLost
    /// What came back is not HTTP.
    case invalidResponse
    /// Too many redirects, or one from https to http.
    case redirect
    /// `close` was called.
    case closed
    case other
  }

  public let code: Code
  /// For people. Holds none of the request's `redacting` texts, no user information and no query of the URL.
  public let message: String
  /// True if at least a part of the request left: the server may have acted on it.
  public let mayHaveBeenSent: Bool

  public init(_ code: Code, _ message: String, mayHaveBeenSent: Bool = false) {
    self.code = code
    self.message = message
    self.mayHaveBeenSent = mayHaveBeenSent
  }

  /// The same request can succeed later without any change.
  public var isTransient: Bool {
    switch code {
    case .resolve, .connect, .timeout, .connectionLost: true
    default: false
    }
  }

  public var description: String { "\(code.rawValue): \(message)" }
}
