import Values

/// Writes a program for libjq 1.6: every part in parentheses, every name with a prefix of its own, so that what an
/// author wrote can neither leave the wrapper nor hide what the wrapper relies on.
///
/// The program's input is an array: the data, then the value of each used variable in order. A value that is piped
/// through `debug` is counted (see ``JQBudget``); through `s_deep`, it is measured as a whole.
struct JQPrinter {
  private var prelude: Set<String> = []
  /// Whether what is printed now may be a path: the left side of an assignment, the argument of `path` or `del`.
  private var isPath = false
  /// Whether the program has paths at all: any function may then be called from one.
  private let hasPaths: Bool

  private init(hasPaths: Bool) { self.hasPaths = hasPaths }

  static func program(_ program: JQ, variables: [String]) -> String {
    var printer = JQPrinter(hasPaths: program.contains(\.takesPath))
    let body = printer.value(program)
    let bindings = variables.enumerated().map { ".[\($0 + 1)] as $v_\($1)|" }.joined()
    return JQPrelude.text(for: printer.prelude) + bindings + ".[0]|" + body
  }

  /// What stands where this one stands: a path, if this one is in the place of a path.
  private mutating func print(_ node: JQ) -> String { "(" + contents(node) + ")" }

  private mutating func value(_ node: JQ) -> String { print(node, isPath: false) }

  private mutating func path(_ node: JQ) -> String { print(node, isPath: true) }

  private mutating func print(_ node: JQ, isPath inside: Bool) -> String {
    let outside = isPath
    isPath = inside
    defer { isPath = outside }
    return print(node)
  }

  private mutating func contents(_ node: JQ) -> String {
    switch node {
    case .identity: "."
    case .recurse: "..|debug"
    case .literal(let literal): literal.text
    case .variable(let name): "$v_\(name)"
    case .string(let format, let parts): string(format, parts)
    case .format(let name): "\(deep(.identity))|@\(name)|debug"
    case .index, .slice, .iterate: step(node)
    case .optional(let step): self.step(step, isOptional: true)
    case .array(let items): "[" + (items.map { value($0) } ?? "") + "]"
    case .object(let members): "{" + members.map { "\(value($0.key)):\(value($0.value))" }.joined(separator: ",") + "}"
    case .negate(let operand): "-" + value(operand)
    case .pipe(let left, let right): "\(print(left))|\(print(right))"
    case .comma(let left, let right): "(\(print(left)),\(print(right)))|debug"
    case .binary(let operation, let left, let right): binary(operation, left, right)
    case .assign(let operation, let place, let value): assign(operation, place, value)
    default: control(node)
    }
  }

  private mutating func control(_ node: JQ) -> String {
    switch node {
    case .attempt(let body, let handler): return attempt(body, handler)
    case .conditional(let condition, let then, let otherwise):
      let then = print(then)
      return "if \(value(condition)) then \(then) else \(otherwise.map { print($0) } ?? ".") end"
    case .reduce(let source, let pattern, let initial, let update):
      return "reduce \(value(source)) as \(self.pattern(pattern)) (\(print(initial));\(print(update))|debug)"
    case .foreach(let source, let pattern, let initial, let update, let extract):
      let extract = extract.map { ";" + print($0) } ?? ""
      let loop = "foreach \(value(source)) as \(self.pattern(pattern))"
      return "\(loop) (\(print(initial));\(print(update))|debug\(extract))"
    case .bind(let source, let patterns, let body):
      return "\(value(source)) as \(patterns.map { pattern($0) }.joined(separator: " ?// "))|\(print(body))"
    case .define(let function, let body): return definition(function) + print(body)
    case .local(let name, let arguments):
      return "u_\(name)" + list(arguments.map { print($0, isPath: hasPaths) })
    case .builtin(let builtin, let arguments): return call(builtin, arguments)
    case .label(let name, let body): return "label $l_\(name)|\(print(body))"
    case .break(let name): return "break $l_\(name)"
    default: return ""
    }
  }

  /// libjq 1.6 lets `try` catch errors of what comes after it, too. Inside of an array nothing comes after it; but an
  /// array is no path, and `break` cannot carry a value out of one.
  private mutating func attempt(_ body: JQ, _ handler: JQ?) -> String {
    let text = "try \(print(body))" + (handler.map { " catch " + print($0) } ?? "")
    let breaks = body.contains(\.isBreak) || handler?.contains(\.isBreak) == true
    return isPath || breaks ? text : "[\(text)]|.[]"
  }

  private mutating func string(_ format: String?, _ parts: [JQ.Part]) -> String {
    var text = format.map { "@\($0) \"" } ?? "\""
    for part in parts {
      switch part {
      case .text(let literal): text += JSON.string(literal).text.dropFirst().dropLast()
      case .inserted(let inserted): text += "\\(\(deep(inserted)))"
      }
    }
    return text + "\"|debug"
  }

