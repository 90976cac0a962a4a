/// Which task of the old version is which of the new one.
struct TaskMatching {
  let old: TaskTree
  let new: TaskTree
  /// The new task, by old one.
  private(set) var newTasks: [Int: Int] = [:]
  private(set) var oldTasks: [Int: Int] = [:]
  private var newScopes: [Int: Int] = [:]

  init(_ old: TaskTree, _ new: TaskTree) {
    self.old = old
    self.new = new
    matchScopes(old.roots, new.roots)
    // What was found gives its inside to look at, and every step takes a task away.
    while matchMoved() || matchRenamed() {}
  }

  /// Whether it is in the same place: in the same scope, and in the same order among what stayed there.
  func isMoved(_ task: Int) -> Bool {
    guard let match = newTasks[task] else { return false }
    let scope = old.tasks[task].scope
    guard newScopes[scope] == new.tasks[match].scope else { return true }
    return old.scopes[scope].isOrdered && !inOrder(scope).contains(task)
  }

  // MARK: Matching

  private mutating func match(_ task: Int, _ other: Int) {
    newTasks[task] = other
    oldTasks[other] = task
    matchScopes(old.tasks[task].scopes, new.tasks[other].scopes)
  }

  private mutating func matchScopes(_ scopes: [Int], _ others: [Int]) {
    for scope in scopes {
      guard let other = others.first(where: { new.scopes[$0].key == old.scopes[scope].key }) else { continue }
      newScopes[scope] = other
      for task in old.scopes[scope].tasks where newTasks[task] == nil {
        let name = old.tasks[task].name
        if let same = new.scopes[other].tasks.first(where: { new.tasks[$0].name == name && oldTasks[$0] == nil }) {
          match(task, same)
        }
      }
    }
  }

  /// The same name and kind in another scope, if there is no other of them.
  private mutating func matchMoved() -> Bool {
    struct Identity: Hashable {
      let name: String
      let kind: String
    }
    func unmatched(_ tree: TaskTree, _ matched: [Int: Int]) -> [Identity: [Int]] {
      let ids = tree.tasks.indices.filter { matched[$0] == nil }
      return Dictionary(grouping: ids) { Identity(name: tree.tasks[$0].name, kind: tree.tasks[$0].kind) }
    }
    let others = unmatched(new, oldTasks)
    var isFound = false
    for (identity, tasks) in unmatched(old, newTasks) {
      guard tasks.count == 1, let found = others[identity], found.count == 1 else { continue }
      // Matching another one may have matched what is inside of it.
      guard newTasks[tasks[0]] == nil, oldTasks[found[0]] == nil else { continue }
      match(tasks[0], found[0])
      isFound = true
    }
    return isFound
  }

  /// The same content under another name in the same scope.
  private mutating func matchRenamed() -> Bool {
    for (scope, other) in newScopes.sorted(by: { $0.key < $1.key }) {
      for task in old.scopes[scope].tasks where newTasks[task] == nil {
        let same = new.scopes[other].tasks.first { oldTasks[$0] == nil && new.tasks[$0].json == old.tasks[task].json }
        if let same {
          match(task, same)
          return true
        }
      }
    }
    return false
  }

  // MARK: Order

  /// The most tasks of a scope that still follow one another as they did: the others were moved.
  private func inOrder(_ scope: Int) -> Set<Int> {
    let stayed = old.scopes[scope].tasks.filter { task in
      newTasks[task].map { new.tasks[$0].scope == newScopes[scope] } ?? false
    }
    let places = stayed.map { task in newTasks[task].map { new.tasks[$0].place } ?? 0 }
    // The longest sequence that ends at each, and what comes before in it.
    var lengths = Array(repeating: 1, count: places.count)
    var previous: [Int?] = Array(repeating: nil, count: places.count)
    for index in places.indices {
      for before in 0..<index where places[before] < places[index] && lengths[before] + 1 > lengths[index] {
        (lengths[index], previous[index]) = (lengths[before] + 1, before)
      }
    }
    var result: Set<Int> = []
    var next = lengths.indices.max { lengths[$0] < lengths[$1] }
    while let index = next {
      result.insert(stayed[index])
      next = previous[index]
    }
    return result
  }
}
