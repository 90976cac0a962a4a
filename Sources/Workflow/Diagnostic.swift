/// One mistake in a file, told so that its author can find and mend it without reading anything else.
public struct Diagnostic: Sendable, Hashable {
  public enum Severity: String, Sendable {
    case error
    case warning
  }

  public enum Code: String, Sendable {
    /// The file is no YAML, or YAML that is refused (tags, repeated keys, aliases without end …).
    case yaml
    case unknownKey
    case missingKey
    /// A value of the wrong type or form.
    case invalidValue
    /// Keys that exclude one another, or two tasks in one item.
    case conflict
    /// Part of the standard that the engine does not run.
    case unsupported
    /// A name that leads nowhere: the target of a `then`, a variable.
    case unresolved
    case expression
    /// Never run, whatever happens.
    case unreachable
  }

  public let severity: Severity
  public let code: Code
  public let location: SourceLocation
  public let message: String
  /// What to do about it, when that can be said.
  public let hint: String?
  /// The text of the line that the location points into.
  public let offendingLine: String

  public init(
    severity: Severity, code: Code, location: SourceLocation, message: String, hint: String?, offendingLine: String
  ) {
    self.severity = severity
    self.code = code
    self.location = location
    self.message = message
    self.hint = hint
    self.offendingLine = offendingLine
  }

  /// `file:line:column: error: message`, the line, a mark under the place, the hint.
  public var rendered: String {
    var text = "\(location): \(severity.rawValue): \(message)"
    if !offendingLine.isEmpty {
      let indent = String(repeating: " ", count: min(max(location.column - 1, 0), offendingLine.count))
      text += "\n  \(offendingLine)\n  \(indent)^"
    }
    if let hint { text += "\n  hint: \(hint)" }
    return text
  }
}
