import Values
import YAML

/// Events: which are meant, and which to publish. Sources: "Event Consumption Strategy", "Event Filter", "Event
/// Properties".
struct EventReader {
  let reader: ExpressionReader
  /// What expressions of filters see.
  let stage: ExpressionReader.Stage

  private var file: SourceFile { reader.file }

  // MARK: Consumption

  func consumption(_ node: YAMLNode) -> EventConsumption? {
    let until = node.mapping?.first { $0.key == "until" }
    if let until, node["any"] == nil {
      file.error(
        .conflict, until.keyPosition, "'until' ends a listening to 'any'", hint: "'one' and 'all' end by themselves")
    }
    if let one = node["one"] { return .one(filter(one)) }
    if let all = node["all"], let filters = filters(all) {
      if filters.isEmpty { file.error(.missingKey, all.position, "'all' names no event") }
      return .all(filters)
    }
    guard let any = node["any"], let filters = filters(any) else { return nil }
    return .any(filters, until: until.flatMap { self.until($0.value) })
  }

  private func filters(_ node: YAMLNode) -> [EventFilter]? { node.sequence?.map(filter) }

  private func until(_ node: YAMLNode) -> EventConsumption.Until? {
    if node.scalar != nil { return reader.expression(node, stage).map { .condition($0) } }
    if let nested = node.mapping?.first(where: { $0.key == "until" }) {
      file.error(.conflict, nested.keyPosition, "the events that end a listening have no 'until' of their own")
      return nil
    }
    return consumption(node).map { .events($0) }
  }

  // MARK: Filters

  private func filter(_ node: YAMLNode) -> EventFilter {
    let entries = node["with"]?.mapping ?? []
    if entries.isEmpty, let with = node["with"], with.mapping != nil {
      file.error(.missingKey, with.position, "an event filter names at least one attribute, such as 'type'")
    }
    return EventFilter(
      attributes: entries.compactMap(attribute),
      correlations: (node["correlate"]?.mapping ?? []).compactMap(correlation))
  }

  private func attribute(_ entry: YAMLEntry) -> EventFilter.Attribute? {
    checkName(entry)
    guard let template = reader.template(entry.value, stage, .decision) else { return nil }
    switch template {
    case .expression(let expression): return .init(name: entry.key, test: .expression(expression))
    case .constant(.string(let text)) where entry.key != "data":
      return literal(text, entry).map { .init(name: entry.key, test: $0) }
    case .constant(let value): return .init(name: entry.key, test: .equals(value))
    case .array, .object, .uri:
      file.unsupported(
        "expressions inside the data of an event filter", entry.value.position,
        hint: "make all of it one expression on the data: ${ .temperature > 38 }")
      return nil
    }
  }

  /// The standard lets a literal be a regular expression, and does not say how one is told from a plain text. Here it
  /// is one when it begins with `^` or ends with `$`, which nothing that is meant plainly does.
  private func literal(_ text: String, _ entry: YAMLEntry) -> EventFilter.Test? {
    guard text.hasPrefix("^") || text.hasSuffix("$") else {
      if [".*", ".+", "\\.", "[", "]", "|"].contains(where: { text.contains($0) }) {
        file.warning(
          .invalidValue, entry.value.position, "'\(text)' is compared as it stands",
          hint: "a regular expression begins with '^' or ends with '$'")
      }
      return .equals(.string(text))
    }
    do throws(ExpressionError) {
      // One program tries all patterns: each of their own is compiled when it is first needed.
      let trial = try Expression("\"\" | test($pattern)", variables: ["pattern"])
      _ = try trial.evaluate(nil) { _ in .string(text) }
      let source = "type == \"string\" and test(\(JSON.string(text).text))"
      return .expression(try Expression(source, variables: [], location: file.location(entry.value.position)))
    } catch {
      file.error(.invalidValue, entry.value.position, "'\(text)' is no regular expression: \(error.message)")
      return nil
    }
  }

  private func correlation(_ entry: YAMLEntry) -> EventFilter.Correlation? {
    let expect = entry.value["expect"].map { reader.template($0, stage, .decision) }
    // By its value an event is found without any instance: it cannot depend on one.
    let plain = ExpressionReader(file: file)
    guard let from = entry.value["from"].flatMap({ plain.expression($0, .schedule) }) else { return nil }
    return EventFilter.Correlation(name: entry.key, from: from, expect: expect ?? nil)
  }

  // MARK: Emission

  /// - Parameter node: what stands under `with`.
  func emission(_ node: YAMLNode) -> Emission? {
    let entries = node.mapping ?? []
    for entry in entries { checkEmitted(entry) }
    if node["type"] == nil, node.mapping != nil {
      file.error(.missingKey, node.position, "'type' is missing in 'with'", hint: "an event says what happened")
    }
    return reader.template(node, stage).map { Emission(attributes: $0) }
  }

  private func checkEmitted(_ entry: YAMLEntry) {
    checkName(entry)
    if entry.key == "data" { return }
    let position = entry.value.position
    guard let value = entry.value.scalar, !value.isNull else {
      file.error(
        .invalidValue, position, "the attribute '\(entry.key)' is text, a number, or true or false",
        hint: "only 'data' can be a mapping or a list")
      return
    }
    guard case .string(let text) = value, Expression.source(of: text) == nil else { return }
    if text.isEmpty {
      file.error(.invalidValue, position, "the attribute '\(entry.key)' cannot be an empty text")
    } else if entry.key == "time", Timestamp(rfc3339: text) == nil {
      file.error(.invalidValue, position, "'\(text)' is no time", hint: "RFC 3339, such as 2026-01-31T12:00:00Z")
    } else if entry.key == "specversion", text != "1.0" {
      file.unsupported("CloudEvents \(text)", position, hint: "leave it out, or write '1.0'")
    }
  }

  // MARK: Names

  private static let attributes = [
    "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data",
  ]

  private func checkName(_ entry: YAMLEntry) {
    let isName =
      !entry.key.isEmpty
      && entry.key.utf8.allSatisfy { JQLexer.isDigit($0) || (0x61...0x7A).contains($0) }
    if isName { return }
    file.error(
      .invalidValue, entry.keyPosition, "'\(entry.key)' cannot be an attribute of an event",
      hint: Suggestion.hint(for: entry.key, among: Self.attributes)
        ?? "names of attributes have lower-case letters and digits only")
  }
}
