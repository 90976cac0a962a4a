import CCurl

/// One running exchange: a libcurl easy handle and what its callbacks gather. Lives on the transfer thread only.
final class Transfer {
  let easy: UnsafeMutableRawPointer
  private let submission: Submission
  /// Where the transfer may connect to.
  var gate: AddressGate
  private let errorText: UnsafeMutablePointer<CChar>
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private var sentBytes = 0
  private var headers: [HTTPHeader] = []
  private var headerBytes = 0
  private var body: [UInt8] = []
  private var isTooLarge = false

  private static let maxHeaderBytes = 256 << 10

  init?(_ submission: Submission, _ configuration: HTTPClient.Configuration) {
    guard let easy = curl_easy_init() else { return nil }
    self.easy = easy
    self.submission = submission
    gate = AddressGate(host: submission.plan.host, admits: submission.plan.request.admits)
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    for line in submission.plan.headerLines { headerList = curl_slist_append(headerList, line) ?? headerList }
    setTarget(configuration)
    setMethod()
    setDigest()
    setCallbacks()
    setGate()
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(headerList)
    errorText.deallocate()
  }

  /// The private pointer is the transfer's number.
  static func id(of easy: UnsafeMutableRawPointer) -> UInt64 {
    var pointer: UnsafeMutablePointer<CChar>?
    _ = ccurl_get_string(easy, CURLINFO_PRIVATE, &pointer)
    return UInt64(UInt(bitPattern: pointer))
  }

  // MARK: - Options

