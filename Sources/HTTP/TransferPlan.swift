/// A request found acceptable, in the form the transfer needs.
struct TransferPlan: Sendable {
  let request: HTTPRequest
  /// As in the URL.
  let host: String
  /// For messages.
  let target: String
  /// Lines as libcurl takes them.
  let headerLines: [String]
  /// Milliseconds, at least 1: 0 means none to libcurl.
  let timeout: Int
  let connectTimeout: Int

  /// - Throws: `invalidURL`, `unsupportedProtocol`, `invalidRequest`, or `timeout` if no time is left.
  init(_ request: HTTPRequest) throws(HTTPError) {
    let url = try RequestURL(request.url)
    guard !request.method.isEmpty, request.method.utf8.allSatisfy(isTokenByte) else {
      throw HTTPError(.invalidRequest, "the method is not a token")
    }
    guard request.maxResponseBytes >= 0 else { throw HTTPError(.invalidRequest, "maxResponseBytes is negative") }
    self.request = request
    host = url.host
    target = url.redacted(hiding: request.redacting)
    guard request.timeout > .zero, request.connectTimeout > .zero else {
      throw HTTPError(.timeout, "no time left for \(redact(target, hiding: request.redacting))")
    }
    timeout = milliseconds(request.timeout)
    connectTimeout = milliseconds(request.connectTimeout)
    headerLines = try Self.lines(for: request)
  }

  private static func lines(for request: HTTPRequest) throws(HTTPError) -> [String] {
    var lines: [String] = []
    var names: Set<String> = []
    for header in request.headers {
      guard !header.name.isEmpty, header.name.utf8.allSatisfy(isTokenByte) else {
        throw HTTPError(.invalidRequest, "a header name is not a token")
      }
      let name = header.name.lowercased()
      guard name != "content-length", name != "transfer-encoding" else {
        throw HTTPError(.invalidRequest, "\(header.name) follows from the body and cannot be set")
      }
      guard header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw HTTPError(.invalidRequest, "the value of header \(header.name) holds a control character")
      }
      names.insert(name)
      // A value of nothing is asked for with a semicolon; `Name:` would remove the header (CURLOPT_HTTPHEADER).
      lines.append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
    }
    // libcurl adds these two to a request with a body by itself: a form's type, and a wait for the server's consent.
    if !names.contains("content-type") { lines.append("Content-Type:") }
    if !names.contains("expect") { lines.append("Expect:") }
    return lines
  }
}

private func milliseconds(_ duration: Duration) -> Int {
  // Bounded far above any sense, so that nothing overflows.
  let bounded = min(duration, .seconds(1_000_000))
  return max(1, Int(bounded / .milliseconds(1)))
}

/// RFC 9110 section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"):
    true
  default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
