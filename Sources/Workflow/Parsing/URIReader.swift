import Values
import YAML

/// URIs: literal, with `{names}` to fill in, or computed. Sources: "Endpoint", "URI Template".
struct URIReader {
  let file: SourceFile
  let reader: ExpressionReader

  /// - Parameter key: what the URI is of, for messages.
  func template(_ node: YAMLNode, of key: String) -> Template? {
    reader.template(node, .taskDefinition)
  }
}
