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
    var url = server?["url"]?.string ?? "/"
    for (name, variable) in server?["variables"]?.object ?? JSONObject() {
      guard let value = variable["default"]?.scalarText else {
        throw .misconfigured("the document's server '\(url)' has a variable '\(name)' without a default")
      }
      url = url.replacing("{\(name)}", with: value)
    }
    return url
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
