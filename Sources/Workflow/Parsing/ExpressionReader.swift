import Values
import YAML

/// Reads expressions and templates out of a file, with the place of every mistake.
struct ExpressionReader {
  let file: SourceFile
  /// The names under `use.secrets`.
  var secrets: Set<String> = []
  /// Names that loops and handlers around the place give to their values.
  var locals: Set<String> = []

  /// Which variables exist where. Source: dsl.md, "Runtime expression arguments", the table of availability.
  enum Stage {
    case workflowInput, workflowOutput, taskInput, taskDefinition, taskOutput, taskExport
    /// Filters and correlations of `listen`: part of the task's definition, but compared instead of passed on.
    case listen
    /// What is evaluated on an event that starts an instance: there is no instance yet.
    case schedule

    var variables: Set<String> {
      switch self {
      case .workflowInput: ["secrets", "workflow", "runtime"]
      case .workflowOutput: ["context", "secrets", "workflow", "runtime"]
      case .taskInput: ["context", "secrets", "task", "workflow", "runtime"]
      case .taskDefinition, .taskOutput, .listen:
        ["context", "input", "secrets", "task", "workflow", "runtime", "authorization"]
      case .taskExport:
        ["context", "input", "output", "secrets", "task", "workflow", "runtime", "authorization"]
      case .schedule: []
      }
    }
  }

  /// Every variable of the standard.
  static let standardVariables: Set<String> = Stage.taskExport.variables

  /// What becomes of an expression's value. Secrets can be passed on, and not looked at.
  enum Purpose {
    case value, decision
  }

  /// The same place seen from inside of something that names values.
  func naming(_ names: String...) -> ExpressionReader {
    var inner = self
    inner.locals.formUnion(names)
    return inner
  }

  /// A field that is always an expression: `${ }` around it may be left out.
  func expression(_ node: YAMLNode, _ stage: Stage, _ purpose: Purpose = .decision) -> Expression? {
    guard case .string(let text)? = node.scalar else { return nil }
    return expression(text, Expression.source(of: text) ?? Substring(text), node, stage, purpose)
  }

  /// Data in which a string is an expression when it is wholly `${ … }`.
  func template(_ node: YAMLNode, _ stage: Stage, _ purpose: Purpose = .value) -> Template? {
    switch node.content {
    case .scalar(.string(let text), _):
      guard let source = Expression.source(of: text) else {
        if text.contains("${") {
          file.warning(
            .expression, node.position, "'${' in the middle of a text means nothing: the text is taken as it stands",
            hint: #"make the whole text an expression: ${ "Hello \(.name)" }"#)
        }
        return .constant(.string(text))
      }
      return expression(text, source, node, stage, purpose).map { .expression($0) }
    case .scalar(let value, _): return .constant(value)
    case .sequence(let items):
      let templates = items.compactMap { template($0, stage, purpose) }
      guard templates.count == items.count else { return nil }
      return templates.allSatisfy(\.isConstant) ? .constant(node.json) : .array(templates)
    case .mapping(let entries):
      var members: [(key: String, value: Template)] = []
      for entry in entries {
        if let value = template(entry.value, stage, purpose) { members.append((entry.key, value)) }
      }
      return members.count == entries.count ? .object(of: members) : nil
    }
  }

  /// `from` and `as`: an expression, or a mapping with expressions inside.
  func transform(_ node: YAMLNode, _ stage: Stage) -> Template? {
    if node.scalar != nil { return expression(node, stage, .value).map { .expression($0) } }
    return node.mapping == nil ? nil : template(node, stage)
  }

  /// - Parameters:
  ///   - text: the whole scalar.
  ///   - source: the part of it that is jq.
  private func expression(
    _ text: String, _ source: Substring, _ node: YAMLNode, _ stage: Stage, _ purpose: Purpose
  ) -> Expression? {
    let start = text.utf8.distance(from: text.startIndex, to: source.startIndex)
    let trimmed = source.trimmingBlanks
    let skipped = source.utf8.distance(from: source.startIndex, to: trimmed.startIndex)
    do throws(JQProblem) {
      let position = file.position(of: start + skipped, in: text, at: node)
      let expression = try Expression(
        parsing: String(trimmed), variables: stage.variables.union(locals), location: file.location(position))
      try refuseSecrets(expression, purpose)
      return expression
    } catch {
      let position = file.position(of: start + skipped + error.offset, in: text, at: node)
      let code: Diagnostic.Code =
        switch error.code {
        case .unsupported: .unsupported
        case .unresolved: .unresolved
        default: .expression
        }
      file.error(code, position, error.message, hint: error.hint)
      return nil
    }
  }

  private func refuseSecrets(_ expression: Expression, _ purpose: Purpose) throws(JQProblem) {
    if expression.usedVariables.contains("authorization"), !locals.contains("authorization") {
      throw JQProblem(
        code: .unsupported, offset: SecretCheck.offset(of: "$authorization", in: expression.source) ?? 0,
        message: "not supported: $authorization",
        hint: "credentials are resolved by the processor that makes the call, and never come back")
    }
    guard expression.usedVariables.contains("secrets") else { return }
    try SecretCheck(source: expression.source, secrets: secrets, isPassedOn: purpose == .value)
      .check(expression.program.tree)
  }
}

extension Template {
  var isConstant: Bool { if case .constant = self { true } else { false } }

  /// An object, built once if nothing in it needs an evaluation.
  static func object(of members: [(key: String, value: Template)]) -> Template {
    var constants = JSONObject()
    for (key, value) in members {
      guard case .constant(let json) = value else { return .object(members) }
      constants[key] = json
    }
    return .constant(.object(constants))
  }
}

extension Substring {
  /// Without white space at either end.
  var trimmingBlanks: Substring {
    var text = drop { $0.isWhitespace }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }
}
