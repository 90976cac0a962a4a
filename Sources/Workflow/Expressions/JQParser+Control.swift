import Values

// Keywords, definitions, calls and patterns.
extension JQParser {
  mutating func control(_ keyword: String) throws(JQProblem) -> JQ {
    switch keyword {
    case "if":
      advance()
      return try conditional()
    case "try":
      advance()
      let body = try unary()
      return .attempt(body, handler: takeKeyword("catch") ? try unary() : nil)
    case "reduce": return try reduce()
    case "foreach": return try foreach()
    case "label": return try label()
    case "def":
      let (function, saved) = try definition()
      let rest = try pipe()
      scope.restore(saved)
      return .define(function, rest)
    case "import", "include":
      throw JQProblem(code: .unsupported, offset: token.offset, message: "modules cannot be used in an expression")
    default: throw unexpected("a value")
    }
  }

  private mutating func conditional() throws(JQProblem) -> JQ {
    try nested { (parser: inout JQParser) throws(JQProblem) in
      let condition = try parser.pipe()
      try parser.expectKeyword("then")
      let then = try parser.pipe()
      if parser.takeKeyword("elif") { return .conditional(condition, then: then, else: try parser.conditional()) }
      let otherwise: JQ? = parser.takeKeyword("else") ? try parser.pipe() : nil
      try parser.expectKeyword("end")
      return .conditional(condition, then: then, else: otherwise)
    }
  }

  private mutating func reduce() throws(JQProblem) -> JQ {
    advance()
    let source = try postfix(binds: false)
    try expectKeyword("as")
    let saved = scope.save()
    let pattern = try pattern()
    // The initial value is outside the scope of the pattern's variables.
    let inner = scope.save()
    scope.restore(saved)
    try expect("(")
    let initial = try pipe()
    try expect(";")
    scope.restore(inner)
    let update = try pipe()
    try expect(")")
    scope.restore(saved)
    return .reduce(source, pattern, initial: initial, update: update)
  }

  private mutating func foreach() throws(JQProblem) -> JQ {
    advance()
    let source = try postfix(binds: false)
    try expectKeyword("as")
    let saved = scope.save()
    let pattern = try pattern()
    let inner = scope.save()
    scope.restore(saved)
    try expect("(")
    let initial = try pipe()
    try expect(";")
    scope.restore(inner)
    let update = try pipe()
    let extract = take(";") ? try pipe() : nil
    try expect(")")
    scope.restore(saved)
    return .foreach(source, pattern, initial: initial, update: update, extract: extract)
  }

  private mutating func label() throws(JQProblem) -> JQ {
    advance()
    let name = try expectVariable()
    try expect("|")
    let saved = scope.save()
    scope.labels.append(name)
    let body = try pipe()
    scope.restore(saved)
    return .label(name, body)
  }

  private mutating func breakOut() throws(JQProblem) -> JQ {
    advance()
    let offset = token.offset
    let name = try expectVariable()
    guard scope.labels.contains(name) else {
      throw JQProblem(
        code: .unresolved, offset: offset, message: "there is no label $\(name) here",
        hint: Suggestion.hint(for: name, among: scope.labels) { "$\($0)" })
    }
    return .break(name)
  }

  mutating func binding(of source: JQ) throws(JQProblem) -> JQ {
    let saved = scope.save()
    var patterns: [JQ.Pattern] = []
    repeat { patterns.append(try pattern()) } while take("?//")
    try expect("|")
    let body = try pipe()
    scope.restore(saved)
    return .bind(source, patterns, body)
  }

  /// Declares the variables of the pattern.
  private mutating func pattern() throws(JQProblem) -> JQ.Pattern {
    try nested { (parser: inout JQParser) throws(JQProblem) in
      if parser.take("[") {
        var items: [JQ.Pattern] = []
        repeat { items.append(try parser.pattern()) } while parser.take(",")
        try parser.expect("]")
        return .array(items)
      }
      if parser.take("{") {
        var members: [(key: JQ, variable: String?, pattern: JQ.Pattern?)] = []
        repeat { members.append(try parser.memberPattern()) } while parser.take(",")
        try parser.expect("}")
        return .object(members)
      }
      return .variable(try parser.declaredVariable())
    }
  }

  private mutating func memberPattern() throws(JQProblem) -> (key: JQ, variable: String?, pattern: JQ.Pattern?) {
    var key: JQ
    var variable: String?
    switch token.kind {
    case .variable:
      let name = try declaredVariable()
      (key, variable) = (.literal(.string(name)), name)
      if !isSymbol(":") { return (key, variable, nil) }
    case .name(let name), .keyword(let name):
      advance()
      key = .literal(.string(name))
    case .string: key = try string(format: nil)
    case .symbol("("):
      advance()
      key = try pipe()
      try expect(")")
    default: throw unexpected("a key or a variable")
    }
    try expect(":")
    return (key, variable, try pattern())
  }

