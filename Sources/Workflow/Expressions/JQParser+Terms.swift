import Values

// Terms: what operators stand between.
extension JQParser {
  /// - Parameter binds: whether `as` may follow, which takes everything after it into the scope of its variables.
  mutating func postfix(binds: Bool = true) throws(JQProblem) -> JQ {
    // Whether the term ends with an index, which a '?' then belongs to.
    var endsWithIndex = startsWithIndex
    var term = try primary()
    while true {
      switch token.kind {
      case .field(let name):
        advance()
        term = .index(term, .literal(.string(name)))
        endsWithIndex = true
      case .symbol("."):
        advance()
        term = try afterPoint(term)
        endsWithIndex = true
      case .symbol("["):
        term = try bracket(term)
        endsWithIndex = true
      case .symbol("?"), .symbol("?//"):
        term = endsWithIndex ? .optional(term) : .attempt(term, handler: nil)
        endsWithIndex = false
        // Between operands, '?//' is '?' and then '//'; only between patterns is it one sign.
        if isSymbol("?//") {
          tokens[position] = JQToken(kind: .symbol("//"), offset: token.offset + 1)
          return term
        }
        advance()
      case .keyword("as") where binds:
        advance()
        return try binding(of: term)
      default: return term
      }
    }
  }

  private var startsWithIndex: Bool {
    switch (token.kind, tokens[min(position + 1, tokens.count - 1)].kind) {
    case (.field, _), (.symbol("."), .string): true
    default: false
    }
  }

  private mutating func afterPoint(_ term: JQ) throws(JQProblem) -> JQ {
    switch token.kind {
    case .string: return .index(term, try string(format: nil))
    case .symbol("["): return try bracket(term)
    default: throw unexpected("a name after the point", hint: "write .name, .\"a name\" or .[0]")
    }
  }

  /// `[]`, `[index]`, `[from:to]`.
  private mutating func bracket(_ term: JQ) throws(JQProblem) -> JQ {
    try expect("[")
    if take("]") { return .iterate(term) }
    if take(":") {
      let end = try pipe()
      try expect("]")
      return .slice(term, from: nil, to: end)
    }
    let start = try pipe()
    if take("]") { return .index(term, start) }
    guard take(":") else { throw unexpected("']'") }
    if take("]") { return .slice(term, from: start, to: nil) }
    let end = try pipe()
    try expect("]")
    return .slice(term, from: start, to: end)
  }

  private mutating func primary() throws(JQProblem) -> JQ {
    let start = token
    switch start.kind {
    case .number(let number):
      advance()
      return .literal(.number(number))
    case .string: return try string(format: nil)
    case .format(let name): return try format(name)
    case .field(let name):
      advance()
      return .index(.identity, .literal(.string(name)))
    case .variable(let name): return try variable(name)
    case .name(let name): return try call(name)
    case .symbol(let symbol): return try bracketed(symbol)
    case .keyword(let keyword): return try control(keyword)
    case .end: throw unexpected("a value")
    }
  }

  private mutating func bracketed(_ symbol: String) throws(JQProblem) -> JQ {
    switch symbol {
    case ".":
      advance()
      if case .string = token.kind { return .index(.identity, try string(format: nil)) }
      return .identity
    case "..":
      advance()
      return .recurse
    case "(":
      advance()
      let inner = try pipe()
      try expect(")")
      return inner
    case "[":
      advance()
      if take("]") { return .array(nil) }
      let items = try pipe()
      try expect("]")
      return .array(items)
    case "{": return try object()
    default: throw unexpected("a value")
    }
  }

  private mutating func variable(_ name: String) throws(JQProblem) -> JQ {
    try refuseReserved(name)
    guard scope.use(variable: name) else {
      let known = scope.visibleVariables
      let hint =
        Suggestion.hint(for: name, among: known) { "$\($0)" }
        ?? (known.isEmpty
          ? "no variable can be used here" : "known here: " + known.map { "$\($0)" }.joined(separator: ", "))
      throw JQProblem(code: .unresolved, offset: token.offset, message: "$\(name) does not exist here", hint: hint)
    }
    advance()
    return .variable(name)
  }

  // MARK: Strings

  mutating func string(format: String?) throws(JQProblem) -> JQ {
    guard case .string(let parts) = token.kind else { throw unexpected("a string") }
    advance()
    if parts.count == 1, case .text(let text) = parts[0] { return .literal(.string(text)) }
    var result: [JQ.Part] = []
    for part in parts {
      switch part {
      case .text(let text): result.append(.text(text))
      case .inserted(let range): result.append(.inserted(try inserted(range)))
      }
    }
    return .string(format: format, result)
  }

  private static let formats = ["text", "json", "csv", "tsv", "html", "uri", "sh", "base64", "base64d", "base32"]

  private mutating func format(_ name: String) throws(JQProblem) -> JQ {
    guard Self.formats.contains(name) else {
      throw JQProblem(
        code: .unresolved, offset: token.offset, message: "@\(name) is no format",
        hint: Suggestion.hint(for: name, among: Self.formats) { "@\($0)" })
    }
    advance()
    if case .string = token.kind { return try string(format: name) }
    return .format(name)
  }

  // MARK: Objects

  private mutating func object() throws(JQProblem) -> JQ {
    try expect("{")
    var members: [JQ.Member] = []
    if take("}") { return .object([]) }
    repeat { members.append(try member()) } while take(",")
    guard take("}") else {
      throw unexpected("',' or '}'", hint: "put a value with operators into parentheses: {a: (1 + 2)}")
    }
    return .object(members)
  }

  private mutating func member() throws(JQProblem) -> JQ.Member {
    if case .variable(let name) = token.kind {
      return JQ.Member(key: .literal(.string(name)), value: try variable(name))
    }
    let (key, isComputed) = try memberKey()
    if take(":") { return JQ.Member(key: key, value: try memberValue()) }
    if isComputed { throw unexpected("':'") }
    return JQ.Member(key: key, value: .index(.identity, key))
  }

  private mutating func memberKey() throws(JQProblem) -> (JQ, isComputed: Bool) {
    switch token.kind {
    case .name(let name), .keyword(let name):
      advance()
      return (.literal(.string(name)), false)
    case .string: return (try string(format: nil), false)
    case .format(let name): return (try format(name), false)
    case .symbol("("):
      advance()
      let key = try pipe()
      try expect(")")
      return (key, true)
    default: throw unexpected("a key", hint: "a key is a name, a \"string\", $variable or (expression)")
    }
  }

  private mutating func memberValue() throws(JQProblem) -> JQ {
    try nested { (parser: inout JQParser) throws(JQProblem) in
      let value =
        parser.take("-") ? Self.negated(try parser.memberValue()) : try parser.postfix(binds: false)
      return parser.take("|") ? .pipe(value, try parser.memberValue()) : value
    }
  }
}