  private mutating func step(_ node: JQ, isOptional: Bool = false) -> String {
    let mark = isOptional ? "?" : ""
    switch node {
    case .index(let container, let key): return "\(print(container))[\(index(key))]\(mark)"
    case .slice(let container, let from, let to):
      let from = from.map { value($0) } ?? ""
      let to = to.map { value($0) } ?? ""
      return "\(print(container))[\(from):\(to)]\(mark)"
    case .iterate(let container): return "\(print(container))[]\(mark)|debug"
    default: return print(node)
    }
  }

  /// An index that is no small literal could make an assignment fill an array with a thousand million nulls.
  private mutating func index(_ key: JQ) -> String {
    switch key {
    case .literal(.string): return value(key)
    case .literal(.number(let number)) where number.double <= JQBudget.maxIndex: return value(key)
    default: return guarded(key, by: "s_index")
    }
  }

  private mutating func binary(_ operation: JQ.Operator, _ left: JQ, _ right: JQ) -> String {
    switch operation {
    case .alternative: return "\(print(left))//\(print(right))"
    case .and, .or, .divide, .remainder: return "\(value(left)) \(operation.rawValue) \(value(right))"
    case .add:
      let sum = "\(value(left))+\(value(right))"
      return left.isNumberLiteral || right.isNumberLiteral ? sum : "(\(sum))|debug"
    case .multiply:
      use("s_multiply")
      return "s_multiply(\(value(left));\(value(right)))"
    case .subtract, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
      if left.isLiteral || right.isLiteral { return value(left) + operation.rawValue + value(right) }
      return deep(left) + operation.rawValue + deep(right)
    }
  }

  /// `a += b` is what jq's manual says it is: `a |= . + b`, with `b` taken from the input as it was.
  private mutating func assign(_ assignment: JQ.Assignment, _ place: JQ, _ operand: JQ) -> String {
    let operation: JQ.Operator
    switch assignment {
    case .set: return "\(path(place))=\(value(operand))"
    case .update: return "\(path(place))|=\(value(operand))"
    case .add: operation = .add
    case .subtract: operation = .subtract
    case .multiply: operation = .multiply
    case .divide: operation = .divide
    case .remainder: operation = .remainder
    case .alternative: operation = .alternative
    }
    // No author can write this name: a variable's name does not begin with a digit.
    let update = binary(operation, .identity, .variable("0"))
    return "\(value(operand)) as $v_0|\(path(place))|=(\(update))"
  }

  private mutating func definition(_ function: JQ.Function) -> String {
    let values = function.parameters.filter(\.isValue).map { "u_\($0.name) as $v_\($0.name)|" }.joined()
    let body = print(function.body, isPath: hasPaths)
    return "def u_\(function.name)" + list(function.parameters.map { "u_\($0.name)" }) + ":\(values)\(body);"
  }

  private mutating func pattern(_ pattern: JQ.Pattern) -> String {
    switch pattern {
    case .variable(let name): return "$v_\(name)"
    case .array(let items): return "[" + items.map { self.pattern($0) }.joined(separator: ",") + "]"
    case .object(let members):
      var parts: [String] = []
      for (key, variable, inner) in members {
        let key = value(key)
        if let variable { parts.append("\(key):$v_\(variable)") }
        if let inner { parts.append("\(key):\(self.pattern(inner))") }
      }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  private func list(_ parts: [String]) -> String { parts.isEmpty ? "" : "(" + parts.joined(separator: ";") + ")" }

  private mutating func call(_ builtin: JQBuiltin, _ arguments: [JQ]) -> String {
    var printed: [String] = []
    for argument in arguments {
      printed.append(
        builtin.takesPath ? path(argument) : (builtin.passesPath ? print(argument) : value(argument)))
    }
    let plain = builtin.name + list(printed)
    switch builtin.care {
    case .none: return plain
    case .generates, .grows: return plain + "|debug"
    case .walks: return "\(deep(.identity))|\(plain)|debug"
    case .replaced:
      let name = "s_\(builtin.name)_\(builtin.arity)"
      use(name)
      return name + list(printed)
    case .writesPath: return builtin.name + list([guarded(arguments[0], by: "s_path")] + printed.dropFirst())
    case .writesIndex: return builtin.name + list([index(arguments[0])])
    }
  }

  private mutating func deep(_ node: JQ) -> String { guarded(node, by: "s_deep") }

  private mutating func guarded(_ node: JQ, by function: String) -> String {
    use(function)
    if case .identity = node { return "(\(function))" }
    return "(\(value(node))|\(function))"
  }

  private mutating func use(_ function: String) { prelude.insert(function) }
}

extension JQ {
  fileprivate var isLiteral: Bool { if case .literal = self { true } else { false } }

  fileprivate var isNumberLiteral: Bool { if case .literal(.number) = self { true } else { false } }

  fileprivate var isBreak: Bool { if case .break = self { true } else { false } }

  fileprivate var takesPath: Bool {
    switch self {
    case .assign: true
    case .builtin(let builtin, _): builtin.takesPath
    default: false
    }
  }
}
