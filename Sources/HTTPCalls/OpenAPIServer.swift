import HTTP
import Values

extension OpenAPIDocument {
  /// Where an operation's path begins; without a slash at its end.
  ///
  /// - Throws: `configuration`.
  func server(of operation: Operation) throws(HTTPCallError) -> String {
    let url =
      switch version {
      case .swagger2: swagger2Server(of: operation)
      case .openAPI3: try openAPI3Server(of: operation)
      }
    let resolved: HTTPURL
    do throws(HTTPCallError) {
      resolved = try HTTPCall.url(url, "the document's server '\(url)'", relativeTo: self.url)
    } catch {
      throw .misconfigured(error.detail)
    }
    var text = String(resolved.text.prefix { $0 != "?" && $0 != "#" })
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }

  /// The first of the innermost list; relative to the document (OpenAPI 3.1.1 section 4.8.5).
  private func openAPI3Server(of operation: Operation) throws(HTTPCallError) -> String {
    let lists = [operation.value["servers"], operation.pathItem["servers"], root["servers"]]
    let server = lists.lazy.compactMap { $0?[0] }.first
    return try ServerVariables.expand(server?["url"]?.string ?? "/", server?["variables"]?.object ?? JSONObject())
  }

  /// `schemes`, `host` and `basePath`; what is missing is the document's own (Swagger 2.0, "Swagger Object").
  private func swagger2Server(of operation: Operation) -> String {
    let schemes = (operation.value["schemes"] ?? root["schemes"])?.array?.compactMap(\.string) ?? [url.scheme]
    let scheme = schemes.contains("https") ? "https" : schemes.contains("http") ? "http" : url.scheme
    let authority = url.host.contains(":") ? "[\(url.host)]:\(url.port)" : "\(url.host):\(url.port)"
    var path = root["basePath"]?.string ?? "/"
    if !path.hasPrefix("/") { path = "/\(path)" }
    guard let host = root["host"]?.string, !host.isEmpty else {
      // The document's port is of the document's scheme.
      return scheme == url.scheme ? "\(scheme)://\(authority)\(path)" : "\(url.scheme)://\(authority)\(path)"
    }
    return "\(scheme)://\(host)\(path)"
  }
}

/// `{name}` in the address of a server (OpenAPI 3.1.1 section 4.8.6; AsyncAPI 3.0.0, "Server Variable Object").
enum ServerVariables {
  /// - Parameter given: values that go before the document's.
  /// - Throws: `configuration` where there is no value, `validation` for one that the document does not admit.
  static func expand(
    _ text: String, _ declared: JSONObject, given: [String: String] = [:]
  ) throws(HTTPCallError) -> String {
    for name in given.keys.sorted() where declared[name] == nil {
      throw .invalid("the server '\(text)' has no variable '\(name)'\(suggestion(for: name, among: declared.keys))")
    }
    var result = text
    for (name, variable) in declared {
      guard let value = given[name] ?? variable["default"]?.scalarText else {
        throw .misconfigured("the document's server '\(text)' has a variable '\(name)' without a default")
      }
      if given[name] != nil, let known = variable["enum"]?.array?.compactMap(\.scalarText), !known.contains(value) {
        throw .invalid(
          "the variable '\(name)' of the server '\(text)' is '\(value)'; known are \(known.joined(separator: ", "))")
      }
      result = result.replacing("{\(name)}", with: value)
    }
    return result
  }
}
