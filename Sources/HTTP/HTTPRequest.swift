/// A header field as it goes over the wire. Names compare without regard to case (RFC 9110 section 5.1).
public struct HTTPHeader: Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// One HTTP exchange to be made.
public struct HTTPRequest: Sendable {
  /// A token as in RFC 9110 section 9.1, upper case by convention.
  public var method: String
  /// Absolute, `http` or `https`.
  public var url: String
  public var headers: [HTTPHeader]
  public var body: [UInt8]?
  /// From the call of `send` to the last byte of the response.
  public var timeout: Duration
  /// For name resolution, TCP and TLS together.
  public var connectTimeout: Duration
  /// A larger body ends the transfer with `tooLarge`.
  public var maxResponseBytes: Int
  /// Follows up to five redirects of GET and HEAD requests; other methods are never repeated elsewhere. All headers
  /// are dropped when a redirect leads to another origin, and https never leads to http.
  public var followRedirects: Bool
  /// Answers the server's challenge (RFC 7616). Dropped when a redirect leads to another origin.
  public var digest: HTTPDigest?
  /// Asked about each address before a connection to it is made, and again before a request goes out on a connection
  /// that was kept; nil: every address will do. Names are resolved by then, so what a name stands for cannot change
  /// between the question and the connection. With a proxy it is the proxy's address.
  public var admits: (@Sendable (HTTPPeer) -> Bool)?
  /// Texts that no error and no description may show, wherever they stand (URL, headers, a server's answer).
  public var redacting: [String]

  public init(
    method: String = "GET", url: String, headers: [HTTPHeader] = [], body: [UInt8]? = nil,
    timeout: Duration = .seconds(30), connectTimeout: Duration = .seconds(10), maxResponseBytes: Int = 1 << 20,
    followRedirects: Bool = false, digest: HTTPDigest? = nil, admits: (@Sendable (HTTPPeer) -> Bool)? = nil,
    redacting: [String] = []
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.maxResponseBytes = maxResponseBytes
    self.followRedirects = followRedirects
    self.digest = digest
    self.admits = admits
    self.redacting = redacting
  }

  /// `text` without what `redacting` names.
  public func redacted(_ text: String) -> String { redact(text, hiding: redacting) }

  /// Methods that may be repeated without changing what is meant (RFC 9110 section 9.2.2).
  var isIdempotent: Bool { ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(method) }
}

extension HTTPRequest: CustomStringConvertible, CustomDebugStringConvertible {
  /// Method and URL without secrets: the memberwise text would show headers and body.
  public var description: String {
    let target = (try? RequestURL(url))?.redacted(hiding: redacting) ?? "an invalid URL"
    return redact("\(method) \(target)", hiding: redacting)
  }

  public var debugDescription: String { description }
}

/// Who is meant by a challenge of the scheme Digest.
public struct HTTPDigest: Sendable {
  public var username: String
  public var password: String

  public init(username: String, password: String) {
    self.username = username
    self.password = password
  }
}

/// The other end of a connection.
public struct HTTPPeer: Sendable, Hashable {
  /// As in the URL; an IPv6 address without its brackets.
  public let host: String
  /// 4 bytes of IPv4 or 16 of IPv6, in network order.
  public let address: [UInt8]
  public let port: Int

  public init(host: String, address: [UInt8], port: Int) {
    self.host = host
    self.address = address
    self.port = port
  }
}

public struct HTTPResponse: Sendable {
  public var status: Int
  public var headers: [HTTPHeader]
  public var body: [UInt8]
  /// Where a 3xx response leads, absolute.
  public var redirectURL: String?

  public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = [], redirectURL: String? = nil) {
    self.status = status
    self.headers = headers
    self.body = body
    self.redirectURL = redirectURL
  }

  /// The first value of a header, the name compared without regard to case.
  public func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}
