import Values
import YAML

/// Calls: of channels, of functions, and of the protocols that the standard names. Source: "Call".
extension TaskBuilder {
  func call(_ node: YAMLNode, _ entry: YAMLEntry) -> TaskKind? {
    guard case .string(let name)? = entry.value.scalar else { return nil }
    let position = entry.value.position
    if Standard.protocolArguments(name) != nil {
      guard let with = node["with"] else { return nil }
      return ProtocolCallReader(context: context, reader: reader).call(name, with, at: position).map { .call($0) }
    }
    let with = node["with"].flatMap { reader.template($0, .taskDefinition) }
    let functions = FunctionBuilder(context: context, isExtended: isExtended)
    if functions.isFunction(name) {
      return functions.body(of: name, calledAt: position).map {
        .function(FunctionCall(name: name, with: with, body: $0))
      }
    }
    if name.contains("://") || name.contains("@") {
      file.unsupported(
        "functions from catalogs and addresses", position,
        hint: "put the function under use.functions, or let a processor do it that reads a channel of its own")
      return nil
    }
    guard Self.isChannel(name) else {
      file.error(
        .invalidValue, position, "'\(name)' cannot be a channel",
        hint: "up to 200 letters, digits, points, hyphens and underscores")
      return nil
    }
    // A function around a channel may well be called like it.
    let open = context.openFunctions.map(\.name)
    let names = context.components("functions").map(\.key).filter { !open.contains($0) }
    if let hint = Suggestion.hint(for: name, among: names + Standard.protocolNames) {
      file.warning(.unresolved, position, "'\(name)' is no function here, so it is a channel", hint: hint)
    } else if let known = context.channels, !known.contains(name) {
      file.warning(
        .unresolved, position, "no processor of the configuration serves the channel '\(name)'",
        hint: Suggestion.hint(for: name, among: known.sorted())
          ?? "known channels: " + known.sorted().joined(separator: ", "))
    }
    return .call(Call(channel: name, with: with))
  }

  /// What can follow `mediator.channel.` in the name of a topic.
  private static func isChannel(_ name: String) -> Bool {
    (1...200).contains(name.utf8.count)
      && name.utf8.allSatisfy { JQLexer.isDigit($0) || JQLexer.isNameStart($0) || $0 == 0x2D || $0 == 0x2E }
  }
}
