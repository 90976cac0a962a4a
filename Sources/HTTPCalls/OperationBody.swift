import Values

/// The body of an operation: the parameter `body`, or all parameters that are declared nowhere else as an object.
struct OperationBody {
  var bytes: [UInt8]?
  /// That has to be set.
  var contentType: String?

  /// - Parameter contentType: set by a parameter of the operation.
  static func make(
    _ operation: OpenAPIDocument.Operation, _ declared: [OpenAPIParameter], _ given: JSONObject,
    _ contentType: String?, _ document: OpenAPIDocument
  ) throws(HTTPCallError) -> OperationBody {
    switch document.version {
    case .swagger2: try swagger2(operation, declared, given, contentType, document)
    case .openAPI3: try openAPI3(operation, declared.map(\.name), given, contentType, document)
    }
  }

  /// OpenAPI 3.1.1 section 4.8.13
  private static func openAPI3(
    _ operation: OpenAPIDocument.Operation, _ names: [String], _ given: JSONObject, _ contentType: String?,
    _ document: OpenAPIDocument
  ) throws(HTTPCallError) -> OperationBody {
    let rest = without(names, given)
    guard let reference = operation.value["requestBody"] else {
      try refuse(rest, names)
      return OperationBody()
    }
    let described = try document.resolved(reference)
    let content = described["content"]?.object ?? JSONObject()
    let type = contentType ?? choose(content.keys)
    let isMember = try document.hasProperty("body", in: content[type]?["schema"] ?? content.values.first?["schema"])
    let value = try value(rest, wholeName: isMember ? nil : "body", names)
    return try written(value, isRequired: described["required"]?.bool ?? false, type)
  }

  /// Swagger 2.0, "Parameter Object": `in: body`, or fields of a form.
  private static func swagger2(
    _ operation: OpenAPIDocument.Operation, _ declared: [OpenAPIParameter], _ given: JSONObject,
    _ contentType: String?, _ document: OpenAPIDocument
  ) throws(HTTPCallError) -> OperationBody {
    let names = declared.filter { $0.location != .body }.map(\.name)
    let rest = without(names, given)
    let consumed = (operation.value["consumes"] ?? document.root["consumes"])?.array?.compactMap(\.string) ?? []
    if let body = declared.first(where: { $0.location == .body }) {
      // The parameter has a name, by which its value may be given as well.
      let name = rest[body.name] == nil ? "body" : body.name
      let isMember = try document.hasProperty(name, in: body.schema)
      let value = try value(rest, wholeName: isMember ? nil : name, names)
      return try written(value, isRequired: body.isRequired, contentType ?? choose(consumed))
    }
    try refuse(rest, names)
    let fields = declared.filter { $0.location == .formData && given[$0.name]?.isNull == false }
    guard !fields.isEmpty else { return OperationBody() }
    guard consumed.isEmpty || consumed.contains(MediaType.form) else {
      throw .misconfigured("the operation takes \(consumed.joined(separator: ", ")), which is not supported")
    }
    let pairs = fields.flatMap { $0.form(given[$0.name] ?? .null) }
    return OperationBody(bytes: Array(Pairs.form(pairs).utf8), contentType: MediaType.form)
  }

  private static func written(
    _ value: JSON?, isRequired: Bool, _ type: String
  ) throws(HTTPCallError) -> OperationBody {
    guard let value else {
      guard !isRequired else { throw .invalid("with.parameters lacks 'body', which the operation requires") }
      return OperationBody()
    }
    guard !type.hasPrefix("multipart/") else {
      throw .misconfigured("the operation takes \(type), which is not supported")
    }
    let body = try CallBody(value, contentType: type, place: "with.parameters.body")
    return OperationBody(bytes: body.bytes, contentType: type)
  }

  private static func value(
    _ rest: JSONObject, wholeName: String?, _ names: [String]
  ) throws(HTTPCallError) -> JSON? {
    guard let wholeName, let whole = rest[wholeName] else { return rest.isEmpty ? nil : .object(rest) }
    try refuse(without([wholeName], rest), names + [wholeName])
    return whole.isNull ? nil : whole
  }

  private static func without(_ names: [String], _ given: JSONObject) -> JSONObject {
    var rest = given
    for name in names { rest[name] = nil }
    return rest
  }

  /// There is nowhere that they could go.
  private static func refuse(_ rest: JSONObject, _ names: [String]) throws(HTTPCallError) {
    guard let name = rest.keys.first else { return }
    throw .invalid("with.parameters: the operation has no '\(name)'\(suggestion(for: name, among: names))")
  }

  /// JSON where it is offered, or where anything is.
  private static func choose(_ types: [String]) -> String {
    let known = types.map { (text: $0, type: MediaType($0)) }
    if let json = known.first(where: { $0.type.isJSON }) { return json.text }
    if known.isEmpty || known.contains(where: { ["*/*", "application/*"].contains($0.type.name) }) {
      return "application/json"
    }
    return known.first { $0.type.name == MediaType.form || $0.type.isText }?.text ?? types[0]
  }
}
