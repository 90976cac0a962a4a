import Values

/// One member that is not as it was.
public struct MemberChange: Sendable, Hashable {
  /// JSON pointer (RFC 6901) from what was compared: into the new version, or where there is nothing any more, the old.
  public let pointer: String
  /// Nil: it was not there.
  public let old: JSON?
  /// Nil: it is gone.
  public let new: JSON?

  /// What differs between two values, as deep inside as possible. The order of an object's members does not count.
  static func between(_ old: JSON, _ new: JSON, at pointer: String = "") -> [MemberChange] {
    if old == new { return [] }
    switch (old, new) {
    case (.object(let old), .object(let new)): return between(old, new, at: pointer)
    case (.array(let old), .array(let new)):
      if let old = NamedList(old), let new = NamedList(new) { return between(old, new, at: pointer) }
      return between(old, new, at: pointer)
    default: return [MemberChange(pointer: pointer, old: old, new: new)]
    }
  }

  private static func between(_ old: JSONObject, _ new: JSONObject, at pointer: String) -> [MemberChange] {
    var changes: [MemberChange] = []
    for (key, value) in new {
      let place = "\(pointer)/\(escaped(key))"
      if let before = old[key] {
        changes += between(before, value, at: place)
      } else {
        changes.append(MemberChange(pointer: place, old: nil, new: value))
      }
    }
    for (key, value) in old where new[key] == nil {
      changes.append(MemberChange(pointer: "\(pointer)/\(escaped(key))", old: value, new: nil))
    }
    return changes
  }

  /// Lists are told from both ends: what is put into the middle is one change.
  private static func between(_ old: [JSON], _ new: [JSON], at pointer: String) -> [MemberChange] {
    let start = zip(old, new).prefix { $0 == $1 }.count
    let end = zip(old.dropFirst(start).reversed(), new.dropFirst(start).reversed()).prefix { $0 == $1 }.count
    let (removed, added) = (start..<old.count - end, start..<new.count - end)
    if removed.count == added.count {
      return added.flatMap { between(old[$0], new[$0], at: "\(pointer)/\($0)") }
    }
    return removed.map { MemberChange(pointer: "\(pointer)/\($0)", old: old[$0], new: nil) }
      + added.map { MemberChange(pointer: "\(pointer)/\($0)", old: nil, new: new[$0]) }
  }

  // MARK: Named lists

  /// The standard's lists of objects with one member each, whose name is that of the item.
  private struct NamedList {
    var items: [(name: String, value: JSON)] = []

    init?(_ list: [JSON]) {
      var seen: Set<String> = []
      for element in list {
        guard let object = element.object, object.count == 1 else { return nil }
        for (name, value) in object {
          guard seen.insert(name).inserted else { return nil }
          items.append((name, value))
        }
      }
    }

    var names: [String] { items.map(\.name) }
  }

  private static func between(_ old: NamedList, _ new: NamedList, at pointer: String) -> [MemberChange] {
    var changes: [MemberChange] = []
    for (index, item) in new.items.enumerated() {
      let place = "\(pointer)/\(index)/\(escaped(item.name))"
      if let before = old.items.first(where: { $0.name == item.name }) {
        changes += between(before.value, item.value, at: place)
      } else {
        changes.append(MemberChange(pointer: place, old: nil, new: item.value))
      }
    }
    for (index, item) in old.items.enumerated() where !new.names.contains(item.name) {
      changes.append(MemberChange(pointer: "\(pointer)/\(index)/\(escaped(item.name))", old: item.value, new: nil))
    }
    let (before, after) = (old.names.filter(new.names.contains), new.names.filter(old.names.contains))
    if before != after {
      changes.append(
        MemberChange(
          pointer: pointer, old: .array(before.map { .string($0) }), new: .array(after.map { .string($0) })))
    }
    return changes
  }

  /// A name as a JSON pointer writes it.
  static func escaped(_ name: String) -> String {
    name.replacing("~", with: "~0").replacing("/", with: "~1")
  }
}
