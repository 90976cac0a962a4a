import Values
import YAML

/// The tasks of `use.functions`, built once each. Source: "Custom Functions".
struct FunctionBuilder {
  let context: FileContext
  /// Whether the file's extensions apply inside.
  let isExtended: Bool

  static let scope = "/use/functions"

  func isFunction(_ name: String) -> Bool { context.components("functions").contains { $0.key == name } }

  /// The body of a function that exists.
  ///
  /// - Parameter position: of the name in the call.
  /// - Returns: nil when the function is being built already: it calls itself, which is told.
  func body(of name: String, calledAt position: YAMLPosition?) -> TaskScope? {
    // What extensions call has no extensions around it, and so is another task than what others call.
    let key = isExtended || !context.hasExtensions ? name : name + "#extension"
    if let body = context.functionBodies[key] { return body }
    guard let entry = context.components("functions").first(where: { $0.key == name }) else { return nil }
    if let first = context.openFunctions.firstIndex(of: name) {
      let way = (context.openFunctions[first...] + [name]).joined(separator: " → ")
      context.file.error(
        .conflict, position ?? entry.keyPosition, "the function '\(name)' calls itself: \(way)",
        hint: "a 'for' repeats tasks, and run: workflow starts a workflow anew")
      return nil
    }
    context.openFunctions.append(name)
    defer { context.openFunctions.removeLast() }
    let builder = TaskBuilder(context: context, reader: context.reader, isExtended: isExtended)
    let body = builder.scope(
      of: entry, at: "\(Self.scope)/\(TaskBuilder.escaped(name))\(key == name ? "" : "#extension")", in: Self.scope)
    context.functionBodies[key] = body
    return body
  }

  /// Builds them all, so that mistakes in one that nothing calls are told too.
  func buildAll() {
    for entry in context.components("functions") {
      if Standard.protocolArguments(entry.key) != nil {
        context.file.error(
          .conflict, entry.keyPosition, "'\(entry.key)' is a call of the standard and cannot be a function",
          hint: "choose another name")
      }
      _ = body(of: entry.key, calledAt: nil)
    }
  }
}
