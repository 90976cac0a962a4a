import Values
import YAML

/// Builds the model from a file whose keys were checked, and reports what only meaning can tell. What a check before it
/// has already reported is skipped without a word.
struct DefinitionBuilder {
  let context: FileContext

  private var file: SourceFile { context.file }

  func build(_ root: YAMLNode, bytes: [UInt8]) -> WorkflowDefinition? {
    refuseUnsupported(root)
    let document = root["document"].flatMap { DocumentReader(file: file).document($0) }
    let stages = DataStageReader(reader: context.reader, schemas: SchemaReader(file: file))
    let input = stages.input(root["input"], .workflowInput)
    let output = stages.output(root["output"], .workflowOutput)
    let timeout = root["timeout"].flatMap {
      DurationReader(context: context).timeout($0, context.reader, .workflowOutput)
    }
    let metadata = root["document"]?["metadata"]
    let schedule = ScheduleReader(context: context, metadata: metadata).schedule(root["schedule"])
    let orderKey = self.orderKey(metadata)
    let own = MetadataReader(context: context)
    let (priority, maxInFlight) = (own.priority(metadata?["priority"]), own.maxInFlight(metadata?["maxInFlight"]))
    buildComponents(root["use"])
    let tasks = root["do"].map { TaskBuilder(context: context, reader: context.reader).scope($0, at: "/do") }
    guard let document, let tasks else { return nil }
    return WorkflowDefinition(
      document: document, source: file.text, digest: SHA256.hex(bytes), json: root.json, input: input, output: output,
      timeout: timeout, schedule: schedule, tasks: tasks, secrets: context.secrets, orderKey: orderKey,
      priority: priority, maxInFlight: maxInFlight)
  }

  private func orderKey(_ metadata: YAMLNode?) -> Expression? {
    let reader = MetadataReader(context: context)
    reader.checkKeys(metadata, known: ["maxInFlight", "orderKey", "priority", "timeZone"])
    return reader.orderKey(metadata?["orderKey"])
  }

  /// Reads everything under `use` once, also what nothing uses.
  private func buildComponents(_ use: YAMLNode?) {
    checkSecrets(use?["secrets"])
    let errors = ErrorReader(context: context, reader: context.reader)
    for entry in context.components("errors") { _ = errors.error(entry.value, context.reader) }
    let retries = RetryReader(context: context)
    for entry in context.components("retries") { _ = retries.policy(entry.value, context.reader, errors: ["error"]) }
    let authentications = AuthenticationReader(context: context, reader: context.reader)
    for entry in context.components("authentications") { _ = authentications.reusable(entry.value) }
    let durations = DurationReader(context: context)
    for entry in context.components("timeouts") {
      _ = durations.timeout(entry.value, context.reader, .taskDefinition)
    }
    context.extensions = ExtensionBuilder(context: context, node: use?["extensions"]).build()
    FunctionBuilder(context: context, isExtended: true).buildAll()
  }

  private func checkSecrets(_ node: YAMLNode?) {
    var seen: Set<String> = []
    for item in node?.sequence ?? [] {
      guard let name = item.scalar?.string else { continue }
      if name.isEmpty { file.error(.invalidValue, item.position, "a secret has a name") }
      if !seen.insert(name).inserted {
        file.error(.conflict, item.position, "the secret '\(name)' is named twice")
      }
    }
  }

  private func refuseUnsupported(_ root: YAMLNode) {
    if let entry = root["use"]?.mapping?.first(where: { $0.key == "catalogs" }), entry.value.mapping?.isEmpty == false {
      file.unsupported(
        "use.catalogs", entry.keyPosition,
        hint: "put the functions under use.functions: what runs must not change with what an address serves")
    }
    guard let evaluate = root["evaluate"] else { return }
    if let language = evaluate["language"], case .string(let name)? = language.scalar, name != "jq" {
      file.unsupported("expressions in '\(name)'", language.position, hint: "jq is the standard's own language")
    }
    if let mode = evaluate["mode"], mode.scalar == "loose" {
      file.unsupported(
        "loose expressions", mode.position,
        hint: "put every expression into ${ }: plain words such as 'length' or 'keys' are jq too")
    }
  }
}
