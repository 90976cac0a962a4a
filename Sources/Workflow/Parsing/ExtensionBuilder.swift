import Values
import YAML

/// An extension, and the kinds of tasks that it is for.
struct ExtensionRule {
  let definition: Extension
  /// `all`, or the standard's name of a kind.
  let kind: String

  /// - Parameter keyword: the standard's key of a task.
  func extends(_ keyword: String) -> Bool {
    switch kind {
    case "all": true
    // The name comes from the drafts of the standard, in which `do` and `fork` were one kind of task; the conformance
    // kit still calls a fork so. `for` and `try` have names of their own in the list.
    case "composite": ["do", "fork"].contains(keyword)
    default: kind == keyword
    }
  }
}

/// Source: "Extension".
struct ExtensionBuilder {
  let context: FileContext
  let node: YAMLNode?

  func build() -> [ExtensionRule] {
    let entries = (node?.sequence ?? []).compactMap { $0.mapping?.first }
    return entries.enumerated().compactMap { index, entry in rule(entry, index) }
  }

  private func rule(_ entry: YAMLEntry, _ index: Int) -> ExtensionRule? {
    let builder = TaskBuilder(context: context, reader: context.reader, isExtended: false)
    let reference = "/use/extensions/\(index)/\(TaskBuilder.escaped(entry.key))"
    let node = entry.value
    let definition = Extension(
      name: entry.key, when: node["when"].flatMap { context.reader.expression($0, .taskDefinition) },
      before: node["before"].map { builder.scope($0, at: reference + "/before") },
      after: node["after"].map { builder.scope($0, at: reference + "/after") })
    if node.mapping != nil, node["before"] == nil, node["after"] == nil {
      context.file.warning(
        .missingKey, entry.keyPosition, "the extension '\(entry.key)' does nothing",
        hint: "it needs 'before' or 'after'")
    }
    guard let kind = node["extend"]?.scalar?.string else { return nil }
    if kind == "extension", let position = node["extend"]?.position {
      context.file.unsupported(
        "extend: extension", position, hint: "the tasks of extensions are never extended, so that they end")
    }
    return ExtensionRule(definition: definition, kind: kind)
  }
}

extension TaskDefinition {
  /// The task with extensions around it, which takes its place: it is skipped, and left, as the task would be.
  ///
  /// - Parameter scope: the reference of the list that the task stands in.
  func surrounded(by extensions: [Extension], in scope: String) -> TaskDefinition {
    let inner = TaskDefinition(
      name: name, reference: reference, index: 0, condition: nil, input: input, output: output, export: export,
      timeout: timeout, then: nil, metadata: metadata, compensation: compensation, kind: kind, json: json,
      location: location)
    let extended = ExtendedTask(extensions: extensions, body: TaskScope(reference: scope, tasks: [inner]))
    return TaskDefinition(
      name: name, reference: reference + "#extended", index: index, condition: condition, input: nil, output: nil,
      export: nil, timeout: nil, then: then, metadata: [:], kind: .extended(extended), json: json, location: location)
  }
}
