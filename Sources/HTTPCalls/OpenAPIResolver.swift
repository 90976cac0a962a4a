import HTTP
import Values

/// Makes an HTTP call of an operation and its parameters. Pure.
public enum OpenAPIResolver {
  /// - Throws: `validation` for parameters that do not fit, `configuration` for what the document lacks.
  public static func resolve(_ call: OpenAPICall, in document: OpenAPIDocument) throws(HTTPCallError) -> HTTPCall {
    let operation = try document.operation(call.operationID)
    let declared = try document.parameters(of: operation)
    var request = try OperationRequest(path: operation.path, declared: declared, given: call.parameters)
    let body = try OperationBody.make(operation, declared, call.parameters, request.contentType, document)
    if let type = body.contentType { request.headers.set(HTTPHeader("Content-Type", type)) }
    if request.headers.value(of: "accept") == nil {
      request.headers.append(HTTPHeader("Accept", "application/json, */*;q=0.5"))
    }
    let query = request.query.isEmpty ? "" : "?\(request.query.joined(separator: "&"))"
    let url = try HTTPCall.url(try document.server(of: operation) + request.path + query, "the operation's address")
    return HTTPCall(
      method: operation.method, url: url, headers: request.headers, body: body.bytes,
      authentication: call.authentication, output: call.output, redirect: call.redirect)
  }
}

/// Path, query and headers of an operation with the values that were given.
struct OperationRequest {
  private(set) var path: String
  private(set) var query: [String] = []
  var headers: [HTTPHeader] = []
  private var cookies: [String] = []

  var contentType: String? { headers.value(of: "content-type") }

  init(path: String, declared: [OpenAPIParameter], given: JSONObject) throws(HTTPCallError) {
    self.path = path
    var missing: [String] = []
    for parameter in declared {
      var value = given[parameter.name] ?? .null
      if value.isNull, parameter.isRequired { value = parameter.fallback ?? .null }
      if !value.isNull {
        try add(value, parameter)
      } else if parameter.isRequired, parameter.location != .body {
        missing.append(parameter.name)
      }
    }
    guard missing.isEmpty else {
      let names = missing.map { "'\($0)'" }.joined(separator: ", ")
      throw .invalid("with.parameters lacks \(names), which the operation requires")
    }
    if !cookies.isEmpty { headers.append(HTTPHeader("Cookie", cookies.joined(separator: "; "))) }
    if !self.path.hasPrefix("/") { self.path = "/" + self.path }
    if let rest = self.path.firstMatch(of: /\{[^{}\/]*\}/) {
      throw .misconfigured("the document declares no parameter for \(rest.output) in the path \(path)")
    }
  }

  private mutating func add(_ value: JSON, _ parameter: OpenAPIParameter) throws(HTTPCallError) {
    switch parameter.location {
    case .path:
      let text = parameter.joined(value) { PercentEncoding.value($0) }
      // A segment of dots is none: it would lead to another operation (RFC 3986 section 5.2.4).
      guard !["", ".", ".."].contains(text) else {
        throw .invalid("with.parameters.\(parameter.name) cannot be empty, '.' or '..' as a part of a path")
      }
      path = path.replacing("{\(parameter.name)}", with: text)
    case .query: query += parameter.query(value)
    case .header:
      let text = parameter.joined(value) { $0 }
      headers.append(try CallHeaders.header(parameter.name, text, "with.parameters"))
    case .cookie: cookies += parameter.query(value)
    case .body, .formData: break
    }
  }
}
