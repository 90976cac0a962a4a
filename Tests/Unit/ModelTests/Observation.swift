import Engine
import Values
import Workflow

/// What one run of a definition left behind, in a form in which two runs can be compared.
struct Observation: Equatable {
  var status = ""
  var output: JSON?
  var context: JSON = .null
  var error: ProblemDetails?
  var endedAt = World.start
  /// What happened to tasks, calls, events and other workflows, scope by scope, each in the order of its happening.
  private(set) var happenings: [String: [Happening]] = [:]

  struct Happening: Equatable, Comparable {
    let time: Timestamp
    let text: String

    static func < (left: Happening, right: Happening) -> Bool { (left.time, left.text) < (right.time, right.text) }
  }

  /// - Parameter text: begins with a letter for what happened: what is given up at the same moment has no order.
  mutating func note(_ text: String, _ reference: String, at time: Timestamp) {
    let scope = reference.split(separator: "/").dropLast(2).joined(separator: "/")
    happenings[scope, default: []].append(Happening(time: time, text: "\(text) \(reference)"))
  }

  /// Puts what was given up at one moment into the order of its names.
  func normalized() -> Observation {
    var normal = self
    normal.happenings = happenings.mapValues { list in
      var list = list
      var start = 0
      while start < list.count {
        var end = start + 1
        guard Self.isGivenUp(list[start]) else {
          start = end
          continue
        }
        while end < list.count, list[end].time == list[start].time, Self.isGivenUp(list[end]) { end += 1 }
        list[start..<end].sort()
        start = end
      }
      return list
    }
    return normal
  }

  private static func isGivenUp(_ happening: Happening) -> Bool {
    happening.text.hasPrefix("x ") || happening.text.hasPrefix("k ")
  }

  /// What differs, one line each.
  func differences(from other: Observation) -> [String] {
    var lines: [String] = []
    func compare<Value: Equatable>(_ name: String, _ left: Value, _ right: Value) {
      if left != right { lines.append("\(name): engine \(left), model \(right)") }
    }
    compare("status", status, other.status)
    compare("output", output, other.output)
    compare("context", context, other.context)
    // The words of the engine's own errors are its own.
    compare("error", error?.wordless.json, other.error?.wordless.json)
    compare(
      "end", endedAt.microseconds - World.start.microseconds, other.endedAt.microseconds - World.start.microseconds)
    for scope in Set(happenings.keys).union(other.happenings.keys).sorted() {
      let (left, right) = (happenings[scope] ?? [], other.happenings[scope] ?? [])
      guard left != right else { continue }
      let place = zip(left, right).prefix { $0 == $1 }.count
      func text(_ list: [Happening]) -> String {
        list.dropFirst(max(0, place - 2)).prefix(6).map {
          "\($0.time.microseconds - World.start.microseconds) \($0.text)"
        }
        .joined(separator: "\n    ")
      }
      lines.append("/\(scope) from \(place):\n  engine\n    \(text(left))\n  model\n    \(text(right))")
    }
    return lines
  }
}

extension ProblemDetails {
  fileprivate var wordless: ProblemDetails {
    let titles = [
      "Expression error", "Timeout", "Communication error", "Runtime error", "Validation error", "Configuration error",
    ]
    var problem = self
    if let title, titles.contains(title) { problem.detail = nil }
    if let compensation = extensions["compensation"], let inner = compensation["error"].flatMap(ProblemDetails.init) {
      problem.extensions["compensation"] = ["error": inner.wordless.json, "open": compensation["open"] ?? .null]
    }
    return problem
  }
}
