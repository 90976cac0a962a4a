import HTTP
import Values

/// What a processing event asks for: the evaluated `with` of the standard's `call: http` or `call: openapi`.
public enum CallRequest: Sendable, Hashable {
  case http(HTTPCall)
  case openAPI(OpenAPICall)

  /// Pure. An OpenAPI call is told by its `operationId`.
  ///
  /// - Throws: `validation`, `configuration`.
  public init(_ data: JSON) throws(HTTPCallError) {
    self = data["operationId"] == nil ? .http(try HTTPCall(data)) : .openAPI(try OpenAPICall(data))
  }
}

/// What becomes the output (DSL 1.0.3, "HTTP Call", `output`).
public enum CallOutput: String, Sendable, Hashable, CaseIterable {
  /// The body in Base64.
  case raw
  /// The body, read by its content type.
  case content
  /// `{request, statusCode, headers, content}`.
  case response
}

/// A call ready to be made, but for its authentication.
public struct HTTPCall: Sendable, Hashable {
  /// As it was written; sent in capitals.
  public var method: String
  public var url: HTTPURL
  public var headers: [HTTPHeader]
  public var body: [UInt8]?
  public var authentication: Authentication?
  public var output: CallOutput
  /// Redirects are followed, and a 3xx status is no failure.
  public var redirect: Bool

  public init(
    method: String, url: HTTPURL, headers: [HTTPHeader] = [], body: [UInt8]? = nil,
    authentication: Authentication? = nil, output: CallOutput = .content, redirect: Bool = false
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.authentication = authentication
    self.output = output
    self.redirect = redirect
  }
}

extension HTTPCall {
  /// Reads `with` as in the standard's section "HTTP Call".
  init(_ data: JSON) throws(HTTPCallError) {
    let members = try Members(
      data, "with", known: ["method", "endpoint", "headers", "query", "body", "output", "redirect"])
    let endpoint = try Endpoint(members.required("endpoint"), "with.endpoint")
    let method = try members.requiredText("method")
    guard !method.isEmpty, method.utf8.count <= 32, method.utf8.allSatisfy({ isTokenByte($0) }) else {
      throw .invalid("with.method is no method of HTTP")
    }
    // It asks for a tunnel (RFC 9110 section 9.3.6), and there would be nobody at its end.
    guard method.uppercased() != "CONNECT" else { throw .invalid("with.method cannot be CONNECT") }
    let headers = try CallHeaders.read(try members.object("headers"), "with.headers")
    let body = try CallBody(members["body"], contentType: headers.value(of: "content-type"))
    self.init(
      method: method, url: try Self.url(Pairs.merge(try members.object("query"), into: endpoint.uri), endpoint.place),
      headers: headers + body.headers, body: body.bytes, authentication: endpoint.authentication,
      output: try members.choice("output", default: CallOutput.content), redirect: try members.bool("redirect"))
  }

  static func url(
    _ text: String, _ place: String, relativeTo base: HTTPURL? = nil
  ) throws(HTTPCallError) -> HTTPURL {
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw .invalid("\(place) holds a control character")
    }
    let url: HTTPURL
    do throws(HTTPError) {
      url = try HTTPURL(PercentEncoding.uri(text), relativeTo: base)
    } catch {
      throw .invalid("\(place): \(error.message)")
    }
    guard !url.hasUserInformation else {
      throw .invalid("\(place) holds a user name or a password; write it as authentication.basic")
    }
    return url
  }
}

/// `endpoint`: a URI, or one with the authentication it needs.
struct Endpoint {
  let uri: String
  let authentication: Authentication?
  /// Of the URI.
  let place: String

  init(_ value: JSON, _ place: String) throws(HTTPCallError) {
    if let uri = value.string {
      (self.uri, authentication, self.place) = (uri, nil, place)
      return
    }
    guard value.object != nil else { throw .invalid("\(place) must be a URI, or an object with one") }
    let members = try Members(value, place, known: ["uri", "authentication"])
    uri = try members.requiredText("uri")
    authentication = try Authentication(members["authentication"], "\(place).authentication")
    self.place = "\(place).uri"
  }
}

/// RFC 9110 section 5.6.2.
func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"):
    true
  default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
