import Values
import YAML

/// How a call proves who makes it. Source: "Authentication".
struct AuthenticationReader {
  let context: FileContext
  let reader: ExpressionReader

  private var file: SourceFile { context.file }

  /// The policy in its place, or the one under `use.authentications` that is named: either way, an object with the
  /// scheme's name.
  func authentication(_ node: YAMLNode) -> Template? {
    guard let use = node.scalar == nil ? node["use"] : node else { return policy(node, reader) }
    guard case .string(let name)? = use.scalar else { return nil }
    return context.component("authentications", "authentication", named: name, at: use.position)
      .flatMap { reusable($0) }
  }

  /// A policy under `use.authentications`: what surrounds its use has no names there.
  func reusable(_ node: YAMLNode) -> Template? {
    if let entry = node.mapping?.first(where: { $0.key == "use" }) {
      file.error(
        .invalidValue, entry.keyPosition, "an authentication under 'use' cannot name another one",
        hint: "write it out: basic, bearer, digest, oauth2 or oidc")
      return nil
    }
    return policy(node, context.reader)
  }

  private func policy(_ node: YAMLNode, _ reader: ExpressionReader) -> Template? {
    guard let entry = node.mapping?.first else { return nil }
    if entry.key == "certificate" {
      file.unsupported(
        "authentication with a certificate", entry.keyPosition,
        hint: "the certificates of a client belong into the settings of the processor that makes the call")
      return nil
    }
    return scheme(entry, reader).map { .object(of: [(entry.key, $0)]) }
  }

  private func scheme(_ entry: YAMLEntry, _ reader: ExpressionReader) -> Template? {
    let node = entry.value
    if entry.key == "bearer", node.scalar != nil {
      return reader.template(node, .taskDefinition).map { .object(of: [("token", $0)]) }
    }
    guard let entries = node.mapping else { return nil }
    if let use = node["use"] { return secret(use, entries) }
    switch entry.key {
    case "basic", "digest": require(["username", "password"], node, entry.key)
    case "bearer": require(["token"], node, entry.key)
    default: checkOAuth2(node, entry.key)
    }
    let members = entries.compactMap { entry in
      member(entry, reader).map { (key: entry.key, value: $0) }
    }
    return members.count == entries.count ? .object(of: members) : nil
  }

  private func member(_ entry: YAMLEntry, _ reader: ExpressionReader) -> Template? {
    guard entry.key == "authority" else { return reader.template(entry.value, .taskDefinition) }
    return URIReader(file: file, reader: reader).template(entry.value, isAbsolute: true)
  }

  private func require(_ keys: [String], _ node: YAMLNode, _ name: String) {
    for key in keys where node[key] == nil {
      file.error(
        .missingKey, node.position, "'\(key)' is missing in '\(name)'",
        hint: "or 'use' and the name of a secret that has it")
    }
  }

  /// The standard's short form: the whole content of a secret.
  private func secret(_ node: YAMLNode, _ entries: [YAMLEntry]) -> Template? {
    for entry in entries where entry.key != "use" {
      file.error(.conflict, entry.keyPosition, "'\(entry.key)' and 'use' exclude one another")
    }
    guard case .string(let name)? = node.scalar else { return nil }
    guard context.secrets.contains(name) else {
      file.error(
        .unresolved, node.position, "there is no secret '\(name)' under use.secrets",
        hint: Suggestion.hint(for: name, among: context.secrets) ?? FileContext.known(context.secrets, "secret"))
      return nil
    }
    let expression = try? Expression(
      "$secrets[\(JSON.string(name).text)]", variables: ["secrets"], location: file.location(node.position))
    return expression.map { .expression($0) }
  }

  // MARK: OAuth2

  private static let grants = [
    "authorization_code", "client_credentials", "password", "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
  ]
  private static let clientAuthentications = [
    "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none",
  ]

  private func checkOAuth2(_ node: YAMLNode, _ name: String) {
    require(["authority", "grant"], node, name)
    if let grant = node["grant"] {
      check(
        grant, "grant", among: Self.grants, run: ["client_credentials", "password"],
        hint: "a workflow has nobody to ask: client_credentials is the grant for programs")
    }
    if node["grant"]?.scalar == "password" { require(["username", "password"], node, name) }
    guard let client = node["client"] else { return }
    let authentication = client["authentication"]
    if let authentication {
      check(
        authentication, "client.authentication", among: Self.clientAuthentications,
        run: ["client_secret_basic", "client_secret_post", "none"], hint: "client_secret_basic or client_secret_post")
    }
    if client.mapping != nil, client["id"] == nil, authentication?.scalar != "none" {
      file.error(.missingKey, client.position, "'id' is missing in 'client'")
    }
  }

  /// - Parameters:
  ///   - known: what the standard has.
  ///   - run: those of them that are run.
  private func check(_ node: YAMLNode, _ key: String, among known: [String], run: [String], hint: String) {
    guard case .string(let text)? = node.scalar, !run.contains(text) else { return }
    if known.contains(text) {
      file.unsupported("\(key): \(text)", node.position, hint: hint)
    } else {
      file.error(
        .invalidValue, node.position, "'\(text)' is no \(key) of the standard",
        hint: Suggestion.hint(for: text, among: known) ?? "one of: " + known.joined(separator: ", "))
    }
  }
}