  private mutating func declaredVariable() throws(JQProblem) -> String {
    let name = try expectVariable()
    scope.declare(variable: name)
    return name
  }

  // MARK: Functions

  /// Leaves the function in scope; the caller restores the scope returned when the function's own scope ends.
  mutating func definition() throws(JQProblem) -> (JQ.Function, saved: JQScope.Mark) {
    advance()
    guard case .name(let name) = token.kind else { throw unexpected("the name of the function") }
    advance()
    var parameters: [JQ.Parameter] = []
    if take("(") {
      repeat { parameters.append(try parameter()) } while take(";")
      try expect(")")
    }
    try expect(":")
    let outside = scope.save()
    scope.functions.append(JQScope.Function(name: name, arity: parameters.count, isComplete: false))
    for parameter in parameters {
      scope.functions.append(JQScope.Function(name: parameter.name, arity: 0, isComplete: true))
      if parameter.isValue { scope.declare(variable: parameter.name) }
    }
    let body = try pipe()
    guard take(";") else { throw unexpected("';' at the end of the definition") }
    scope.restore(outside)
    scope.functions.append(JQScope.Function(name: name, arity: parameters.count, isComplete: true))
    return (JQ.Function(name: name, parameters: parameters, body: body), outside)
  }

  private mutating func parameter() throws(JQProblem) -> JQ.Parameter {
    switch token.kind {
    case .name(let name):
      advance()
      return JQ.Parameter(name: name, isValue: false)
    case .variable: return JQ.Parameter(name: try expectVariable(), isValue: true)
    default: throw unexpected("a parameter")
    }
  }

  private static let constants: [String: JSON] = ["true": true, "false": false, "null": nil]

  mutating func call(_ name: String) throws(JQProblem) -> JQ {
    // 'break' is no keyword of jq's: a function may have that name.
    if name == "break", case .variable = tokens[min(position + 1, tokens.count - 1)].kind { return try breakOut() }
    let offset = token.offset
    advance()
    var arguments: [JQ] = []
    if take("(") {
      repeat { arguments.append(try pipe()) } while take(";")
      guard take(")") else { throw unexpected("';' or ')'", hint: "arguments are separated by ';'") }
    }
    if arguments.isEmpty, let constant = Self.constants[name] { return .literal(constant) }
    if let function = scope.function(name, arity: arguments.count) {
      if function.isComplete { return .local(name, arguments) }
      throw JQProblem(
        code: .unsupported, offset: offset, message: "'\(name)' calls itself, and might never end",
        hint: "use reduce, foreach, recurse(f), until or while")
    }
    if let builtin = JQBuiltin.named(name, arity: arguments.count) { return .builtin(builtin, arguments) }
    throw unknownFunction(name, arity: arguments.count, offset: offset)
  }

  private func unknownFunction(_ name: String, arity: Int, offset: Int) -> JQProblem {
    if let reason = JQBuiltin.refused[name] {
      return JQProblem(code: .unsupported, offset: offset, message: "'\(name)' cannot be used: \(reason)")
    }
    let arities = JQBuiltin.arities(of: name) + scope.arities(of: name)
    if !arities.isEmpty {
      let known = Set(arities).sorted().map(String.init).joined(separator: " or ")
      return JQProblem(
        code: .unresolved, offset: offset, message: "'\(name)' takes \(known) arguments, not \(arity)",
        hint: arity > 1 ? nil : "arguments are separated by ';'")
    }
    return JQProblem(
      code: .unresolved, offset: offset, message: "there is no function '\(name)'",
      hint: Suggestion.hint(for: name, among: JQBuiltin.names + scope.functions.map(\.name))
        ?? "text stands in double quotes, data begins with a point")
  }
}

/// The names that exist at a place of a program.
struct JQScope {
  struct Function {
    let name: String
    let arity: Int
    /// `false` while its own body is read, where calling it would be a recursion.
    let isComplete: Bool
  }

  struct Mark {
    let functions: [Function]
    let variables: [String]
    let labels: [String]
  }

  let globals: Set<String>
  var usedGlobals: Set<String> = []
  var functions: [Function] = []
  var labels: [String] = []
  private var variables: [String] = []

  init(globals: Set<String>) { self.globals = globals }

  func save() -> Mark { Mark(functions: functions, variables: variables, labels: labels) }

  mutating func restore(_ mark: Mark) {
    functions = mark.functions
    variables = mark.variables
    labels = mark.labels
  }

  mutating func declare(variable: String) { variables.append(variable) }

  mutating func use(variable: String) -> Bool {
    if variables.contains(variable) { return true }
    guard globals.contains(variable) else { return false }
    usedGlobals.insert(variable)
    return true
  }

  var visibleVariables: [String] { globals.sorted() + variables }

  func function(_ name: String, arity: Int) -> Function? {
    functions.last { $0.name == name && $0.arity == arity }
  }

  func arities(of name: String) -> [Int] { functions.filter { $0.name == name }.map(\.arity) }
}
