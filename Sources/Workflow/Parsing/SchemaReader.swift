import JSONSchema
import Values
import YAML

/// Schemas of data. Source: "Schema".
struct SchemaReader {
  let file: SourceFile

  /// What stands under `schema` of `input`, `output` or `export`.
  func schema(in node: YAMLNode) -> DataSchema? {
    guard let schema = node["schema"], schema.mapping != nil else { return nil }
    if schema["document"] == nil, let entry = schema.mapping?.first(where: { $0.key == "resource" }) {
      file.unsupported(
        "schemas from an address", entry.keyPosition,
        hint: "put the schema here, under 'document': what is valid must not change with what an address serves")
    }
    guard isJSONSchema(schema["format"]), let document = schema["document"] else { return nil }
    do throws(JSONSchemaError) {
      return try DataSchema(document.json)
    } catch {
      let code: Diagnostic.Code =
        switch error.code {
        case .dialect, .remoteReference: .unsupported
        case .reference: .unresolved
        default: .invalidValue
        }
      file.error(code, Self.position(of: error.pointer, in: document), error.message)
      return nil
    }
  }

  /// `json`, with or without a version (`json:2020-12`).
  private func isJSONSchema(_ node: YAMLNode?) -> Bool {
    guard let node, case .string(let format)? = node.scalar else { return true }
    if format == "json" || format.hasPrefix("json:") { return true }
    file.unsupported("schemas in the format '\(format)'", node.position, hint: "json: JSON Schema 2020-12")
    return false
  }

  /// Where a part of a document stands: the key of a member, the value of an item.
  ///
  /// - Parameter pointer: a JSON pointer (RFC 6901).
  static func position(of pointer: String, in document: YAMLNode) -> YAMLPosition {
    var node = document
    var position = document.position
    for token in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = token.replacing("~1", with: "/").replacing("~0", with: "~")
      if let entry = node.mapping?.first(where: { $0.key == name }) {
        (node, position) = (entry.value, entry.keyPosition)
      } else if let items = node.sequence, let index = Int(name), items.indices.contains(index) {
        (node, position) = (items[index], items[index].position)
      } else {
        break
      }
    }
    return position
  }
}
