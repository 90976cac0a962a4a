import Values

/// Reads a jq program and resolves every name in it. What comes out ends: nothing in it calls itself, and no function
/// is used that was not found to be harmless.
///
/// Source: the jq 1.6 manual; precedence from lowest to highest: `|` `,` `//` `= |= += …` `or` `and` comparisons
/// `+ -` `* / %` unary minus, postfix.
struct JQParser {
  static let maxBytes = 16_384
  static let maxTokens = 2_000
  static let maxDepth = 100

  let bytes: [UInt8]
  var tokens: [JQToken]
  var position = 0
  var depth = 0
  var scope: JQScope

  /// - Parameter variables: the variables that exist where the expression stands, without `$`.
  static func parse(_ text: String, variables: Set<String>) throws(JQProblem) -> (JQ, usedVariables: Set<String>) {
    let bytes = Array(text.utf8)
    guard bytes.count <= maxBytes else {
      throw JQProblem(code: .limit, offset: 0, message: "the expression is longer than \(maxBytes) bytes")
    }
    var lexer = JQLexer(bytes, range: bytes.indices)
    var parser = JQParser(bytes: bytes, tokens: try lexer.tokens(), scope: JQScope(globals: variables))
    guard parser.tokens.count <= maxTokens else {
      throw JQProblem(code: .limit, offset: 0, message: "the expression has more than \(maxTokens) words and signs")
    }
    if parser.token.kind == .end {
      throw JQProblem(code: .syntax, offset: 0, message: "the expression is empty", hint: "'.' is the whole input")
    }
    let program = try parser.program()
    return (program, parser.scope.usedGlobals)
  }

  private init(bytes: [UInt8], tokens: [JQToken], scope: JQScope) {
    self.bytes = bytes
    self.tokens = tokens
    self.scope = scope
  }

  private mutating func program() throws(JQProblem) -> JQ {
    let program = try pipe()
    guard token.kind == .end else { throw unexpected("an operator or the end of the expression") }
    return program
  }

  /// A string's inserted expression is a program of its own, in the same scope.
  mutating func inserted(_ range: Range<Int>) throws(JQProblem) -> JQ {
    var lexer = JQLexer(bytes, range: range)
    var parser = JQParser(bytes: bytes, tokens: try lexer.tokens(), scope: scope)
    parser.depth = depth + 1
    let result = try parser.program()
    scope.usedGlobals = parser.scope.usedGlobals
    return result
  }
}

// Tokens.
extension JQParser {
  var token: JQToken { tokens[position] }

  mutating func advance() { if position < tokens.count - 1 { position += 1 } }

  func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
  func isKeyword(_ keyword: String) -> Bool { token.kind == .keyword(keyword) }

