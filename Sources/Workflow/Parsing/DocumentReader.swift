import Values
import YAML

/// Source: "Document".
struct DocumentReader {
  let file: SourceFile

  func document(_ node: YAMLNode) -> Document? {
    let dsl = text(node["dsl"])
    if let dsl, let version = node["dsl"] { checkDSL(dsl, version.position) }
    for key in ["namespace", "name"] { if let value = node[key] { Self.checkName(value, key, file) } }
    guard let dsl, let namespace = text(node["namespace"]), let name = text(node["name"]),
      let versionText = text(node["version"])
    else { return nil }
    guard let version = SemanticVersion(versionText) else {
      file.error(
        .invalidValue, node["version"]?.position ?? node.position, "'\(versionText)' is no semantic version",
        hint: "three numbers, such as '1.0.0'")
      return nil
    }
    return Document(
      dsl: dsl, namespace: namespace, name: name, version: version, title: text(node["title"]),
      summary: text(node["summary"]), tags: object(node["tags"]), metadata: object(node["metadata"]))
  }

  private func checkDSL(_ text: String, _ position: YAMLPosition) {
    if ["1.0.0", "1.0.1", "1.0.2", "1.0.3"].contains(text) { return }
    if SemanticVersion(text) == nil {
      file.error(.invalidValue, position, "'\(text)' is no version of the DSL", hint: "write '1.0.3'")
    } else {
      file.error(.unsupported, position, "version \(text) of the DSL is not known here", hint: "1.0.0 to 1.0.3 are")
    }
  }

  /// - Parameter key: `namespace` or `name`.
  static func checkName(_ node: YAMLNode, _ key: String, _ file: SourceFile) {
    guard let name = node.scalar?.string else { return }
    let bytes = Array(name.utf8)
    let hyphen = UInt8(ascii: "-")
    let isName =
      (1...63).contains(bytes.count) && bytes.first != hyphen && bytes.last != hyphen
      && bytes.allSatisfy { $0 == hyphen || JQLexer.isDigit($0) || (0x61...0x7A).contains($0 | 0x20) }
    if isName { return }
    file.error(
      .invalidValue, node.position, "'\(name)' cannot be a \(key)",
      hint: "up to 63 letters, digits and hyphens, the first and last no hyphen")
  }

  private func text(_ node: YAMLNode?) -> String? { node?.scalar?.string }

  private func object(_ node: YAMLNode?) -> JSONObject { node?.json.object ?? JSONObject() }
}
