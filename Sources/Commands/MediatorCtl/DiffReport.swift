import Toolchain
import Values
import Workflow

/// What a new version changes, for people and for machines.
struct DiffReport {
  let diff: WorkflowDiff
  private let old: WorkflowDefinition
  private let new: WorkflowDefinition

  init(_ old: WorkflowDefinition, _ new: WorkflowDefinition) {
    self.old = old
    self.new = new
    diff = WorkflowDiff(old, new)
  }

  var json: JSON {
    var object: JSONObject = ["old": json(old), "new": json(new)]
    for (key, value) in diff.json.object ?? JSONObject() { object[key] = value }
    return .object(object)
  }

  private func json(_ definition: WorkflowDefinition) -> JSON {
    let document = definition.document
    return [
      "namespace": .string(document.namespace), "name": .string(document.name),
      "version": .string(document.version.description), "digest": .string(definition.digest),
    ]
  }

  // MARK: Text

  func text(_ style: Style) -> String {
    let title = old.workflow == new.workflow ? "\(old.title) → \(new.document.version)" : "\(old.title) → \(new.title)"
    var parts = [style.painted(title, .bold)]
    if diff.isEmpty { parts.append("No difference.") }
    if !diff.members.isEmpty {
      parts.append((["Definition"] + diff.members.map { "  \(line($0, indent: 2, style))" }).joined(separator: "\n"))
    }
    if !diff.tasks.isEmpty {
      parts.append((["Tasks"] + diff.tasks.flatMap { lines($0, style) }).joined(separator: "\n"))
    }
    if !diff.verdict.notes.isEmpty {
      var fields = FieldList()
      for note in diff.verdict.notes { fields.add("  \(note.subject)", TextWidth.plain(note.text)) }
      parts.append("What it means\n\(fields.render(style))")
    }
    return parts.joined(separator: "\n\n")
  }

  private func lines(_ task: WorkflowDiff.TaskChange, _ style: Style) -> [String] {
    let (mark, colour) = Self.mark(task)
    let name = TextWidth.plain(task.name)
    var words = task.kinds.map(\.rawValue)
    if let oldName = task.oldName { words.append("from \(TextWidth.plain(oldName))") }
    var lines = [
      "  \(style.painted(mark, colour)) \(style.painted(name, .bold))  \(TextWidth.plain(task.summary))  "
        + words.joined(separator: ", ")
    ]
    let places = [task.oldReference, task.newReference].compactMap(\.self).map { TextWidth.plain($0) }
    let isSame = places.count == 2 && !task.kinds.contains(.moved) && task.oldName == nil
    // Tasks before it may have come or gone, so that the same place has another number.
    lines.append("      \(style.painted(isSame ? places[1] : places.joined(separator: " → "), .faint))")
    return lines + task.members.map { "      \(line($0, indent: 6, style))" }
  }

  private static func mark(_ task: WorkflowDiff.TaskChange) -> (String, Colour) {
    switch task.kinds.first {
    case .added: ("+", .green)
    case .removed: ("-", .red)
    case .moved, .renamed: (">", .blue)
    case .changed, nil: ("~", .yellow)
    }
  }

  private func line(_ change: MemberChange, indent: Int, _ style: Style) -> String {
    let pointer = TextWidth.plain(change.pointer)
    let room = style.width.map { max($0 - indent - 7 - TextWidth.of(pointer), 20) }
    func value(_ json: JSON, _ room: Int?) -> String {
      let text = TextWidth.plain(json.text)
      return room.map { TextWidth.truncate(text, to: $0) } ?? text
    }
    switch (change.old, change.new) {
    case (let old?, let new?):
      let half = room.map { $0 / 2 }
      return "\(style.painted("~", .yellow)) \(pointer): \(value(old, half)) → \(value(new, half))"
    case (let old?, nil): return "\(style.painted("-", .red)) \(pointer): \(value(old, room))"
    case (nil, let new): return "\(style.painted("+", .green)) \(pointer): \(value(new ?? .null, room))"
    }
  }
}