  mutating func take(_ symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func takeKeyword(_ keyword: String) -> Bool {
    guard isKeyword(keyword) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws(JQProblem) {
    guard take(symbol) else { throw unexpected("'\(symbol)'") }
  }

  mutating func expectKeyword(_ keyword: String) throws(JQProblem) {
    guard takeKeyword(keyword) else { throw unexpected("'\(keyword)'") }
  }

  mutating func expectVariable() throws(JQProblem) -> String {
    guard case .variable(let name) = token.kind else { throw unexpected("a variable ($name)") }
    try refuseReserved(name)
    advance()
    return name
  }

  func refuseReserved(_ name: String) throws(JQProblem) {
    let reasons = [
      "ENV": JQBuiltin.refused["env"] ?? "", "__loc__": "an expression has no file of its own",
      "__prog_args": "an expression has no arguments",
    ]
    guard let reason = reasons[name] else { return }
    throw JQProblem(code: .unsupported, offset: token.offset, message: "$\(name) cannot be used: \(reason)")
  }

  func unexpected(_ expected: String, hint: String? = nil) -> JQProblem {
    JQProblem(
      code: .syntax, offset: token.offset, message: "expected \(expected), found \(token.description)", hint: hint)
  }

  mutating func nested<Result>(
    _ body: (inout JQParser) throws(JQProblem) -> Result
  ) throws(JQProblem) -> Result {
    guard depth < Self.maxDepth else {
      throw JQProblem(
        code: .limit, offset: token.offset, message: "the expression is nested more than \(Self.maxDepth) levels deep")
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }
}

// Operators.
extension JQParser {
  mutating func pipe() throws(JQProblem) -> JQ {
    try nested { (parser: inout JQParser) throws(JQProblem) in
      // The parts are collected first: a long pipe is not a deep one.
      var parts: [JQ] = []
      repeat { parts.append(try parser.pipePart()) } while parser.take("|")
      var result = parts.removeLast()
      while let part = parts.popLast() { result = .pipe(part, result) }
      return result
    }
  }

  private mutating func pipePart() throws(JQProblem) -> JQ {
    if isKeyword("def") {
      let (function, saved) = try definition()
      let rest = try pipe()
      scope.restore(saved)
      return .define(function, rest)
    }
    return try comma()
  }

  private mutating func comma() throws(JQProblem) -> JQ {
    var left = try alternative()
    while take(",") { left = .comma(left, try alternative()) }
    return left
  }

  private mutating func alternative() throws(JQProblem) -> JQ {
    var parts = [try assignment()]
    while take("//") { parts.append(try assignment()) }
    var result = parts.removeLast()
    while let part = parts.popLast() { result = .binary(.alternative, part, result) }
    return result
  }

  private mutating func assignment() throws(JQProblem) -> JQ {
    let left = try disjunction()
    guard case .symbol(let symbol) = token.kind, let operation = JQ.Assignment(rawValue: symbol) else { return left }
    advance()
    let right = try disjunction()
    if case .symbol(let symbol) = token.kind, JQ.Assignment(rawValue: symbol) != nil {
      throw unexpected("an operator that can follow an assignment", hint: "put the first assignment into parentheses")
    }
    return .assign(operation, left, right)
  }

  private mutating func disjunction() throws(JQProblem) -> JQ {
    var left = try conjunction()
    while takeKeyword("or") { left = .binary(.or, left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws(JQProblem) -> JQ {
    var left = try comparison()
    while takeKeyword("and") { left = .binary(.and, left, try comparison()) }
    return left
  }

  private static let comparisons: Set<String> = ["==", "!=", "<", "<=", ">", ">="]

  private mutating func comparison() throws(JQProblem) -> JQ {
    let left = try sum()
    guard let operation = takeOperator(in: Self.comparisons) else { return left }
    let right = try sum()
    if case .symbol(let symbol) = token.kind, Self.comparisons.contains(symbol) {
      throw unexpected("'and', 'or' or the end", hint: "comparisons cannot be chained: use 'and'")
    }
    return .binary(operation, left, right)
  }

  private mutating func sum() throws(JQProblem) -> JQ {
    var left = try product()
    while let operation = takeOperator(in: ["+", "-"]) { left = .binary(operation, left, try product()) }
    return left
  }

  private mutating func product() throws(JQProblem) -> JQ {
    var left = try unary()
    while let operation = takeOperator(in: ["*", "/", "%"]) {
      let offset = token.offset
      let right = try unary()
      if operation == .divide, case .literal(.number(let number)) = right, number.double == 0 {
        throw JQProblem(code: .syntax, offset: offset, message: "a division by zero")
      }
      left = .binary(operation, left, right)
    }
    return left
  }

  private mutating func takeOperator(in symbols: Set<String>) -> JQ.Operator? {
    guard case .symbol(let symbol) = token.kind, symbols.contains(symbol) else { return nil }
    advance()
    return JQ.Operator(rawValue: symbol)
  }

  mutating func unary() throws(JQProblem) -> JQ {
    guard isSymbol("-") else { return try postfix() }
    return try nested { (parser: inout JQParser) throws(JQProblem) in
      parser.advance()
      return Self.negated(try parser.product())
    }
  }

  static func negated(_ operand: JQ) -> JQ {
    if case .literal(.number(let number)) = operand, !number.text.hasPrefix("-"),
      let negative = JSONNumber(text: "-" + number.text)
    {
      return .literal(.number(negative))
    }
    return .negate(operand)
  }
}