  private func setTarget(_ configuration: HTTPClient.Configuration) {
    let plan = submission.plan
    _ = ccurl_set_string(easy, CURLOPT_URL, plan.request.url)
    _ = ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    _ = ccurl_set_string(easy, CURLOPT_PROXY, configuration.proxy ?? "")
    _ = ccurl_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    _ = ccurl_set_string(easy, CURLOPT_USERAGENT, configuration.userAgent)
    if let file = configuration.authoritiesFile { _ = ccurl_set_string(easy, CURLOPT_CAINFO, file) }
    _ = ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
    _ = ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
    _ = ccurl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    // HTTP/2 was rewritten in 7.88 and not yet sound; with connections kept, it would gain nothing here.
    _ = ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    _ = ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, plan.timeout)
    _ = ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, plan.connectTimeout)
    _ = ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
    _ = ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
    // Without it, giving up on a name would wait for the resolver, and every other transfer with it.
    _ = ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
  }

  private func setMethod() {
    let request = submission.plan.request
    let hasBody = request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method)
    if hasBody {
      _ = ccurl_set_long(easy, CURLOPT_POST, 1)
      _ = ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, request.body?.count ?? 0)
    }
    if request.method == "HEAD" && !hasBody {
      _ = ccurl_set_long(easy, CURLOPT_NOBODY, 1)
    } else if request.method != (hasBody ? "POST" : "GET") {
      _ = ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method)
    }
    // libcurl sends a request again by itself if a kept connection ends before the first byte of the response. It
    // cannot where the body is given by a callback that cannot go back; without a body, a connection of its own helps.
    if !request.isIdempotent && (request.body ?? []).isEmpty { _ = ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1) }
  }

  private func setDigest() {
    guard let digest = submission.plan.request.digest else { return }
    _ = ccurl_set_long(easy, CURLOPT_HTTPAUTH, 1 << 1)  // CURLAUTH_DIGEST, a macro with a cast
    _ = ccurl_set_string(easy, CURLOPT_USERNAME, digest.username)
    _ = ccurl_set_string(easy, CURLOPT_PASSWORD, digest.password)
  }

  private func setCallbacks() {
    let this = Unmanaged.passUnretained(self).toOpaque()
    _ = ccurl_set_pointer(easy, CURLOPT_PRIVATE, UnsafeMutableRawPointer(bitPattern: UInt(submission.cancellation.id)))
    _ = ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    _ = ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    _ = ccurl_set_size(easy, CURLOPT_MAXFILESIZE_LARGE, submission.plan.request.maxResponseBytes)
    _ = ccurl_set_pointer(easy, CURLOPT_READDATA, this)
    _ = ccurl_set_function(easy, CURLOPT_READFUNCTION) { buffer, size, count, user in
      Transfer.with(user)?.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count)) ?? 0
    }
    _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, this)
    _ = ccurl_set_function(easy, CURLOPT_WRITEFUNCTION) { buffer, size, count, user in
      Transfer.with(user)?.write(UnsafeRawBufferPointer(start: buffer, count: size * count)) ?? 0
    }
    _ = ccurl_set_pointer(easy, CURLOPT_HEADERDATA, this)
    _ = ccurl_set_function(easy, CURLOPT_HEADERFUNCTION) { buffer, size, count, user in
      Transfer.with(user)?.header(UnsafeRawBufferPointer(start: buffer, count: size * count)) ?? 0
    }
  }

  // MARK: - Callbacks; fewer bytes taken than given ends the transfer

  static func with(_ user: UnsafeMutableRawPointer?) -> Transfer? {
    user.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  private func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let body = submission.plan.request.body else { return 0 }
    let count = min(buffer.count, body.count - sentBytes)
    body.withUnsafeBytes { body in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: body[sentBytes..<sentBytes + count]))
    }
    sentBytes += count
    return count
  }

  private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard body.count + bytes.count <= submission.plan.request.maxResponseBytes else {
      isTooLarge = true
      return 0
    }
    body.append(contentsOf: bytes)
    return bytes.count
  }

  private func header(_ bytes: UnsafeRawBufferPointer) -> Int {
    headerBytes += bytes.count
    guard headerBytes <= Self.maxHeaderBytes else {
      isTooLarge = true
      return 0
    }
    if bytes.starts(with: "HTTP/".utf8) {
      // The head of the next response: an interim one (1xx) came before.
      headers.removeAll()
    } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
      headers.append(HTTPHeader(text(bytes[..<colon]), text(bytes[(colon + 1)...])))
    }
    return bytes.count
  }

  private func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  // MARK: - The end

  func finish(_ result: CURLcode) {
    guard result == CURLE_OK else { return fail(code(of: result), detail(of: result)) }
    var status = 0
    _ = ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    var response = HTTPResponse(status: status, headers: headers, body: body)
    response.redirectURL = redirectURL
    submission.continuation.resume(returning: .success(response))
  }

  func fail(_ code: HTTPError.Code, _ detail: String) {
    var sent = 0
    _ = ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &sent)
    let plan = submission.plan
    let message = redact("\(plan.request.method) \(plan.target): \(detail)", hiding: plan.request.redacting)
    submission.continuation.resume(returning: .failure(HTTPError(code, message, mayHaveBeenSent: sent > 0)))
  }

  private var redirectURL: String? {
    var text: UnsafeMutablePointer<CChar>?
    guard ccurl_get_string(easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK, let text else { return nil }
    return String(cString: text)
  }

  private func detail(of result: CURLcode) -> String {
    if gate.hasOnlyRefused { return "the address that the name leads to is not allowed" }
    if isTooLarge || result == CURLE_FILESIZE_EXCEEDED {
      return "the response is larger than \(submission.plan.request.maxResponseBytes) bytes"
    }
    return errorText[0] == 0 ? String(cString: curl_easy_strerror(result)) : String(cString: errorText)
  }

  private func code(of result: CURLcode) -> HTTPError.Code {
    if gate.hasOnlyRefused { return .forbiddenAddress }
    if isTooLarge { return .tooLarge }
    return switch result {
    case CURLE_OPERATION_TIMEDOUT: .timeout
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
    case CURLE_COULDNT_CONNECT, CURLE_PROXY: .connect
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_INITFAILED:
      .tls
    case CURLE_FILESIZE_EXCEEDED: .tooLarge
    case CURLE_URL_MALFORMAT: .invalidURL
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SEND_FAIL_REWIND:
      .connectionLost
    // The URL was found acceptable: here it says that the answer is HTTP/0.9.
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL: .invalidResponse
    default: .other
    }
  }
}
