/// "Did you mean …?"
enum Suggestion {
  /// The known name that a mistyped one is closest to, if any is close enough to be worth naming.
  static func closest(to name: String, among known: some Sequence<String>) -> String? {
    // Names of one or two letters are all alike.
    let limit = name.count < 3 ? 0 : max(1, name.count / 3)
    let lowered = name.lowercased()
    var best: (name: String, distance: Int)?
    for candidate in known where candidate != name {
      // Letters that differ in case only are half a mistake.
      let distance = 2 * editDistance(lowered, candidate.lowercased()) + (lowered == candidate.lowercased() ? 1 : 0)
      if distance <= 2 * limit + 1, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  static func hint(
    for name: String, among known: some Sequence<String>, as written: (String) -> String = { $0 }
  ) -> String? {
    closest(to: name, among: known).map { "Did you mean '\(written($0))'?" }
  }

  /// How many characters must be put in, left out, replaced or swapped with their neighbour.
  static func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    // Long names are no typing mistakes of one another, and comparing them is quadratic.
    guard left.count <= 64, right.count <= 64 else { return .max / 4 }
    var rows = [Array(0...right.count)]
    for row in 1..<left.count + 1 {
      var current = [row]
      for column in 1..<right.count + 1 {
        let replace = rows[row - 1][column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
        var cost = min(rows[row - 1][column] + 1, current[column - 1] + 1, replace)
        if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
          cost = min(cost, rows[row - 2][column - 2] + 1)
        }
        current.append(cost)
      }
      rows.append(current)
    }
    return rows[left.count][right.count]
  }
}
