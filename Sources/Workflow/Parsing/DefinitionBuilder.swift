import Values
import YAML

/// Builds the model from a file whose keys were checked, and reports what only meaning can tell. What a check before it
/// has already reported is skipped without a word.
struct DefinitionBuilder {
  let file: SourceFile

  func build(_ root: YAMLNode, bytes: [UInt8]) -> WorkflowDefinition? {
    refuseUnsupported(root)
    let document = root["document"].flatMap(document)
    let reader = ExpressionReader(file: file)
    let durations = DurationReader(file: file)
    let input = root["input"].map { transform($0, "from", .workflowInput, reader) }
    let output = root["output"].map { transform($0, "as", .workflowOutput, reader) }
    let timeout = root["timeout"].flatMap { durations.timeout($0, reader, .workflowOutput) }
    let schedule = root["schedule"].map(schedule)
    let tasks = root["do"].map { TaskBuilder(file: file, reader: reader).scope($0, at: "/do") }
    guard let document, let tasks else { return nil }
    return WorkflowDefinition(
      document: document, source: file.text, digest: SHA256.hex(bytes), json: root.json,
      input: input.map { InputTransform(schema: nil, from: $0) },
      output: output.map { OutputTransform(schema: nil, as: $0) }, timeout: timeout,
      schedule: schedule, tasks: tasks)
  }

  private func refuseUnsupported(_ root: YAMLNode) {
    for entry in root["use"]?.mapping ?? [] where Self.isFilled(entry.value) {
      file.unsupported("use.\(entry.key)", entry.keyPosition)
    }
    guard let evaluate = root["evaluate"] else { return }
    if let language = evaluate["language"], case .string(let name)? = language.scalar, name != "jq" {
      file.unsupported("expressions in '\(name)'", language.position, hint: "jq is the standard's own language")
    }
    if let mode = evaluate["mode"], mode.scalar == "loose" {
      file.unsupported("loose expressions", mode.position, hint: "put every expression into ${ }")
    }
  }

  private static func isFilled(_ node: YAMLNode) -> Bool {
    switch node.content {
    case .mapping(let entries): !entries.isEmpty
    case .sequence(let items): !items.isEmpty
    case .scalar: true
    }
  }

  // MARK: Document

  private func document(_ node: YAMLNode) -> Document? {
    let dsl = text(node["dsl"])
    if let dsl, let version = node["dsl"] { checkDSL(dsl, version.position) }
    for key in ["namespace", "name"] {
      if let name = text(node[key]), let position = node[key]?.position, !Self.isName(name) {
        file.error(
          .invalidValue, position, "'\(name)' cannot be a \(key)",
          hint: "up to 63 letters, digits and hyphens, the first and last no hyphen")
      }
    }
    guard let dsl, let namespace = text(node["namespace"]), let name = text(node["name"]),
      let versionText = text(node["version"])
    else { return nil }
    guard let version = SemanticVersion(versionText) else {
      file.error(
        .invalidValue, node["version"]?.position ?? node.position, "'\(versionText)' is no semantic version",
        hint: "three numbers, such as '1.0.0'")
      return nil
    }
    return Document(
      dsl: dsl, namespace: namespace, name: name, version: version, title: text(node["title"]),
      summary: text(node["summary"]), tags: object(node["tags"]), metadata: object(node["metadata"]))
  }

  private func checkDSL(_ text: String, _ position: YAMLPosition) {
    if ["1.0.0", "1.0.1", "1.0.2", "1.0.3"].contains(text) { return }
    if SemanticVersion(text) == nil {
      file.error(.invalidValue, position, "'\(text)' is no version of the DSL", hint: "write '1.0.3'")
    } else {
      file.error(.unsupported, position, "version \(text) of the DSL is not known here", hint: "1.0.0 to 1.0.3 are")
    }
  }

  private static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    let hyphen = UInt8(ascii: "-")
    return (1...63).contains(bytes.count) && bytes.first != hyphen && bytes.last != hyphen
      && bytes.allSatisfy { $0 == hyphen || JQLexer.isDigit($0) || (0x61...0x7A).contains($0 | 0x20) }
  }

  private func text(_ node: YAMLNode?) -> String? { node?.scalar?.string }

  private func object(_ node: YAMLNode?) -> JSONObject { node?.json.object ?? JSONObject() }

  /// `input` and `output`: what the one key that is run says. A schema beside it is refused.
  private func transform(
    _ node: YAMLNode, _ key: String, _ stage: ExpressionReader.Stage, _ reader: ExpressionReader
  ) -> Template? {
    refuseSchema(node, file)
    return node[key].flatMap { reader.transform($0, stage) }
  }

  // MARK: Schedule

  private func schedule(_ node: YAMLNode) -> Schedule {
    for entry in node.mapping ?? [] where ["every", "cron", "after"].contains(entry.key) {
      file.unsupported("schedule.\(entry.key)", entry.keyPosition)
    }
    guard let on = node["on"] else { return Schedule(on: nil, every: nil, cron: nil, after: nil) }
    for entry in on.mapping ?? [] where ["all", "any", "until"].contains(entry.key) {
      file.unsupported(
        "schedule.on.\(entry.key)", entry.keyPosition, hint: "schedule.on.one starts an instance for every event")
    }
    return Schedule(on: on["one"].map { .one(filter($0)) }, every: nil, cron: nil, after: nil)
  }

  private func filter(_ node: YAMLNode) -> EventFilter {
    if let entry = node.mapping?.first(where: { $0.key == "correlate" }) {
      file.unsupported("correlate", entry.keyPosition)
    }
    let entries = node["with"]?.mapping ?? []
    if entries.isEmpty, let with = node["with"] {
      file.error(.missingKey, with.position, "an event filter names at least one attribute, such as 'type'")
    }
    return EventFilter(attributes: entries.compactMap(attribute))
  }

  private func attribute(_ entry: YAMLEntry) -> EventFilter.Attribute? {
    let isName = entry.key.utf8.allSatisfy { JQLexer.isDigit($0) || (0x61...0x7A).contains($0) }
    if !isName {
      let hint = Suggestion.hint(for: entry.key, among: Self.attributes)
      file.error(
        .invalidValue, entry.keyPosition, "'\(entry.key)' cannot be an attribute of an event",
        hint: hint ?? "names of attributes have lower-case letters and digits only")
    }
    guard let template = ExpressionReader(file: file).template(entry.value, .schedule) else { return nil }
    switch template {
    case .expression(let expression): return .init(name: entry.key, test: .expression(expression))
    case .constant(let value):
      if case .string(let text) = value, entry.key != "data", Self.looksLikeRegularExpression(text) {
        file.unsupported(
          "regular expressions as literals of an event filter", entry.value.position,
          hint: "write an expression: ${ test(\"\(text)\") }")
      }
      return .init(name: entry.key, test: .equals(value))
    case .array, .object:
      file.unsupported("expressions inside the data of an event filter", entry.value.position)
      return nil
    }
  }

  private static let attributes = [
    "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data",
  ]

  /// What no literal attribute has, or hardly any.
  private static func looksLikeRegularExpression(_ text: String) -> Bool {
    text.hasPrefix("^") || text.hasSuffix("$") || [".*", ".+", "\\.", "[", "]", "|"].contains { text.contains($0) }
  }
}

func refuseSchema(_ node: YAMLNode, _ file: SourceFile) {
  if let entry = node.mapping?.first(where: { $0.key == "schema" }) {
    file.unsupported("data schemas", entry.keyPosition)
  }
}
