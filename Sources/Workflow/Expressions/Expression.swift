import Values

/// A runtime expression in jq, read and found to end. Source: dsl.md, "Runtime Expressions".
///
/// It gives exactly one value: none or several are an error, so that nothing an author wrote is dropped unseen.
///
/// A class, because it is built once, and then handed about with every evaluation.
public final class Expression: Sendable {
  /// The jq text, without `${ }`.
  public let source: String
  /// The variables it reads, without `$`; the only ones an evaluation asks for.
  public let usedVariables: Set<String>
  public let location: SourceLocation?
  let program: JQProgram

  /// - Parameters:
  ///   - source: the jq text, without `${ }`.
  ///   - variables: the variables that exist where it stands, without `$`.
  ///   - location: where it stands, for the errors of its evaluation.
  public convenience init(
    _ source: String, variables: Set<String>, location: SourceLocation? = nil
  ) throws(ExpressionError) {
    do throws(JQProblem) {
      try self.init(parsing: source, variables: variables, location: location)
    } catch {
      throw ExpressionError(code: error.code, message: error.message, location: location)
    }
  }

  init(parsing source: String, variables: Set<String>, location: SourceLocation?) throws(JQProblem) {
    let (tree, used) = try JQParser.parse(source, variables: variables)
    self.source = source
    usedVariables = used
    self.location = location
    program = JQProgram(tree: tree, usedVariables: used)
  }

  /// - Parameters:
  ///   - data: what `.` is.
  ///   - variables: the value of a variable by its name without `$`; `nil` reads as `null`. A path into `$workflow` asks
  ///     for the member first, as in `workflow.input`, and for all of it where that is `nil`.
  public func evaluate(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> JSON {
    do throws(ExpressionError) {
      return try program.evaluate(data, variables: variables)
    } catch {
      throw ExpressionError(code: error.code, message: "\(error.message) (in: \(excerpt))", location: location)
    }
  }

  /// jq's truth: anything but `false` and `null`.
  public func isTrue(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> Bool {
    try evaluate(data, variables: variables).isTrue
  }

  private var excerpt: String { source.count <= 100 ? source : source.prefix(99) + "…" }

  /// The jq text within `${ … }`, or `nil` when the text is not wholly an expression. Source: "strict" evaluation.
  public static func source(of text: String) -> Substring? {
    var text = Substring(text)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    text = text.drop { $0.isWhitespace }
    guard text.hasPrefix("${"), text.hasSuffix("}") else { return nil }
    return text.dropFirst(2).dropLast()
  }
}

/// Why an expression was refused, or gave no value. Reaches an author as a problem of type
/// `https://serverlessworkflow.io/spec/1.0.0/errors/expression`, status 400.
public struct ExpressionError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// It is no jq.
    case syntax
    /// A variable, function or label that does not exist there.
    case unresolved
    /// It is jq that this engine does not run: impure, or perhaps unending.
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
  /// In jq's own words where jq has some.
  public let message: String
  public let location: SourceLocation?

  public init(code: Code, message: String, location: SourceLocation? = nil) {
    self.code = code
    self.message = message
    self.location = location
  }

  public var description: String { (location.map { "\($0): " } ?? "") + message }
}
