import Values
import YAML

/// A function's body, and how many functions call one another inside, itself included.
struct BuiltFunction {
  let body: TaskScope
  let depth: Int
}

/// A function that is being built, and the deepest of those that it was found to call.
struct OpenFunction {
  let name: String
  var depth = 0
}

/// The tasks of `use.functions`, built once each. Source: "Custom Functions".
struct FunctionBuilder {
  let context: FileContext
  /// Whether the file's extensions apply inside.
  let isExtended: Bool

  static let scope = "/use/functions"
  /// Tasks nest in a file as deeply as YAML may, and so in each function again: the whole must stay within the stack.
  static let maxDepth = 16

  func isFunction(_ name: String) -> Bool { context.components("functions").contains { $0.key == name } }

  /// The body of a function that exists.
  ///
  /// - Parameter position: of the name in the call.
  /// - Returns: nil when the function is being built already: it calls itself, which is told.
  func body(of name: String, calledAt position: YAMLPosition?) -> TaskScope? {
    // What extensions call has no extensions around it, and so is another task than what others call.
    let key = isExtended || !context.hasExtensions ? name : name + "#extension"
    guard let entry = context.components("functions").first(where: { $0.key == name }),
      let function = context.functions[key] ?? build(entry, key, at: position ?? entry.keyPosition)
    else { return nil }
    guard let caller = context.openFunctions.indices.last else { return function.body }
    guard function.depth < Self.maxDepth else {
      refuseDepth(at: position ?? entry.keyPosition)
      return nil
    }
    context.openFunctions[caller].depth = max(context.openFunctions[caller].depth, function.depth)
    return function.body
  }

  private func build(_ entry: YAMLEntry, _ key: String, at position: YAMLPosition) -> BuiltFunction? {
    let names = context.openFunctions.map(\.name)
    if let first = names.firstIndex(of: entry.key) {
      let way = (names[first...] + [entry.key]).joined(separator: " → ")
      context.file.error(
        .conflict, position, "the function '\(entry.key)' calls itself: \(way)",
        hint: "a 'for' repeats tasks, and run: workflow starts a workflow anew")
      return nil
    }
    guard names.count < Self.maxDepth else {
      refuseDepth(at: position)
      return nil
    }
    context.openFunctions.append(OpenFunction(name: entry.key))
    let builder = TaskBuilder(context: context, reader: context.reader, isExtended: isExtended)
    let suffix = key == entry.key ? "" : "#extension"
    let body = builder.scope(
      of: entry, at: "\(Self.scope)/\(TaskBuilder.escaped(entry.key))\(suffix)", in: Self.scope)
    let inside = context.openFunctions.removeLast()
    let function = BuiltFunction(body: body, depth: inside.depth + 1)
    context.functions[key] = function
    return function
  }

  private func refuseDepth(at position: YAMLPosition) {
    context.file.error(
      .conflict, position, "functions call one another more than \(Self.maxDepth) deep",
      hint: "run: workflow starts a workflow of its own")
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
