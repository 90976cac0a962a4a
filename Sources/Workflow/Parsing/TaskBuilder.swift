import Values
import YAML

/// Builds scopes and their tasks.
struct TaskBuilder {
  let file: SourceFile
  let reader: ExpressionReader

  /// - Parameter reference: JSON pointer of the list.
  func scope(_ node: YAMLNode, at reference: String) -> TaskScope {
    var entries: [YAMLEntry] = []
    for item in node.sequence ?? [] { if let entry = item.mapping?.first { entries.append(entry) } }
    FlowCheck(file: file, entries: entries).check()
    var tasks: [TaskDefinition] = []
    for (index, entry) in entries.enumerated() {
      if let task = task(entry, index: index, at: "\(reference)/\(index)/\(Self.escaped(entry.key))") {
        tasks.append(task)
      }
    }
    return TaskScope(reference: reference, tasks: tasks)
  }

  /// A name as a JSON pointer writes it. Source: RFC 6901, section 3.
  private static func escaped(_ name: String) -> String {
    var result = ""
    for character in name {
      switch character {
      case "~": result += "~0"
      case "/": result += "~1"
      default: result.append(character)
      }
    }
    return result
  }

  private func task(_ entry: YAMLEntry, index: Int, at reference: String) -> TaskDefinition? {
    let node = entry.value
    let transforms = transforms(of: node)
    let condition = node["if"].flatMap { reader.expression($0, .taskInput) }
    let timeout = node["timeout"].flatMap { DurationReader(file: file).timeout($0, reader, .taskDefinition) }
    guard let kind = kind(of: node, at: reference) else { return nil }
    return TaskDefinition(
      name: entry.key, reference: reference, index: index, condition: condition, input: transforms.input,
      output: transforms.output, export: transforms.export, timeout: timeout,
      then: node["then"]?.scalar?.string.map { FlowDirective($0) }, metadata: node["metadata"]?.json.object ?? [:],
      kind: kind, json: node.json, location: file.location(entry.keyPosition))
  }

  private func transforms(
    of node: YAMLNode
  ) -> (input: InputTransform?, output: OutputTransform?, export: ExportTransform?) {
    for key in ["input", "output", "export"] { if let stage = node[key] { refuseSchema(stage, file) } }
    func template(_ key: String, _ member: String, _ stage: ExpressionReader.Stage) -> Template? {
      node[key]?[member].flatMap { reader.transform($0, stage) }
    }
    return (
      node["input"].map { _ in InputTransform(schema: nil, from: template("input", "from", .taskInput)) },
      node["output"].map { _ in OutputTransform(schema: nil, as: template("output", "as", .taskOutput)) },
      node["export"].map { _ in ExportTransform(schema: nil, as: template("export", "as", .taskExport)) }
    )
  }

  /// `nil` when the task has no kind, or one that is not run; either way that has been told.
  private func kind(of node: YAMLNode, at reference: String) -> TaskKind? {
    let entries = node.mapping ?? []
    for entry in entries where Self.unsupportedKinds.contains(entry.key) {
      file.unsupported("tasks of the kind '\(entry.key)'", entry.keyPosition)
      return nil
    }
    for entry in entries {
      switch entry.key {
      case "do": return .do(scope(entry.value, at: reference + "/do"))
      case "set": return set(entry.value).map { .set($0) }
      case "call": return call(node, entry).map { .call($0) }
      case "switch": return .switch(cases(entry.value))
      default: continue
      }
    }
    return nil
  }

  private static let unsupportedKinds = ["emit", "for", "fork", "listen", "raise", "run", "try", "wait"]

  private func set(_ node: YAMLNode) -> Template? {
    if case .string(let text)? = node.scalar, Expression.source(of: text) == nil {
      file.error(
        .invalidValue, node.position, "'set' is a mapping or an expression", hint: "put the expression into ${ }")
      return nil
    }
    if node.mapping?.isEmpty == true { file.error(.missingKey, node.position, "'set' sets nothing") }
    return reader.template(node, .taskDefinition)
  }

  // MARK: Calls

  private func call(_ node: YAMLNode, _ entry: YAMLEntry) -> Call? {
    guard case .string(let name)? = entry.value.scalar else { return nil }
    let position = entry.value.position
    if Standard.protocolArguments(name) != nil {
      file.unsupported("call: \(name)", position, hint: "a processor that reads a channel of its own can do the same")
      return nil
    }
    if name.contains("://") || name.contains("@") {
      file.unsupported(
        "functions from catalogs and addresses", position,
        hint: "a processor that reads a channel of its own can do the same")
      return nil
    }
    guard Self.isChannel(name) else {
      file.error(
        .invalidValue, position, "'\(name)' cannot be a channel",
        hint: "up to 200 letters, digits, points, hyphens and underscores")
      return nil
    }
    let with = node["with"].flatMap { reader.template($0, .taskDefinition) }
    return Call(channel: name, with: with)
  }

  /// What can follow `mediator.channel.` in the name of a topic.
  private static func isChannel(_ name: String) -> Bool {
    (1...200).contains(name.utf8.count)
      && name.utf8.allSatisfy { JQLexer.isDigit($0) || JQLexer.isNameStart($0) || $0 == 0x2D || $0 == 0x2E }
  }

  // MARK: Switches

  private func cases(_ node: YAMLNode) -> [SwitchCase] {
    var cases: [SwitchCase] = []
    var defaultCase: String?
    if node.sequence?.isEmpty == true { file.error(.missingKey, node.position, "'switch' has no case") }
    for entry in (node.sequence ?? []).compactMap({ $0.mapping?.first }) {
      let when = entry.value["when"].flatMap { reader.expression($0, .taskDefinition) }
      if entry.value["when"] == nil {
        if let defaultCase {
          file.error(
            .conflict, entry.keyPosition, "'\(defaultCase)' has no 'when' either: only one case can be the default")
        }
        defaultCase = defaultCase ?? entry.key
      }
      guard case .string(let then)? = entry.value["then"]?.scalar else { continue }
      cases.append(SwitchCase(name: entry.key, when: when, then: FlowDirective(then)))
    }
    return cases
  }
}

extension FlowDirective {
  init(_ text: String) {
    switch text {
    case "continue": self = .continue
    case "exit": self = .exit
    case "end": self = .end
    default: self = .task(text)
    }
  }
}
