/// Why a schema document is refused, and where.
public struct JSONSchemaError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// A keyword's value has the wrong shape.
    case keyword
    /// `$schema` names something else than draft 2020-12.
    case dialect
    /// No regular expression, or one that this implementation does not take.
    case pattern
    /// `$id`, `$anchor` or `$dynamicAnchor` is malformed or there twice.
    case identifier
    /// A reference leads to nothing in this document.
    case reference
    /// A reference leads to another document.
    case remoteReference
    /// A schema applies itself to the same value again, without end.
    case endless
    case tooDeep
  }

  public let code: Code
  public let message: String
  /// A JSON pointer within the schema document.
  public let pointer: String

  public var description: String { pointer.isEmpty ? message : "'\(pointer)': \(message)" }
}
