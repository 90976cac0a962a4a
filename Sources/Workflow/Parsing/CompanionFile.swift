import Values
import YAML

/// A file that belongs to definitions, such as mocks or golden tests: read with the same care, and its mistakes told in
/// the same way.
public final class CompanionFile {
  private let file: SourceFile
  /// Nil when the file is no YAML that is read; that has been told.
  public let root: YAMLNode?

  /// - Parameter name: for messages; nothing is read from there.
  public init(_ bytes: [UInt8], name: String) {
    file = SourceFile(name: name, text: String(decoding: bytes, as: UTF8.self))
    do throws(YAMLError) {
      root = try YAML.parse(bytes)
    } catch {
      root = nil
      for problem in error.problems { file.error(.yaml, problem.position, problem.message, hint: problem.hint) }
    }
  }

  /// In the order of the file.
  public var diagnostics: [Diagnostic] {
    file.diagnostics.sorted { ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column) }
  }

  public var hasErrors: Bool { file.diagnostics.contains { $0.severity == .error } }

  public func location(_ position: YAMLPosition) -> SourceLocation { file.location(position) }

  public func error(_ code: Diagnostic.Code, at position: YAMLPosition, _ message: String, hint: String? = nil) {
    file.error(code, position, message, hint: hint)
  }

  public func warning(_ code: Diagnostic.Code, at position: YAMLPosition, _ message: String, hint: String? = nil) {
    file.warning(code, position, message, hint: hint)
  }

  /// `Did you mean 'x'?`, when one of the known names is close enough.
  public static func hint(for name: String, among known: some Sequence<String>) -> String? {
    Suggestion.hint(for: name, among: known)
  }

  // MARK: Values

  /// The members of a mapping; keys that are not known are told and left out.
  ///
  /// - Parameter name: what the mapping is called in messages.
  public func members(_ node: YAMLNode, _ name: String, known: [String]) -> [String: YAMLNode]? {
    guard let entries = entries(node, name) else { return nil }
    var members: [String: YAMLNode] = [:]
    for entry in entries {
      if known.contains(entry.key) {
        members[entry.key] = entry.value
      } else {
        file.error(
          .unknownKey, entry.keyPosition, "'\(entry.key)' is no key of '\(name)'",
          hint: Suggestion.hint(for: entry.key, among: known) ?? "known keys: " + known.joined(separator: ", "))
      }
    }
    return members
  }

  public func entries(_ node: YAMLNode, _ name: String) -> [YAMLEntry]? {
    node.mapping ?? refuse(node, name, "a mapping")
  }

  public func list(_ node: YAMLNode, _ name: String) -> [YAMLNode]? { node.sequence ?? refuse(node, name, "a list") }

  public func text(_ node: YAMLNode, _ name: String) -> String? {
    node.scalar?.string ?? refuse(node, name, "text")
  }

  public func flag(_ node: YAMLNode, _ name: String) -> Bool? {
    node.scalar?.bool ?? refuse(node, name, "true or false")
  }

  public func count(_ node: YAMLNode, _ name: String, _ range: ClosedRange<Int>) -> Int? {
    if let number = node.scalar?.int, range.contains(number) { return number }
    return refuse(node, name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
  }

  /// Of ISO 8601.
  public func duration(_ node: YAMLNode, _ name: String) -> Duration? {
    if let duration = node.scalar?.string.flatMap({ ISO8601Duration.parse($0) }) { return duration }
    return refuse(node, name, "a duration such as PT5S, PT1H or P2D")
  }

  /// Data in which a text is an expression when it is wholly `${ … }`.
  ///
  /// - Parameter variables: those that exist there, without `$`.
  public func template(_ node: YAMLNode, variables: Set<String> = []) -> Template? {
    ExpressionReader(file: file, locals: variables).template(node, .schedule)
  }

  /// A field that is always an expression: `${ }` around it may be left out.
  public func expression(_ node: YAMLNode, _ name: String, variables: Set<String> = []) -> Expression? {
    guard node.scalar?.string != nil else { return refuse(node, name, "an expression") }
    return ExpressionReader(file: file, locals: variables).expression(node, .schedule)
  }

  private func refuse<Value>(_ node: YAMLNode, _ name: String, _ expected: String) -> Value? {
    let found =
      switch node.content {
      case .mapping: "a mapping"
      case .sequence: "a list"
      case .scalar(.string(let text), _): "'\(text)'"
      case .scalar(.null, _): "nothing"
      case .scalar(let value, _): value.text
      }
    file.error(.invalidValue, node.position, "'\(name)' must be \(expected), not \(found)")
    return nil
  }
}
