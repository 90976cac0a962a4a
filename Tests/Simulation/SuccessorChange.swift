import Generator
import Values

/// How another version of a random definition differs: what runs can go on in most of them, and in some it must not.
enum SuccessorChange: CaseIterable {
  /// A task more in front of the others, which passes its input on.
  case leading
  /// … in front of every scope.
  case everywhere
  /// A call more behind the others.
  case trailing
  /// The first task is gone.
  case shorter
  /// The first task has another name.
  case renamed
  /// The first two tasks have changed places.
  case turned
  /// Calls go to another channel.
  case rerouted
  /// Another definition altogether.
  case unrelated

  func successor(of definition: JSON) -> JSON {
    guard case .object(var root) = definition, var document = definition["document"]?.object else { return .null }
    document["version"] = "2.0.0"
    var tasks = root["do"]?.array ?? []
    switch self {
    case .leading: tasks.insert(Self.passing, at: 0)
    case .everywhere: tasks = [Self.passing] + tasks.map(Self.deepened)
    case .trailing: tasks.append(["added": ["call": "oracle", "with": ["n": 1]]])
    case .shorter: if tasks.count > 1 { tasks.removeFirst() }
    case .renamed: if let first = tasks.first?.object?.first(where: { _ in true }) { tasks[0] = ["other": first.value] }
    case .turned: if tasks.count > 1 { tasks.swapAt(0, 1) }
    case .rerouted: tasks = tasks.map(Self.rerouted)
    case .unrelated: return unrelated(document, root)
    }
    root["document"] = .object(document)
    root["do"] = .array(tasks)
    return .object(root)
  }

  private static let passing: JSON = ["passing": ["switch": [["any": ["then": "continue"]]]]]

  private static func deepened(_ json: JSON) -> JSON {
    changed(json) { key, value in
      guard key == "do" || key == "try", let tasks = value.array else { return value }
      return .array([passing] + tasks)
    }
  }

  private static func rerouted(_ json: JSON) -> JSON {
    changed(json) { key, value in
      guard key == "call" else { return value }
      return value == "oracle" ? "store" : value == "store" ? "oracle" : value
    }
  }

  /// Every member at any depth, the innermost first.
  private static func changed(_ json: JSON, _ change: (String, JSON) -> JSON) -> JSON {
    switch json {
    case .array(let items): return .array(items.map { changed($0, change) })
    case .object(let members):
      var result = JSONObject()
      for (key, value) in members { result[key] = change(key, changed(value, change)) }
      return .object(result)
    default: return json
    }
  }

  /// What is its own is what starts it.
  private func unrelated(_ document: JSONObject, _ root: JSONObject) -> JSON {
    let seed = (document["name"]?.string ?? "").utf8.reduce(UInt64(11)) { $0 &* 31 &+ UInt64($1) }
    var generator = DefinitionGenerator(dice: Dice(seed: seed))
    guard case .object(var other) = generator.workflow() else { return .null }
    other["document"] = .object(document)
    other["schedule"] = root["schedule"]
    if other["input"] == nil { other["input"] = root["input"] }
    if other["timeout"] == nil { other["timeout"] = ["after": ["minutes": 3]] }
    return .object(other)
  }
}
