import Values
import YAML

/// Builds scopes and their tasks; what one kind of task has for itself is in an extension of its own.
struct TaskBuilder {
  let context: FileContext
  var reader: ExpressionReader
  /// Whether the file's extensions apply: not to the tasks of extensions, and what these call.
  var isExtended = true

  var file: SourceFile { context.file }
  var durations: DurationReader { DurationReader(context: context) }
  var schemas: SchemaReader { SchemaReader(file: file) }

  /// The same place seen from inside of something that names values.
  func naming(_ names: String...) -> TaskBuilder {
    var inner = self
    inner.reader.locals.formUnion(names)
    return inner
  }

  // MARK: Scopes

  /// - Parameters:
  ///   - reference: JSON pointer of the list.
  ///   - isConcurrent: whether the tasks run at the same time.
  func scope(_ node: YAMLNode, at reference: String, isConcurrent: Bool = false) -> TaskScope {
    let entries = (node.sequence ?? []).compactMap { $0.mapping?.first }
    FlowCheck(file: file, entries: entries, isConcurrent: isConcurrent).check()
    var tasks: [TaskDefinition] = []
    for (index, entry) in entries.enumerated() {
      let pointer = "\(reference)/\(index)/\(Self.escaped(entry.key))"
      if let task = task(entry, index: index, at: pointer, in: reference) { tasks.append(task) }
    }
    return TaskScope(reference: reference, tasks: tasks)
  }

  /// A scope of one task that stands in no list.
  func scope(of entry: YAMLEntry, at reference: String, in scope: String) -> TaskScope {
    FlowCheck(file: file, entries: [entry]).check()
    return TaskScope(
      reference: scope, tasks: [task(entry, index: 0, at: reference, in: scope)].compactMap(\.self))
  }

  /// A name as a JSON pointer writes it. Source: RFC 6901, section 3.
  static func escaped(_ name: String) -> String {
    name.replacing("~", with: "~0").replacing("/", with: "~1")
  }

  // MARK: Tasks

  private func task(_ entry: YAMLEntry, index: Int, at reference: String, in scope: String) -> TaskDefinition? {
    let node = entry.value
    let stages = DataStageReader(reader: reader, schemas: schemas)
    let input = stages.input(node["input"], .taskInput)
    let output = stages.output(node["output"], .taskOutput)
    let export = stages.export(node["export"])
    let condition = node["if"].flatMap { reader.expression($0, .taskInput) }
    let timeout = node["timeout"].flatMap { durations.timeout($0, reader, .taskDefinition) }
    let compensation = node["metadata"].flatMap { self.compensation($0) }
    guard let kind = kind(of: node, at: reference) else { return nil }
    let task = TaskDefinition(
      name: entry.key, reference: reference, index: index, condition: condition, input: input, output: output,
      export: export, timeout: timeout, then: node["then"]?.scalar?.string.map { FlowDirective($0) },
      metadata: node["metadata"]?.json.object ?? [:], compensation: compensation, kind: kind, json: node.json,
      location: file.location(entry.keyPosition))
    let extensions = isExtended ? context.extensions.filter { $0.extends(kind.keyword) }.map(\.definition) : []
    return extensions.isEmpty ? task : task.surrounded(by: extensions, in: scope)
  }

  /// `nil` when the task has no kind, or one that is not run; either way that has been told.
  private func kind(of node: YAMLNode, at reference: String) -> TaskKind? {
    let entries = node.mapping ?? []
    // A 'for' has a 'do' of its own.
    if let entry = entries.first(where: { $0.key == "for" }) { return loop(node, entry.value, at: reference) }
    for entry in entries {
      switch entry.key {
      case "do": return .do(scope(entry.value, at: reference + "/do"))
      case "set": return set(entry.value).map { .set($0) }
      case "call": return call(node, entry)
      case "switch": return .switch(cases(entry.value))
      case "fork": return fork(entry.value, at: reference)
      case "try": return attempt(node, entry, at: reference)
      case "raise": return raise(entry.value)
      case "wait": return durations.duration(entry.value, reader, .taskDefinition).map { .wait($0) }
      case "run": return run(entry.value)
      case "emit": return emit(entry.value)
      case "listen": return listen(node, entry.value, at: reference)
      default: continue
      }
    }
    return nil
  }

  private func set(_ node: YAMLNode) -> Template? {
    if case .string(let text)? = node.scalar, Expression.source(of: text) == nil {
      file.error(
        .invalidValue, node.position, "'set' is a mapping or an expression", hint: "put the expression into ${ }")
      return nil
    }
    if node.mapping?.isEmpty == true { file.error(.missingKey, node.position, "'set' sets nothing") }
    return reader.template(node, .taskDefinition)
  }

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
