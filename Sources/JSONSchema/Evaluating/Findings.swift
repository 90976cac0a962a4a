/// A violation whose message is not yet put together.
struct Finding {
  let instance: String
  let location: String
  /// Goes on from the name of what it is about.
  let text: String

  init(_ instance: String, _ location: String, _ text: String) {
    self.instance = instance
    self.location = location
    self.text = text
  }

  var violation: Violation {
    Violation(instance: instance, schema: location, message: Self.subject(instance) + " " + text)
  }

  static func subject(_ instance: String) -> String { instance.isEmpty ? "the value" : "'\(instance)'" }
}

/// As many findings as somebody wants to have.
struct Findings {
  let limit: Int
  private(set) var list: [Finding] = []

  init(limit: Int) { self.limit = limit }

  /// More would not be kept: the first mistake ends the evaluation.
  var isFull: Bool { list.count >= limit }

  mutating func add(_ finding: () -> Finding) {
    if !isFull { list.append(finding()) }
  }
}
