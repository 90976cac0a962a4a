import Values
import YAML

/// What this engine adds to the standard, under `metadata`; all other keys there are anyone's.
struct MetadataReader {
  let context: FileContext

  private var file: SourceFile { context.file }

  /// Warns of keys that are ours but for a slip.
  func checkKeys(_ node: YAMLNode?, known: [String]) {
    for entry in node?.mapping ?? [] where !known.contains(entry.key) {
      let plain = entry.key.lowercased().filter { $0 != "_" && $0 != "-" }
      let meant = known.first { Suggestion.editDistance(plain, $0.lowercased()) <= 1 }
      guard let meant else { continue }
      file.warning(
        .unknownKey, entry.keyPosition, "'\(entry.key)' under 'metadata' means nothing to this engine",
        hint: "Did you mean '\(meant)'?")
    }
  }

  /// `document.metadata.orderKey`.
  func orderKey(_ node: YAMLNode?) -> Expression? {
    guard let node else { return nil }
    guard case .string? = node.scalar else {
      file.error(
        .invalidValue, node.position, "'orderKey' is an expression on the event that starts an instance",
        hint: "such as .data.customer")
      return nil
    }
    return context.reader.expression(node, .schedule)
  }

  /// `document.metadata.priority`.
  func priority(_ node: YAMLNode?) -> Int {
    guard let node else { return 1 }
    guard let priority = node.json.int, (1...10).contains(priority) else {
      file.error(
        .invalidValue, node.position, "'priority' is a whole number from 1 (the default) to 10",
        hint: "a workflow of priority 4 has four turns where one of priority 1 has one")
      return 1
    }
    return priority
  }

  /// `document.metadata.maxInFlight`.
  func maxInFlight(_ node: YAMLNode?) -> Int? {
    guard let node else { return nil }
    guard let limit = node.json.int, limit >= 1 else {
      file.error(
        .invalidValue, node.position, "'maxInFlight' is a whole number from 1",
        hint: "how many calls of this workflow may be under way at once; leave it out for no limit")
      return nil
    }
    return limit
  }
}

extension TaskBuilder {
  /// - Parameter node: a task's `metadata`.
  func compensation(_ node: YAMLNode) -> Compensation? {
    MetadataReader(context: context).checkKeys(node, known: ["compensation"])
    guard let compensation = node["compensation"] else { return nil }
    guard let entries = compensation.mapping else {
      file.error(
        .invalidValue, compensation.position, "'compensation' must be a mapping",
        hint: "compensation: {use: <a function of use.functions>, with: {…}}")
      return nil
    }
    for entry in entries where !["use", "with"].contains(entry.key) {
      file.error(
        .unknownKey, entry.keyPosition, "'\(entry.key)' is no key of 'compensation'",
        hint: Suggestion.hint(for: entry.key, among: ["use", "with"]) ?? "known keys: use, with")
    }
    if let with = compensation["with"], with.mapping == nil {
      file.error(.invalidValue, with.position, "'with' must be a mapping")
    }
    let with = compensation["with"].flatMap { reader.template($0, .taskExport) }
    guard let use = compensation["use"], case .string(let name)? = use.scalar else {
      file.error(
        .missingKey, compensation["use"]?.position ?? compensation.position,
        "'compensation' names a function under 'use'")
      return nil
    }
    guard context.component("functions", "function", named: name, at: use.position) != nil else { return nil }
    let functions = FunctionBuilder(context: context, isExtended: isExtended)
    return functions.body(of: name, calledAt: use.position).map {
      Compensation(function: FunctionCall(name: name, with: with, body: $0))
    }
  }
}
