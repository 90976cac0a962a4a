/// The capturing groups of an expression, which it may refer to before they come.
struct PatternGroups {
  private(set) var count = 0
  private(set) var numbers: [Name: Int] = [:]
  private var hasBadName = false
  private var doubled: String?

  init(_ source: String) {
    var scanner = PatternScanner(source)
    var isInClass = false
    while let scalar = scanner.next() {
      switch scalar {
      case "\\": _ = scanner.next()
      case "[": isInClass = true
      case "]": isInClass = false
      case "(" where !isInClass: add(&scanner)
      default: break
      }
    }
  }

  /// - Parameter scanner: after the parenthesis.
  private mutating func add(_ scanner: inout PatternScanner) {
    guard scanner.take("?") else {
      count += 1
      return
    }
    guard scanner.take("<"), !scanner.take("="), !scanner.take("!") else { return }
    count += 1
    guard let name = scanner.takeName() else {
      hasBadName = true
      return
    }
    if numbers.updateValue(count, forKey: Name(name)) != nil { doubled = name }
  }

  func check() throws(PatternError) {
    if hasBadName { throw PatternError("has a group '(?<' without a name and '>'") }
    if let doubled { throw PatternError("has two groups of the name '\(doubled)'") }
  }
}
