import HTTP
import Values

/// A description of an HTTP API: Swagger 2.0, OpenAPI 3.0, 3.1 or 3.2, in JSON or YAML.
public struct OpenAPIDocument: FetchedDocument {
  enum Version: Sendable { case swagger2, openAPI3 }

  let tree: DocumentTree
  let version: Version

  var root: JSON { tree.root }
  /// Where it was read, for what is relative to it.
  var url: HTTPURL { tree.url }

  /// - Throws: `configuration`.
  public init(_ root: JSON, url: HTTPURL) throws(HTTPCallError) {
    try self.init(DocumentTree(root, url: url))
  }

  /// Reads the text.
  ///
  /// - Throws: `configuration` with the place of the mistake.
  public init(_ bytes: [UInt8], url: HTTPURL) throws(HTTPCallError) {
    try self.init(DocumentTree(bytes, url: url))
  }

  private init(_ tree: DocumentTree) throws(HTTPCallError) {
    self.tree = tree
    if tree.root["swagger"]?.scalarText == "2.0" {
      version = .swagger2
    } else if let text = tree.root["openapi"]?.scalarText, text.hasPrefix("3.") {
      version = .openAPI3
    } else {
      throw .misconfigured("\(tree.place) is neither Swagger 2.0 nor OpenAPI 3")
    }
  }

  func resolved(_ value: JSON) throws(HTTPCallError) -> JSON { try tree.resolved(value) }

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
    throw .misconfigured("\(tree.place) has no operation '\(id)'\(suggestion(for: id, among: known))")
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
