import Values

/// A schema document of JSON Schema, draft 2020-12, ready to be held against values.
///
/// Every keyword of the applicator, unevaluated and validation vocabularies is honoured, and so are `$id`, `$anchor`,
/// `$dynamicAnchor`, `$ref` and `$dynamicRef` within the document and to the standard's own meta-schemas. `format` and
/// the keywords of the content vocabulary are annotations, as the standard has it unless told otherwise ("Validation",
/// sections 7.2.1 and 8.2): they refuse nothing. Keywords that the standard does not know are ignored ("Core", 6.5).
///
/// `pattern` and `patternProperties` take regular expressions of ECMA-262 in its Unicode mode; ``RegularExpression`` says
/// where they are more lenient. Nothing here reads files or the network: a reference to another document is an error.
public struct JSONSchema: Sendable {
  let program: Program

  /// Reads the document once, so that every mistake in it is found now: keywords of the wrong shape, regular
  /// expressions that are none, references that lead nowhere or in a circle.
  ///
  /// - Parameter document: an object or a boolean. Without `$schema` it counts as 2020-12.
  public init(_ document: JSON) throws(JSONSchemaError) {
    program = try SchemaCompiler.compile(document)
  }

  /// What is wrong with a value; empty when it is valid.
  ///
  /// A value that cannot be judged within bounds (nested too deeply, or too much work for its size) is not valid either,
  /// and the first violation says so.
  ///
  /// - Parameter limit: how many violations to look for, at least one.
  public func validate(_ value: JSON, limit: Int = 10) -> [Violation] {
    var evaluator = Evaluator(program)
    return evaluator.run(value, limit: max(limit, 1))
  }
}

/// One reason why a value is not valid.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
  /// Where in the value, as a JSON pointer (RFC 6901); empty for the value itself.
  public let instance: String
  /// The keyword that refuses it, as a JSON pointer within the schema document. In one of the standard's meta-schemas
  /// the document's address and `#` come before it.
  public let schema: String
  /// For people: `'/order/id' must be a string, not a number`. Names of members appear in it, their values do not.
  public let message: String

  public var description: String { message }
}
