import HTTP
import Values

/// What makes an exchange: the real client, or a double.
public protocol HTTPTransport: Sendable {
  func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse
}

extension HTTPClient: HTTPTransport {}

/// Makes exchanges within the rules, the limits and the time that is left.
struct Exchange: Sendable {
  let transport: any HTTPTransport
  let options: HTTPCallOptions
  let now: @Sendable () -> Timestamp

  /// - Parameter end: when there is no time left.
  /// - Returns: the response, and the request that it answers: the last one where redirects were followed.
  func send(
    _ request: HTTPRequest, until end: Timestamp, followingRedirects: Bool
  ) async throws(HTTPCallError) -> (response: HTTPResponse, request: HTTPRequest) {
    var request = request
    request.connectTimeout = options.connectTimeout
    for _ in 0...Redirection.limit {
      let response = try await once(&request, until: end)
      guard followingRedirects, let next = try Redirection.next(after: response, to: request) else {
        return (response, request)
      }
      request = next
    }
    throw .unusable("\(request): more than \(Redirection.limit) redirects")
  }

  private func once(_ request: inout HTTPRequest, until end: Timestamp) async throws(HTTPCallError) -> HTTPResponse {
    let url: HTTPURL
    do throws(HTTPError) {
      url = try HTTPURL(request.url)
    } catch {
      throw HTTPCallError(error)
    }
    guard options.rules.mayAdmit(url) else {
      throw .forbidden("\(request): the host is not one that may be called; see \(options.allowSetting)")
    }
    request.timeout = end - now()
    guard request.timeout > .zero else { throw .timedOut("\(request): no time is left") }
    request.admits = { [rules = options.rules] in rules.admits($0) }
    do throws(HTTPError) {
      return try await transport.send(request)
    } catch {
      if error.code == .forbiddenAddress { throw .forbidden("\(error.message); see \(options.allowSetting)") }
      throw HTTPCallError(error)
    }
  }
}

extension HTTPCallError {
  init(_ error: HTTPError) {
    self =
      switch error.code {
      case .invalidURL, .unsupportedProtocol, .invalidRequest: .invalid(error.message)
      case .forbiddenAddress: .forbidden(error.message)
      case .timeout: .timedOut(error.message)
      case .resolve, .connect, .connectionLost, .cancelled, .closed: .unreachable(error.message)
      case .tls, .tooLarge, .invalidResponse, .redirect, .other: .unusable(error.message)
      }
  }
}

/// Where a redirect leads (RFC 9110 section 15.4). Pure.
enum Redirection {
  static let limit = 5
  private static let statuses: Set<Int> = [301, 302, 303, 307, 308]
  /// Headers that may go to another origin: what they say holds no key to this one.
  private static let harmless: Set<String> = ["accept", "accept-language", "content-type", "idempotency-key"]

  /// - Returns: nil where the response is the last one.
  static func next(after response: HTTPResponse, to request: HTTPRequest) throws(HTTPCallError) -> HTTPRequest? {
    guard statuses.contains(response.status), let location = response.redirectURL else { return nil }
    let old: HTTPURL
    let new: HTTPURL
    do throws(HTTPError) {
      old = try HTTPURL(request.url)
      new = try HTTPURL(location)
    } catch {
      throw .unusable("\(request) was redirected to where nobody can go: \(error.message)")
    }
    guard old.scheme == "http" || new.scheme == "https" else {
      throw .unusable("\(request): a redirect from https to http is not followed")
    }
    guard !new.hasUserInformation else {
      throw .unusable("\(request): a redirect that brings a user name along is not followed")
    }
    var next = request
    next.url = new.text
    if becomesGet(response.status, request.method) {
      next.method = "GET"
      next.body = nil
      next.headers.removeAll { ["content-type", "idempotency-key"].contains($0.name.lowercased()) }
    }
    if old.origin != new.origin {
      next.headers.removeAll { !harmless.contains($0.name.lowercased()) }
      next.digest = nil
    }
    return next
  }

  /// 303 asks for it; of 301 and 302 it is what everybody does with a POST.
  private static func becomesGet(_ status: Int, _ method: String) -> Bool {
    switch status {
    case 303: method != "GET" && method != "HEAD"
    case 301, 302: method == "POST"
    default: false
    }
  }
}
