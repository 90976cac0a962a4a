import Values

/// A runtime expression in jq, checked and compiled. Source: "Runtime Expressions".
public struct Expression: Sendable {
  /// The jq text, without `${ }`.
  public let source: String
  /// The variables it reads, without `$`; the only ones an evaluation asks for.
  public let usedVariables: Set<String>

  /// - Parameters:
  ///   - data: what `.` is.
  ///   - variables: the value of a variable by its name without `$`; `nil` reads as `null`.
  public func evaluate(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> JSON {
    throw ExpressionError(code: .unsupported, message: "expressions are not evaluated yet", location: nil)
  }

  /// jq's truth: anything but `false` and `null`.
  public func isTrue(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> Bool {
    switch try evaluate(data, variables: variables) {
    case .null, .bool(false): false
    default: true
    }
  }
}

/// Why an expression was refused, or gave no value. Reaches an author as a problem of type
/// `https://serverlessworkflow.io/spec/1.0.0/errors/expression`, status 400.
public struct ExpressionError: Error, Hashable {
  public enum Code: String, Sendable {
    /// It is no jq.
    case syntax
    /// It is jq that this engine does not run: impure, unending, or a variable that does not exist there.
    case unsupported
    /// jq stopped with an error.
    case evaluation
    /// It gave no value, or more than one.
    case count
    /// It would have changed a number that it passes through.
    case inexactNumber
    /// It needed more time or memory than an expression may.
    case limit
  }

  public let code: Code
  public let message: String
  public let location: SourceLocation?
}
