import Values
import YAML

/// Errors to raise, and filters of errors to catch. Source: "Error", "Error filter".
struct ErrorReader {
  let context: FileContext
  let reader: ExpressionReader

  private var file: SourceFile { context.file }

  /// An error in its place, or the name of one under `use.errors`.
  func raised(_ node: YAMLNode) -> RaisedError? {
    guard case .string(let name)? = node.scalar else { return error(node, reader) }
    return context.component("errors", "error", named: name, at: node.position).flatMap { error($0, context.reader) }
  }

  func error(_ node: YAMLNode, _ reader: ExpressionReader) -> RaisedError? {
    if let entry = node.mapping?.first(where: { $0.key == "instance" }) {
      file.warning(
        .unsupported, entry.keyPosition, "'instance' is not taken from here: it always names the task that raises",
        hint: "leave it out")
    }
    let type = node["type"].flatMap { self.type($0, reader) }
    let title = node["title"].map { reader.template($0, .taskDefinition) }
    let detail = node["detail"].map { reader.template($0, .taskDefinition) }
    guard let type, let status = node["status"]?.scalar?.int else { return nil }
    return RaisedError(type: type, status: status, title: title ?? nil, detail: detail ?? nil)
  }

  private func type(_ node: YAMLNode, _ reader: ExpressionReader) -> Template? {
    if case .string("")? = node.scalar {
      file.error(.invalidValue, node.position, "an error's type is a URI, not an empty text")
    }
    return URIReader(file: file, reader: reader).template(node, isAbsolute: false)
  }

  /// `errors`: what stands under `with`. Every value is a constant.
  func filter(_ node: YAMLNode) -> ErrorFilter? {
    guard let with = node["with"] else { return nil }
    let entries = with.mapping ?? []
    if entries.isEmpty, with.mapping != nil {
      file.error(.missingKey, with.position, "an error filter names at least one member, such as 'type' or 'status'")
    }
    for entry in entries {
      guard case .string(let text)? = entry.value.scalar, Expression.source(of: text) != nil else { continue }
      file.error(
        .invalidValue, entry.value.position, "an error filter compares with constants", hint: "catch.when can compute")
    }
    if let detail = with["detail"], let details = entries.first(where: { $0.key == "details" }) {
      if detail.scalar != details.value.scalar {
        file.error(.conflict, details.keyPosition, "'details' and 'detail' are two spellings of one member")
      }
    }
    func text(_ key: String) -> String? { with[key]?.scalar?.string }
    return ErrorFilter(
      type: text("type"), status: with["status"]?.scalar?.int, instance: text("instance"), title: text("title"),
      detail: text("detail") ?? text("details"))
  }
}
