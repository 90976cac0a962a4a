import HTTP
import Values
import YAML

/// A description of an HTTP API: Swagger 2.0, OpenAPI 3.0, 3.1 or 3.2, in JSON or YAML.
public struct OpenAPIDocument: Sendable {
  enum Version: Sendable { case swagger2, openAPI3 }

  let root: JSON
  let version: Version
  /// Where it was read, for what is relative to it.
  let url: HTTPURL

  /// - Throws: `configuration`.
  public init(_ root: JSON, url: HTTPURL) throws(HTTPCallError) {
    self.root = root
    self.url = url
    if root["swagger"]?.scalarText == "2.0" {
      version = .swagger2
    } else if let text = root["openapi"]?.scalarText, text.hasPrefix("3.") {
      version = .openAPI3
    } else {
      throw .misconfigured("the document at \(url.origin)\(url.path) is neither Swagger 2.0 nor OpenAPI 3")
    }
  }

  /// Reads the text.
  ///
  /// - Throws: `configuration` with the place of the mistake.
  public init(_ bytes: [UInt8], url: HTTPURL) throws(HTTPCallError) {
    let place = "the document at \(url.origin)\(url.path)"
    if bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"),
      let root = try? JSON.parse(bytes)
    {
      try self.init(root, url: url)
      return
    }
    var limits = YAMLLimits()
    limits.maxBytes = max(limits.maxBytes, bytes.count)
    limits.maxDepth = 128
    let root: JSON
    do throws(YAMLError) {
      root = try YAML.parse(bytes, limits: limits).json
    } catch {
      let problem = error.problems.first.map { "\($0.message) (line \($0.position.line))" } ?? "it is no YAML"
      throw .misconfigured("\(place) cannot be read: \(problem)")
    }
    try self.init(root, url: url)
  }

  // MARK: References

  /// What a value stands for: itself, or what its `$ref` leads to within the document (RFC 6901).
  func resolved(_ value: JSON) throws(HTTPCallError) -> JSON {
    var value = value
    for _ in 0..<Self.longestChain {
      guard let reference = value["$ref"]?.string else { return value }
      guard reference.hasPrefix("#") else {
        throw .misconfigured("the document refers to '\(reference)'; only references within it are followed")
      }
      guard let target = target(of: reference.dropFirst()) else {
        throw .misconfigured("the document refers to '\(reference)', which it does not have")
      }
      value = target
    }
    throw .misconfigured("the document's references lead in a circle")
  }

  private static let longestChain = 16

  private func target(of pointer: Substring) -> JSON? {
    guard pointer.isEmpty || pointer.hasPrefix("/") else { return nil }
    var value = root
    for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      // In a fragment a pointer is percent-encoded; a plus is a plus.
      let text = PercentEncoding.decodedQuery(part.replacing("+", with: "%2B"))
      let name = text.replacing("~1", with: "/").replacing("~0", with: "~")
      guard let next = value[name] ?? Int(name).flatMap({ value[$0] }) else { return nil }
      value = next
    }
    return value
  }

  // MARK: Operations

  struct Operation: Sendable {
    let method: String
    /// A template.
    let path: String
    let pathItem: JSON
    let value: JSON
  }

  private static let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"]

  /// - Throws: `configuration`, with the name that was probably meant.
  func operation(_ id: String) throws(HTTPCallError) -> Operation {
    var known: [String] = []
    for (path, item) in root["paths"]?.object ?? JSONObject() {
      let item = try resolved(item)
      for method in Self.methods {
        guard let operation = item[method], let name = operation["operationId"]?.string else { continue }
        if name == id { return Operation(method: method, path: path, pathItem: item, value: operation) }
        known.append(name)
      }
    }
    let place = "the document at \(url.origin)\(url.path)"
    throw .misconfigured("\(place) has no operation '\(id)'\(suggestion(for: id, among: known))")
  }

  /// Of the path and of the operation, which wins (OpenAPI 3.1.1 section 4.8.10).
  func parameters(of operation: Operation) throws(HTTPCallError) -> [OpenAPIParameter] {
    var parameters: [OpenAPIParameter] = []
    for value in (operation.pathItem["parameters"]?.array ?? []) + (operation.value["parameters"]?.array ?? []) {
      let parameter = try OpenAPIParameter(resolved(value), version)
      parameters.removeAll { $0.name == parameter.name && $0.location == parameter.location }
      parameters.append(parameter)
    }
    return parameters
  }

  /// Whether objects of the schema have a member of that name, as far as the schema says so itself.
  func hasProperty(_ name: String, in schema: JSON?) throws(HTTPCallError) -> Bool {
    guard let schema else { return false }
    let resolved = try resolved(schema)
    if resolved["properties"]?[name] != nil { return true }
    for part in resolved["allOf"]?.array ?? [] {
      if try self.resolved(part)["properties"]?[name] != nil { return true }
    }
    return false
  }
}
