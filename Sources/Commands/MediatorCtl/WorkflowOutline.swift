import Engine
import Mediator
import Toolchain
import Values
import Workflow

/// One deployed definition for people and for machines.
struct WorkflowOutline {
  private let shown: WorkflowVersion
  private let versions: [WorkflowVersion]
  /// Nil when this program refuses what another one deployed.
  private let parsed: WorkflowDefinition?
  private let problem: String?

  /// - Parameter versions: all of the same workflow.
  init(_ shown: WorkflowVersion, among versions: [WorkflowVersion]) {
    self.shown = shown
    self.versions = versions
    let result = WorkflowParser.parse(shown.definition.source, file: shown.definition.file)
    parsed = result.definition
    problem = result.diagnostics.first { $0.severity == .error }?.message
  }

  // MARK: JSON

  func json(withSource: Bool) -> JSON {
    let definition = shown.definition
    var object: JSONObject = [
      "namespace": .string(definition.namespace), "name": .string(definition.name),
      "version": .string(definition.version), "isLatest": .bool(shown.isLatest),
      "retirement": shown.retirement?.json ?? .null,
      "versions": .array(versions.map { .string($0.definition.version) }),
      "digest": .string(definition.digest), "file": .string(definition.file),
      "deployedAt": .time(definition.deployedAt), "instances": shown.counts.json,
    ]
    if let parsed {
      object["dsl"] = .string(parsed.document.dsl)
      object["title"] = .text(parsed.document.title)
      object["summary"] = .text(parsed.document.summary)
      object["tags"] = .object(parsed.document.tags)
      object["metadata"] = .object(parsed.document.metadata)
      object["schedule"] = parsed.json["schedule"] ?? .null
      object["channels"] = .array(parsed.channels.sorted().map { .string($0) })
      object["tasks"] = .array(parsed.tasks.map(json))
    } else {
      object["problem"] = .text(problem)
    }
    if withSource { object["source"] = .string(definition.source) }
    return .object(object)
  }

  private func json(_ task: TaskDefinition) -> JSON {
    var object: JSONObject = [
      "name": .string(task.name), "reference": .string(task.reference), "kind": .string(task.kind.keyword),
    ]
    if let condition = task.condition { object["if"] = .string(condition.source) }
    if let then = task.then { object["then"] = .string(then.text) }
    switch task.kind {
    case .call(let call): object["channel"] = .string(call.channel)
    case .switch(let cases):
      object["cases"] = .array(
        cases.map {
          ["name": .string($0.name), "when": .text($0.when?.source), "then": .string($0.then.text)]
        })
    default: break
    }
    if !task.scopes.isEmpty { object["tasks"] = .array(task.scopes.flatMap { $0.map(json) }) }
    return .object(object)
  }

  // MARK: Text

  func text(_ style: Style) -> String {
    let definition = shown.definition
    var fields = FieldList()
    fields.add("Workflow", style.painted("\(definition.namespace)/\(definition.name)", .bold))
    fields.add("Version", definition.version + others)
    if let document = parsed?.document {
      fields.add("Title", document.title.map(TextWidth.plain))
      fields.add("Summary", lines: lines(document.summary))
      if !document.tags.isEmpty { fields.add("Tags", TextWidth.plain(JSON.object(document.tags).text)) }
      fields.add("DSL", document.dsl)
    }
    fields.add("Deployed", "\(style.moment(definition.deployedAt)) from \(TextWidth.plain(definition.file))")
    fields.add(
      "Retired",
      shown.retirement.map { retirement in
        "\(style.moment(retirement.at)) by \(TextWidth.plain(retirement.author))"
          + (retirement.reason.isEmpty ? "" : ": \(TextWidth.plain(retirement.reason))")
      })
    fields.add("Digest", definition.digest)
    fields.add("Instances", shown.counts.text)
    guard let parsed else {
      fields.add("Problem", "this version of mediatorctl cannot read it: \(problem ?? "unknown")")
      return fields.render(style)
    }
    fields.add("Trigger", lines: trigger(parsed))
    if !parsed.channels.isEmpty { fields.add("Channels", parsed.channels.sorted().joined(separator: ", ")) }
    return fields.render(style) + "\n\n" + (["Tasks"] + tree(parsed.tasks, indent: "", style)).joined(separator: "\n")
  }

  private var others: String {
    let others = versions.map(\.definition.version).filter { $0 != shown.definition.version }
    let latest = versions.first(where: \.isLatest)?.definition.version
    let role = shown.isLatest ? "latest" : latest.map { "events start \($0)" } ?? "nothing starts it"
    if others.isEmpty { return shown.isLatest ? "" : " (\(role))" }
    return " (\(role); also deployed: \(others.joined(separator: ", ")))"
  }

  private func lines(_ text: String?) -> [String] {
    (text ?? "").split(whereSeparator: \.isNewline).map { TextWidth.plain(String($0)) }
  }

  private func trigger(_ definition: WorkflowDefinition) -> [String] {
    guard case .one(let filter)? = definition.schedule?.on else { return ["none: no event starts it"] }
    let conditions = filter.attributes.map { attribute in
      switch attribute.test {
      case .equals(let value): "\(attribute.name) = \(TextWidth.plain(value.text))"
      case .expression(let expression): "\(attribute.name): ${ \(TextWidth.plain(expression.source)) }"
      }
    }
    return conditions.isEmpty ? ["every event"] : ["an event with"] + conditions.map { "  \($0)" }
  }

  private func tree(_ tasks: some Collection<TaskDefinition>, indent: String, _ style: Style) -> [String] {
    var lines: [String] = []
    for (index, task) in tasks.enumerated() {
      let isLast = index == tasks.count - 1
      let deeper = indent + (isLast ? "   " : "│  ")
      lines.append("\(indent)\(isLast ? "└─ " : "├─ ")\(style.painted(task.name, .bold))  \(summary(task))")
      if case .switch(let cases) = task.kind {
        for item in cases {
          let when = item.when.map { "when ${ \(TextWidth.plain($0.source)) }" } ?? "otherwise"
          lines.append("\(deeper)· \(item.name): \(when) → \(item.then.text)")
        }
      }
      for scope in task.scopes { lines += tree(scope, indent: deeper, style) }
    }
    return lines
  }

  private func summary(_ task: TaskDefinition) -> String {
    var parts = [task.kind.keyword]
    if case .call(let call) = task.kind { parts.append("→ channel \(call.channel)") }
    if let condition = task.condition { parts.append("if ${ \(TextWidth.plain(condition.source)) }") }
    switch task.timeout {
    case .constant(let duration): parts.append("within \(ISO8601Duration.format(duration))")
    case .expression(let expression): parts.append("within ${ \(TextWidth.plain(expression.source)) }")
    case nil: break
    }
    if let then = task.then, then != .continue { parts.append("then \(then.text)") }
    return parts.joined(separator: "  ")
  }
}

extension FlowDirective {
  fileprivate var text: String {
    switch self {
    case .continue: "continue"
    case .exit: "exit"
    case .end: "end"
    case .task(let name): name
    }
  }
}
