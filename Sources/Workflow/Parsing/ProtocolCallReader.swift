import Values
import YAML

/// Calls of the protocols that the standard names. What is under `with` goes to a processor as the standard has it, but
/// for what only makes sense here: templates are filled in, and reusable authentications stand where they are used.
///
/// Source: "Call", the sections of the protocols.
struct ProtocolCallReader {
  let context: FileContext
  let reader: ExpressionReader

  private var file: SourceFile { context.file }
  private var uris: URIReader { URIReader(file: file, reader: reader) }

  /// - Parameters:
  ///   - name: of a protocol.
  ///   - position: of the name.
  func call(_ name: String, _ with: YAMLNode, at position: YAMLPosition) -> Call? {
    switch name {
    case "http":
      if let method = with["method"] { checkMethod(method) }
      return arguments(with).map { Call(channel: "http", with: $0) }
    case "openapi": return arguments(with).map { Call(channel: "http", with: $0) }
    case "asyncapi": return asyncapi(with)
    default:
      file.unsupported(
        "call: \(name)", position,
        hint: "let a processor do it: call: <channel> sends it what is under 'with', and waits for its reply")
      return nil
    }
  }

  private func asyncapi(_ with: YAMLNode) -> Call? {
    if let entry = with.mapping?.first(where: { $0.key == "subscription" }) {
      file.unsupported(
        "subscriptions of call: asyncapi", entry.keyPosition,
        hint: "bind the topic as a source of events, and wait for them with 'listen'")
      return nil
    }
    if with.mapping != nil {
      if with["operation"] == nil, with["channel"] == nil {
        file.error(.missingKey, with.position, "'with' needs 'operation' (AsyncAPI 3) or 'channel' (AsyncAPI 2)")
      }
      if with["message"] == nil { file.error(.missingKey, with.position, "'message' is missing in 'with'") }
    }
    return arguments(with).map { Call(channel: "asyncapi", with: $0) }
  }

  // MARK: Arguments

  private func arguments(_ with: YAMLNode) -> Template? { members(of: with, argument) }

  private func argument(_ entry: YAMLEntry) -> Template? {
    switch entry.key {
    case "endpoint": return endpoint(entry.value, isCalled: true)
    case "document": return members(of: entry.value) { $0.key == "endpoint" ? endpoint($0.value) : template($0) }
    case "authentication": return authentication(entry.value)
    case "headers", "query": return mapping(entry)
    default: return template(entry)
    }
  }

  private func template(_ entry: YAMLEntry) -> Template? { reader.template(entry.value, .taskDefinition) }

  private func members(of node: YAMLNode, _ read: (YAMLEntry) -> Template?) -> Template? {
    guard let entries = node.mapping else { return nil }
    let members = entries.compactMap { entry in read(entry).map { (key: entry.key, value: $0) } }
    return members.count == entries.count ? .object(of: members) : nil
  }

  /// - Parameter isCalled: whether it is what the call goes to, and not a document about it.
  private func endpoint(_ node: YAMLNode, isCalled: Bool = false) -> Template? {
    guard node.mapping != nil else { return uri(node, isCalled) }
    return members(of: node) { entry in
      switch entry.key {
      case "uri": uri(entry.value, isCalled)
      case "authentication": authentication(entry.value)
      default: template(entry)
      }
    }
  }

  private func uri(_ node: YAMLNode, _ isCalled: Bool) -> Template? {
    if isCalled, case .string(let text)? = node.scalar, let scheme = URIReader.scheme(of: text),
      !["http", "https"].contains(scheme)
    {
      file.error(.invalidValue, node.position, "call: http cannot speak '\(scheme)'", hint: "http:// or https://")
      return nil
    }
    return uris.template(node, isAbsolute: true)
  }

  private func authentication(_ node: YAMLNode) -> Template? {
    AuthenticationReader(context: context, reader: reader).authentication(node)
  }

  /// A mapping, or an expression that gives one.
  private func mapping(_ entry: YAMLEntry) -> Template? {
    if case .string(let text)? = entry.value.scalar, Expression.source(of: text) == nil {
      file.error(
        .invalidValue, entry.value.position, "'\(entry.key)' is a mapping or an expression",
        hint: "put the expression into ${ }")
      return nil
    }
    return template(entry)
  }

  private static let methods = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"]

  private func checkMethod(_ node: YAMLNode) {
    guard case .string(let text)? = node.scalar, Expression.source(of: text) == nil else { return }
    let method = text.lowercased()
    if Self.methods.contains(method) { return }
    if method.isEmpty || !method.utf8.allSatisfy({ JQLexer.isNameStart($0) || $0 == 0x2D }) {
      file.error(.invalidValue, node.position, "'\(text)' cannot be a method of HTTP")
    } else if let hint = Suggestion.hint(for: method, among: Self.methods) {
      file.warning(.invalidValue, node.position, "'\(text)' is no method of the HTTP standard", hint: hint)
    }
  }
}
