import Values

/// The tasks of a definition as data: as they stand in the file, before anything is built from them, so that what is
/// told of them can be found there.
struct TaskTree {
  struct Task {
    let name: String
    /// JSON pointer into the file.
    let reference: String
    let kind: String
    /// All of it.
    let json: JSON
    /// Without the lists of tasks inside.
    let own: JSON
    let scope: Int
    /// Its place in the scope.
    let place: Int
    var scopes: [Int] = []
  }

  struct Scope {
    /// Where it stands in its task, or in the file.
    let key: String
    /// Whether the order of the tasks says anything.
    let isOrdered: Bool
    var tasks: [Int] = []
  }

  private(set) var tasks: [Task] = []
  private(set) var scopes: [Scope] = []
  /// The scopes that are in no task.
  private(set) var roots: [Int] = []
  /// The file without its tasks.
  let own: JSON

  init(_ definition: JSON) {
    var rest = definition.object ?? JSONObject()
    rest["do"] = nil
    var use = rest["use"]?.object ?? JSONObject()
    use["functions"] = nil
    use["extensions"] = use["extensions"]?.array.map { .array($0.map(Self.withoutTasks)) }
    if rest["use"] != nil { rest["use"] = use.isEmpty ? Optional.none : .object(use) }
    own = .object(rest)

    roots.append(list(definition["do"], key: "do", at: "/do"))
    roots.append(functions(definition["use"]?["functions"]))
    for (index, item) in (definition["use"]?["extensions"]?.array ?? []).enumerated() {
      for (name, value) in item.object ?? JSONObject() {
        for key in ["before", "after"] where value[key] != nil {
          let reference = "/use/extensions/\(index)/\(MemberChange.escaped(name))/\(key)"
          roots.append(list(value[key], key: "use/extensions/\(name)/\(key)", at: reference))
        }
      }
    }
  }

  private static func withoutTasks(_ item: JSON) -> JSON {
    var result = JSONObject()
    for (name, value) in item.object ?? JSONObject() {
      var object = value.object ?? JSONObject()
      (object["before"], object["after"]) = (nil, nil)
      result[name] = .object(object)
    }
    return .object(result)
  }

  // MARK: Scopes

  private mutating func functions(_ json: JSON?) -> Int {
    let scope = scopes.count
    scopes.append(Scope(key: "use/functions", isOrdered: false))
    for (name, value) in json?.object ?? JSONObject() {
      add(name, value, at: "/use/functions/\(MemberChange.escaped(name))", in: scope)
    }
    return scope
  }

  private mutating func list(_ json: JSON?, key: String, at reference: String) -> Int {
    let scope = scopes.count
    scopes.append(Scope(key: key, isOrdered: true))
    for (index, item) in (json?.array ?? []).enumerated() {
      for (name, value) in item.object ?? JSONObject() {
        add(name, value, at: "\(reference)/\(index)/\(MemberChange.escaped(name))", in: scope)
      }
    }
    return scope
  }

  private mutating func add(_ name: String, _ json: JSON, at reference: String, in scope: Int) {
    let kind = Self.kinds.first { json[$0] != nil } ?? "do"
    let paths = Self.lists[kind] ?? []
    let id = tasks.count
    tasks.append(
      Task(
        name: name, reference: reference, kind: kind, json: json,
        own: paths.reduce(json) { Self.removing($1[...], from: $0) }, scope: scope,
        place: scopes[scope].tasks.count))
    scopes[scope].tasks.append(id)
    for path in paths {
      let value = path.reduce(Optional(json)) { $0?[$1] }
      guard value != nil else { continue }
      let key = path.joined(separator: "/")
      let inside = list(value, key: key, at: "\(reference)/\(key)")
      tasks[id].scopes.append(inside)
    }
  }

  /// `do` comes last: a `for` has one too.
  private static let kinds = [
    "call", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait", "do",
  ]

  /// Where the lists of tasks stand in a task.
  private static let lists = [
    "do": [["do"]], "for": [["do"]], "fork": [["fork", "branches"]], "try": [["try"], ["catch", "do"]],
    "listen": [["foreach", "do"]],
  ]

  private static func removing(_ path: ArraySlice<String>, from json: JSON) -> JSON {
    guard let key = path.first, var object = json.object, let value = object[key] else { return json }
    let rest = path.dropFirst()
    // A bare `nil` would be the JSON null.
    object[key] = rest.isEmpty ? Optional.none : removing(rest, from: value)
    return .object(object)
  }
}
