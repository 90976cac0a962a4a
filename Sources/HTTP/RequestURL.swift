import CCurl

/// The parts of an absolute http or https URL, as libcurl itself reads them: what is checked here is what is called.
struct RequestURL {
  let scheme: String
  let host: String
  let port: String?
  let password: String?
  private let path: String
  private let hasQuery: Bool

  init(_ text: String) throws(HTTPError) {
    guard let handle = curl_url() else { throw HTTPError(.other, "out of memory") }
    defer { curl_url_cleanup(handle) }
    guard !text.utf8.contains(0) else { throw HTTPError(.invalidURL, "the URL holds a NUL") }
    let status = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME))
    // The URL itself cannot be shown: what is secret in it cannot be told when it does not parse.
    guard status == CURLUE_OK else {
      throw HTTPError(.invalidURL, "the URL is not valid: \(String(cString: curl_url_strerror(status)))")
    }
    scheme = Self.part(CURLUPART_SCHEME, of: handle) ?? ""
    guard scheme == "http" || scheme == "https" else {
      throw HTTPError(.unsupportedProtocol, "only http and https are allowed, not \(scheme)")
    }
    host = Self.part(CURLUPART_HOST, of: handle) ?? ""
    port = Self.part(CURLUPART_PORT, of: handle)
    password = Self.part(CURLUPART_PASSWORD, of: handle)
    path = Self.part(CURLUPART_PATH, of: handle) ?? "/"
    hasQuery = Self.part(CURLUPART_QUERY, of: handle) != nil
  }

  var origin: String { "\(scheme)://\(host):\(port ?? (scheme == "https" ? "443" : "80"))" }

  /// Without user information, query and fragment; a path segment that holds one of `secrets`, in plain or in percent
  /// form, is replaced whole.
  func redacted(hiding secrets: [String]) -> String {
    let secrets = secrets.filter { !$0.isEmpty }.map { Array($0.utf8) }
    let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { segment in
      let plain = percentDecoded(segment)
      return secrets.contains { plain.contains($0) || segment.contains($0) }
        ? redactionMark : String(decoding: segment, as: UTF8.self)
    }
    let authority = port.map { "\(host):\($0)" } ?? host
    return "\(scheme)://\(authority)\(segments.joined(separator: "/"))\(hasQuery ? "?…" : "")"
  }

  private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}

let redactionMark = "***"

/// Replaces every occurrence, by bytes: a secret followed by a combining character is still found.
func redact(_ text: String, hiding secrets: [String]) -> String {
  var bytes = Array(text.utf8)
  // Longest first: a secret that contains another one leaves no rest.
  for secret in secrets.sorted(by: { $0.utf8.count > $1.utf8.count }) where !secret.isEmpty {
    bytes.replace(Array(secret.utf8), with: Array(redactionMark.utf8))
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func percentDecoded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
  var decoded: [UInt8] = []
  for byte in bytes {
    decoded.append(byte)
    guard decoded.count >= 3, decoded[decoded.count - 3] == UInt8(ascii: "%") else { continue }
    let digits = String(decoding: decoded.suffix(2), as: UTF8.self)
    guard !digits.hasPrefix("+"), !digits.hasPrefix("-"), let value = UInt8(digits, radix: 16) else { continue }
    decoded.replaceSubrange((decoded.count - 3)..., with: [value])
  }
  return decoded
}
