import Values
import YAML

/// Compares a file with the standard's shapes: unknown and missing keys, values of the wrong kind, keys that exclude one
/// another. It knows all of the standard, also what the engine does not run.
struct StructureCheck {
  let file: SourceFile

  func check(_ node: YAMLNode, _ shape: Shape, _ name: String) {
    switch shape {
    case .any: break
    case .named(let reference): check(node, Standard.shape(reference), name)
    case .either(let shapes): checkEither(node, shapes, name)
    case .task: checkTask(node, name)
    case .object(let members): checkObject(node, members, name)
    case .map(let value):
      guard let entries = mapping(node, shape, name) else { return }
      for entry in entries { check(entry.value, value, entry.key) }
    case .list(let itemShape):
      guard let items = node.sequence else { return wrongKind(node, shape, name) }
      for item in items { check(item, itemShape, name) }
    case .namedList(let value): checkNamedList(node, value, name)
    case .string, .choice, .integer, .boolean: checkScalar(node, shape, name)
    }
  }

  private func checkEither(_ node: YAMLNode, _ shapes: [Shape], _ name: String) {
    guard let shape = shapes.first(where: { matches(node, $0) }) else { return wrongKind(node, .either(shapes), name) }
    check(node, shape, name)
  }

  private func matches(_ node: YAMLNode, _ shape: Shape) -> Bool {
    switch (shape, node.content) {
    case (.named(let reference), _): matches(node, Standard.shape(reference))
    case (.string, .scalar(.string, _)), (.list, .sequence), (.namedList, .sequence), (.map, .mapping),
      (.object, .mapping), (.task, .mapping), (.any, _):
      true
    default: false
    }
  }

  private func mapping(_ node: YAMLNode, _ shape: Shape, _ name: String) -> [YAMLEntry]? {
    guard let entries = node.mapping else {
      wrongKind(node, shape, name)
      return nil
    }
    return entries
  }

  private func checkObject(_ node: YAMLNode, _ members: Shape.Members, _ name: String) {
    guard let entries = mapping(node, .object(members), name) else { return }
    for entry in entries {
      if let shape = members.keys[entry.key] {
        check(entry.value, shape, entry.key)
      } else if !members.others {
        unknownKey(entry, in: name, known: members.keys.keys)
      }
    }
    checkPresence(entries, members, name, at: node.position)
  }

  private func checkPresence(
    _ entries: [YAMLEntry], _ members: Shape.Members, _ name: String, at position: YAMLPosition
  ) {
    for key in members.required.sorted() where !entries.contains(where: { $0.key == key }) {
      file.error(.missingKey, position, "'\(key)' is missing in '\(name)'")
    }
    guard !members.exactlyOne.isEmpty else { return }
    let names = members.exactlyOne.sorted().joined(separator: ", ")
    let present = entries.filter { members.exactlyOne.contains($0.key) }
    if present.isEmpty {
      file.error(.missingKey, position, "'\(name)' needs one of: \(names)")
    }
    for entry in present.dropFirst() {
      file.error(.conflict, entry.keyPosition, "'\(entry.key)' and '\(present[0].key)' exclude one another")
    }
  }

  private func checkNamedList(_ node: YAMLNode, _ value: Shape, _ name: String) {
    guard let items = node.sequence else {
      return wrongKind(node, .namedList(value), name, hint: "every item is '- aName:' with what it names below it")
    }
    for item in items {
      guard let entries = item.mapping, let first = entries.first else {
        wrongKind(item, .map(.any), "an item of \(name)", hint: "write '- aName:' and what it names below it")
        continue
      }
      for entry in entries.dropFirst() {
        file.error(
          .conflict, entry.keyPosition, "an item of '\(name)' has one name, but here is a second one: '\(entry.key)'",
          hint: "begin a new item ('- \(entry.key):'), or indent it further if it belongs to '\(first.key)'")
      }
      for entry in entries { check(entry.value, value, entry.key) }
    }
  }

  // MARK: Tasks

  private func checkTask(_ node: YAMLNode, _ name: String) {
    guard let entries = mapping(node, .task, name) else { return }
    guard let kind = kind(of: entries, name, at: node.position), var members = Standard.kind(kind) else { return }
    members.keys.merge(Standard.taskMembers) { own, _ in own }
    if kind == "call", case .string(let target)? = node["call"]?.scalar,
      let arguments = Standard.protocolArguments(target)
    {
      members.keys["with"] = .object(arguments)
      members.required.insert("with")
    }
    checkObject(node, members, name)
  }

  private func kind(of entries: [YAMLEntry], _ name: String, at position: YAMLPosition) -> String? {
    var kinds = entries.filter { Standard.kindNames.contains($0.key) }
    // A 'for' has a 'do' of its own.
    if kinds.contains(where: { $0.key == "for" }) { kinds.removeAll { $0.key == "do" } }
    guard let first = kinds.first else {
      let known = Standard.kindNames.sorted()
      let unknown = entries.filter { Standard.taskMembers[$0.key] == nil }
      for entry in unknown { unknownKey(entry, in: name, known: known + Standard.taskMembers.keys) }
      if unknown.isEmpty {
        file.error(
          .missingKey, position, "the task '\(name)' does nothing",
          hint: "it needs one of: " + known.joined(separator: ", "))
      }
      return nil
    }
    for entry in kinds.dropFirst() {
      file.error(
        .conflict, entry.keyPosition, "a task does one thing: '\(first.key)' and '\(entry.key)' exclude one another",
        hint: "make two tasks of it")
    }
    return kinds.count == 1 ? first.key : nil
  }

  // MARK: Values

  private func checkScalar(_ node: YAMLNode, _ shape: Shape, _ name: String) {
    switch (shape, node.scalar) {
    case (.string, .string?), (.boolean, .bool?): return
    case (.integer, .number(let number)?) where number.int != nil: return
    case (.choice(let choices), .string(let text)?):
      if choices.contains(text) { return }
      file.error(
        .invalidValue, node.position, "'\(name)' is \(shape.description), not '\(text)'",
        hint: Suggestion.hint(for: text, among: choices))
    case (.string, .number(let number)?):
      wrongKind(node, shape, name, hint: "quote it: '\(number.text)'")
    case (.string, .bool(let flag)?): wrongKind(node, shape, name, hint: "quote it: '\(flag)'")
    default: wrongKind(node, shape, name)
    }
  }

  private func unknownKey(_ entry: YAMLEntry, in name: String, known: some Sequence<String>) {
    let keys = known.sorted()
    file.error(
      .unknownKey, entry.keyPosition, "'\(entry.key)' is no key of '\(name)'",
      hint: Suggestion.hint(for: entry.key, among: keys) ?? "known keys: " + keys.joined(separator: ", "))
  }

  private func wrongKind(_ node: YAMLNode, _ shape: Shape, _ name: String, hint: String? = nil) {
    let found =
      switch node.content {
      case .mapping: "a mapping"
      case .sequence: "a list"
      case .scalar(.null, _): "nothing"
      case .scalar(.bool, _): "true or false"
      case .scalar(.number, _): "a number"
      case .scalar: "text"
      }
    file.error(.invalidValue, node.position, "'\(name)' must be \(shape.description), not \(found)", hint: hint)
  }
}
