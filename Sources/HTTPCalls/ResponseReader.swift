import HTTP
import Values

/// Makes an output or a failure of a response (DSL 1.0.3, "HTTP Response"). Pure.
struct ResponseReader: Sendable {
  let output: CallOutput
  /// As the workflow wrote it.
  let method: String
  /// 3xx is no failure.
  let acceptsRedirects: Bool

  /// - Parameter request: that which was answered; for its secrets, and for `output: response`.
  func read(_ response: HTTPResponse, to request: HTTPRequest, now: Timestamp) throws(HTTPCallError) -> JSON {
    guard 200..<(acceptsRedirects ? 400 : 300) ~= response.status else {
      throw Self.failure(response, to: request, now: now)
    }
    switch output {
    case .raw: return .string(Base64.encode(response.body))
    case .content: return try Self.content(response, request)
    case .response:
      return [
        "request": [
          "method": .string(method.uppercased() == request.method ? method : request.method),
          "uri": .string(Self.shown(request.url)),
          "headers": Self.object(request.headers.filter { !CallHeaders.isSecret($0.name) }),
        ],
        "statusCode": .number(JSONNumber(response.status)), "headers": Self.object(response.headers),
        "content": try Self.content(response, request),
      ]
    }
  }

  // MARK: Content

  /// JSON as its value, a text as a string, anything else in Base64; null where there is nothing.
  private static func content(_ response: HTTPResponse, _ request: HTTPRequest) throws(HTTPCallError) -> JSON {
    guard !response.body.isEmpty else { return .null }
    let type = MediaType(response.header("Content-Type") ?? "")
    if type.isJSON {
      do throws(JSONError) {
        return try JSON.parse(withoutMark(response.body))
      } catch {
        throw .unusable("\(request) answered with \(type.name) that is none: \(error)")
      }
    }
    if type.isText, let text = text(response.body, charset: type.charset) { return .string(text) }
    return .string(Base64.encode(response.body))
  }

  /// A byte order mark may be ignored (RFC 8259 section 8.1).
  private static func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  private static func text(_ bytes: [UInt8], charset: String?) -> String? {
    switch charset {
    case nil, "utf-8", "utf8", "us-ascii": String(validating: bytes, as: UTF8.self)
    // Its 256 characters are the first of Unicode.
    case "iso-8859-1", "latin1": String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    default: nil
    }
  }

  // MARK: What is shown

  /// Several headers of one name are one with commas (RFC 9110 section 5.3).
  private static func object(_ headers: [HTTPHeader]) -> JSON {
    var object = JSONObject()
    var names: [String: String] = [:]
    for header in headers {
      let name = names[header.name.lowercased()] ?? header.name
      names[header.name.lowercased()] = name
      object[name] = .string(object[name]?.string.map { "\($0), \(header.value)" } ?? header.value)
    }
    return .object(object)
  }

  /// Values of the query that look like keys are left out.
  private static func shown(_ url: String) -> String {
    let parts = url.split(separator: "?", maxSplits: 1)
    guard parts.count == 2 else { return url }
    let query = parts[1].split(separator: "&").map { pair in
      let name = pair.prefix { $0 != "=" }
      return CallHeaders.isSecret(PercentEncoding.decodedQuery(name)) ? "\(name)=***" : String(pair)
    }
    return "\(parts[0])?\(query.joined(separator: "&"))"
  }

  // MARK: Failures

  /// The failure that a status is.
  static func failure(_ response: HTTPResponse, to request: HTTPRequest, now: Timestamp) -> HTTPCallError {
    let retryable = [408, 425, 429, 500, 502, 503, 504].contains(response.status)
    let wait = retryable ? response.header("Retry-After").flatMap { RetryAfter.parse($0, now: now) } : nil
    let said = excerpt(response).map { ": \(request.redacted($0))" } ?? ""
    return HTTPCallError(
      .communication, response.status, title: StatusTitle.of(response.status),
      "\(request) answered \(response.status)\(said)", retryable: retryable, retryAfter: wait)
  }

  /// The beginning of what the server says about it, on one line.
  private static func excerpt(_ response: HTTPResponse) -> String? {
    let type = MediaType(response.header("Content-Type") ?? "")
    guard type.isJSON || type.name == "text/plain", !response.body.isEmpty else { return nil }
    let text = String(decoding: response.body.prefix(4 * 300), as: UTF8.self)
    let line = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
    let start = String(line).trimmed
    return start.isEmpty ? nil : start.count > 300 ? "\(start.prefix(300))…" : start
  }
}

/// Reason phrases (RFC 9110 section 15, RFC 6585).
enum StatusTitle {
  static func of(_ status: Int) -> String { titles[status] ?? "Status \(status)" }

  private static let titles = [
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
    413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 423: "Locked",
    425: "Too Early", 428: "Precondition Required", 429: "Too Many Requests", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
  ]
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
enum RetryAfter {
  /// Never more than a day.
  static func parse(_ text: String, now: Timestamp) -> Duration? {
    let text = text.trimmed
    let wait: Duration
    if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      wait = .seconds(min(Int(text) ?? .max, 86_400))
    } else {
      guard let date = date(text) else { return nil }
      wait = date - now
    }
    return min(max(wait, .zero), .seconds(86_400))
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT` (section 5.6.7); the obsolete forms are not read.
  private static func date(_ text: String) -> Timestamp? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return Timestamp(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
  }
}
