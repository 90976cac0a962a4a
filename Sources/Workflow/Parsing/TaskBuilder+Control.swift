import Values
import YAML

/// Loops, branches, handlers, raised errors and other workflows.
extension TaskBuilder {
  // MARK: for

  func loop(_ node: YAMLNode, _ loop: YAMLNode, at reference: String) -> TaskKind? {
    let each = name(loop["each"], default: "item")
    let at = name(loop["at"], default: "index")
    refuseEqual(each, at, loop["at"] ?? loop["each"])
    let inner = naming(each, at)
    let source = loop["in"].flatMap { reader.expression($0, .taskDefinition, .value) }
    let condition = node["while"].flatMap { inner.reader.expression($0, .taskDefinition) }
    let tasks = node["do"].map { inner.scope($0, at: reference + "/do") }
    guard let source, let tasks else { return nil }
    return .for(ForLoop(each: each, at: at, in: source, while: condition, tasks: tasks))
  }

  /// The name that a value gets as a variable.
  func name(_ node: YAMLNode?, default name: String) -> String {
    guard let node, case .string(let text)? = node.scalar else { return name }
    let bytes = Array(text.utf8)
    let isName =
      bytes.first.map(JQLexer.isNameStart) == true
      && bytes.allSatisfy { JQLexer.isNameStart($0) || JQLexer.isDigit($0) }
    if !isName || text == "ENV" || text.hasPrefix("__") {
      file.error(
        .invalidValue, node.position, "'\(text)' cannot be a variable",
        hint: text.hasPrefix("$") ? "write it without the '$'" : "letters, digits and underscores, no digit first")
    } else if ExpressionReader.standardVariables.contains(text) {
      file.error(
        .conflict, node.position, "$\(text) is a variable of the standard and cannot be named anew",
        hint: "choose another name")
    }
    return text
  }

  func refuseEqual(_ item: String, _ index: String, _ node: YAMLNode?) {
    guard item == index, let node else { return }
    file.error(.conflict, node.position, "the item and its index cannot both be $\(item)")
  }

  // MARK: fork

  func fork(_ node: YAMLNode, at reference: String) -> TaskKind? {
    guard let branches = node["branches"] else { return nil }
    if branches.sequence?.isEmpty == true {
      file.error(.missingKey, branches.position, "'fork' has no branch")
    }
    let compete = node["compete"]?.scalar?.bool ?? false
    let tasks = scope(branches, at: reference + "/fork/branches", isConcurrent: true)
    return .fork(Fork(branches: tasks, compete: compete))
  }

  // MARK: try

  func attempt(_ node: YAMLNode, _ entry: YAMLEntry, at reference: String) -> TaskKind? {
    let place = reference + "/try"
    // dsl.md has a single task there, the reference and the schema have a list.
    let tasks =
      entry.value.mapping == nil
      ? scope(entry.value, at: place)
      : scope(of: YAMLEntry(key: "try", keyPosition: entry.keyPosition, value: entry.value), at: place, in: place)
    guard let handler = node["catch"] else { return nil }
    let variable = name(handler["as"], default: "error")
    let inner = naming(variable)
    // The conditions know the error by the standard's own name too.
    let conditions = inner.reader.naming("error")
    let clause = CatchClause(
      errors: handler["errors"].flatMap { ErrorReader(context: context, reader: reader).filter($0) },
      variable: variable, when: handler["when"].flatMap { conditions.expression($0, .taskDefinition) },
      exceptWhen: handler["exceptWhen"].flatMap { conditions.expression($0, .taskDefinition) },
      retry: handler["retry"].flatMap { RetryReader(context: context).policy($0, reader, error: variable) },
      tasks: handler["do"].map { inner.scope($0, at: reference + "/catch/do") })
    return .try(TryCatch(tasks: tasks, catch: clause))
  }

  // MARK: raise

  func raise(_ node: YAMLNode) -> TaskKind? {
    node["error"].flatMap { ErrorReader(context: context, reader: reader).raised($0) }.map { .raise($0) }
  }

  // MARK: run

  func run(_ node: YAMLNode) -> TaskKind? {
    for entry in node.mapping ?? [] where ["container", "script", "shell"].contains(entry.key) {
      file.unsupported(
        "run: \(entry.key)", entry.keyPosition,
        hint: "let a processor do it: call: <channel> sends it what is under 'with', and waits for its reply")
      return nil
    }
    guard let workflow = node["workflow"] else { return nil }
    if let entry = node.mapping?.first(where: { $0.key == "return" }) {
      file.unsupported(
        "'return' of a workflow", entry.keyPosition,
        hint: "a workflow returns its output; output: {as: …} makes something else of it")
    }
    for key in ["namespace", "name"] { if let node = workflow[key] { DocumentReader.checkName(node, key, file) } }
    let version = workflow["version"]?.scalar?.string ?? "latest"
    if let node = workflow["version"], version != "latest", SemanticVersion(version) == nil {
      file.error(
        .invalidValue, node.position, "'\(version)' is no version of a workflow", hint: "'latest', or such as '1.0.0'")
    }
    let input = workflow["input"].flatMap { reader.template($0, .taskDefinition) }
    guard let namespace = workflow["namespace"]?.scalar?.string, let name = workflow["name"]?.scalar?.string else {
      return nil
    }
    return .run(
      WorkflowRun(
        namespace: namespace, name: name, version: version, input: input, await: node["await"]?.scalar?.bool ?? true))
  }
}
