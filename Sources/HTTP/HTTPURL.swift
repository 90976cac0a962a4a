import CCurl

/// An absolute http or https URL taken apart as libcurl reads it (RFC 3986): what is checked here is what is called.
public struct HTTPURL: Sendable, Hashable {
  /// Normal form: the scheme in lower case, dot segments resolved, numbers of any notation as an IPv4 address.
  public let text: String
  public let scheme: String
  /// In lower case; an IPv6 address without its brackets.
  public let host: String
  public let port: Int
  /// Begins with `/`; percent-encoded as written.
  public let path: String
  /// Without the `?`; nil where there is none.
  public let query: String?
  public let hasUserInformation: Bool

  /// - Parameter base: what a relative reference is relative to (RFC 3986 section 5.2).
  /// - Throws: `invalidURL`, `unsupportedProtocol`.
  public init(_ reference: String, relativeTo base: HTTPURL? = nil) throws(HTTPError) {
    guard let handle = curl_url() else { throw HTTPError(.other, "out of memory") }
    defer { curl_url_cleanup(handle) }
    guard !reference.utf8.contains(0) else { throw HTTPError(.invalidURL, "the URL holds a NUL") }
    if let base { _ = curl_url_set(handle, CURLUPART_URL, base.text, 0) }
    // With a URL in the handle, libcurl takes the next one as relative to it.
    let status = curl_url_set(handle, CURLUPART_URL, reference, UInt32(CURLU_NON_SUPPORT_SCHEME))
    guard status == CURLUE_OK else {
      throw HTTPError(.invalidURL, "the URL is not valid: \(String(cString: curl_url_strerror(status)))")
    }
    scheme = Self.part(CURLUPART_SCHEME, of: handle)?.lowercased() ?? ""
    guard scheme == "http" || scheme == "https" else {
      throw HTTPError(.unsupportedProtocol, "only http and https are allowed, not \(scheme)")
    }
    let host = Self.part(CURLUPART_HOST, of: handle)?.lowercased() ?? ""
    guard !host.isEmpty else { throw HTTPError(.invalidURL, "the URL is not valid: it has no host") }
    self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    port = Self.part(CURLUPART_PORT, of: handle).flatMap { Int($0) } ?? (scheme == "https" ? 443 : 80)
    path = Self.part(CURLUPART_PATH, of: handle) ?? "/"
    query = Self.part(CURLUPART_QUERY, of: handle)
    hasUserInformation =
      Self.part(CURLUPART_USER, of: handle) != nil || Self.part(CURLUPART_PASSWORD, of: handle) != nil
    text = Self.part(CURLUPART_URL, of: handle) ?? reference
  }

  public var origin: String { "\(scheme)://\(host):\(port)" }

  private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}
