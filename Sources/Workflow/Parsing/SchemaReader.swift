import YAML

/// Schemas of data. Source: "Schema".
struct SchemaReader {
  let file: SourceFile

  /// What stands under `schema` of `input`, `output` or `export`.
  func schema(in node: YAMLNode) -> DataSchema? {
    if let entry = node.mapping?.first(where: { $0.key == "schema" }) {
      file.unsupported("data schemas", entry.keyPosition)
    }
    return nil
  }
}
