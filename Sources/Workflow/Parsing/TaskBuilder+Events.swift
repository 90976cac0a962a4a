import Values
import YAML

/// Events that are published and waited for.
extension TaskBuilder {
  func emit(_ node: YAMLNode) -> TaskKind? {
    guard let with = node["event"]?["with"] else { return nil }
    return EventReader(reader: reader, stage: .taskDefinition).emission(with).map { .emit($0) }
  }

  func listen(_ node: YAMLNode, _ listen: YAMLNode, at reference: String) -> TaskKind? {
    let consumption = listen["to"].flatMap { EventReader(reader: reader, stage: .listen).consumption($0) }
    let iterator = node["foreach"].map { self.iterator($0, at: reference + "/foreach") }
    guard let consumption else { return nil }
    let read = listen["read"]?.scalar?.string.flatMap { Listen.Reading(rawValue: $0) } ?? .data
    return .listen(Listen(to: consumption, read: read, iterator: iterator))
  }

  private func iterator(_ node: YAMLNode, at reference: String) -> SubscriptionIterator {
    let item = name(node["item"], default: "item")
    let at = name(node["at"], default: "index")
    refuseEqual(item, at, node["at"] ?? node["item"])
    let inner = naming(item, at)
    let stages = DataStageReader(reader: inner.reader, schemas: schemas)
    return SubscriptionIterator(
      item: item, at: at, tasks: node["do"].map { inner.scope($0, at: reference + "/do") },
      output: stages.output(node["output"], .taskOutput), export: stages.export(node["export"]))
  }
}
