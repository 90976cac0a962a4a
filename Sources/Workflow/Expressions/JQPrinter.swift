import Values

/// Writes a program for libjq 1.6: every part in parentheses, every name with a prefix of its own, so that what an
/// author wrote can neither leave the wrapper nor hide what the wrapper relies on.
///
/// The program's input is an array: the data, then the value of each used variable in order. A value that is piped
/// through `debug` is counted (see ``JQBudget``); through `s_deep`, it is measured as a whole.
struct JQPrinter {
  private var prelude: Set<String> = []

  static func program(_ program: JQ, variables: [String]) -> String {
    var printer = JQPrinter()
    let body = printer.print(program)
    let bindings = variables.enumerated().map { ".[\($0 + 1)] as $v_\($1)|" }.joined()
    return JQPrelude.text(for: printer.prelude) + bindings + ".[0]|" + body
  }

  private mutating func print(_ node: JQ) -> String { "(" + contents(node) + ")" }

  private mutating func contents(_ node: JQ) -> String {
    switch node {
    case .identity: "."
    case .recurse: "..|debug"
    case .literal(let value): value.text
    case .variable(let name): "$v_\(name)"
    case .string(let format, let parts): string(format, parts)
    case .format(let name): "\(deep(.identity))|@\(name)|debug"
    case .index(let value, let key): "\(print(value))[\(index(key))]"
    case .slice(let value, let from, let to): slice(value, from, to)
    case .iterate(let value): "\(print(value))[]|debug"
    case .array(let items): "[" + (items.map { print($0) } ?? "") + "]"
    case .object(let members):
      "{" + members.map { "\(print($0.key)):\(print($0.value))" }.joined(separator: ",") + "}"
    case .negate(let operand): "-" + print(operand)
    case .pipe(let left, let right): "\(print(left))|\(print(right))"
    case .comma(let left, let right): "(\(print(left)),\(print(right)))|debug"
    case .binary(let operation, let left, let right): binary(operation, left, right)
    case .assign(let operation, let place, let value): assign(operation, place, value)
    default: control(node)
    }
  }

  private mutating func control(_ node: JQ) -> String {
    switch node {
    case .attempt(let body, let handler):
      "try \(print(body))" + (handler.map { " catch " + print($0) } ?? "")
    case .conditional(let condition, let then, let otherwise):
      "if \(print(condition)) then \(print(then)) else \(otherwise.map { print($0) } ?? ".") end"
    case .reduce(let source, let pattern, let initial, let update):
      "reduce \(print(source)) as \(self.pattern(pattern)) (\(print(initial));\(print(update))|debug)"
    case .foreach(let source, let pattern, let initial, let update, let extract):
      "foreach \(print(source)) as \(self.pattern(pattern)) (\(print(initial));\(print(update))|debug"
        + (extract.map { ";" + print($0) } ?? "") + ")"
    case .bind(let source, let patterns, let body):
      "\(print(source)) as \(patterns.map { pattern($0) }.joined(separator: " ?// "))|\(print(body))"
    case .define(let function, let body): definition(function) + print(body)
    case .local(let name, let arguments): "u_\(name)" + list(arguments)
    case .builtin(let builtin, let arguments): call(builtin, arguments)
    case .label(let name, let body): "label $l_\(name)|\(print(body))"
    case .break(let name): "break $l_\(name)"
    default: ""
    }
  }

  private mutating func string(_ format: String?, _ parts: [JQ.Part]) -> String {
    var text = format.map { "@\($0) \"" } ?? "\""
    for part in parts {
      switch part {
      case .text(let literal): text += JSON.string(literal).text.dropFirst().dropLast()
      case .inserted(let value): text += "\\(\(deep(value)))"
      }
    }
    return text + "\"|debug"
  }

  /// An index that is no small literal could make an assignment fill an array with a thousand million nulls.
  private mutating func index(_ key: JQ) -> String {
    switch key {
    case .literal(.string): return print(key)
    case .literal(.number(let number)) where number.double <= JQBudget.maxIndex: return print(key)
    default: return guarded(key, by: "s_index")
    }
  }

  private mutating func slice(_ value: JQ, _ from: JQ?, _ to: JQ?) -> String {
    let from = from.map { print($0) } ?? ""
    let to = to.map { print($0) } ?? ""
    return "\(print(value))[\(from):\(to)]"
  }

  private mutating func binary(_ operation: JQ.Operator, _ left: JQ, _ right: JQ) -> String {
    switch operation {
    case .and, .or, .alternative, .divide, .remainder:
      return "\(print(left)) \(operation.rawValue) \(print(right))"
    case .add:
      let sum = "\(print(left))+\(print(right))"
      return left.isNumberLiteral || right.isNumberLiteral ? sum : "(\(sum))|debug"
    case .multiply:
      use("s_multiply")
      return "s_multiply(\(print(left));\(print(right)))"
    case .subtract, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
      if left.isScalarLiteral || right.isScalarLiteral { return print(left) + operation.rawValue + print(right) }
      return deep(left) + operation.rawValue + deep(right)
    }
  }

  /// `a += b` is what jq's manual says it is: `a |= . + b`, with `b` taken from the input as it was.
  private mutating func assign(_ assignment: JQ.Assignment, _ place: JQ, _ value: JQ) -> String {
    let operation: JQ.Operator
    switch assignment {
    case .set: return "\(print(place))=\(print(value))"
    case .update: return "\(print(place))|=\(print(value))"
    case .add: operation = .add
    case .subtract: operation = .subtract
    case .multiply: operation = .multiply
    case .divide: operation = .divide
    case .remainder: operation = .remainder
    case .alternative: operation = .alternative
    }
    let update = binary(operation, .identity, .variable("\(Self.operand)"))
    return "\(print(value)) as $v_\(Self.operand)|\(print(place))|=(\(update))"
  }

  /// No author can write this name: a variable's name does not begin with a digit.
  private static let operand = "0"

  private mutating func definition(_ function: JQ.Function) -> String {
    let parameters = function.parameters.map { "u_\($0.name)" }.joined(separator: ";")
    let values = function.parameters.filter(\.isValue).map { "u_\($0.name) as $v_\($0.name)|" }.joined()
    return "def u_\(function.name)" + (parameters.isEmpty ? "" : "(\(parameters))")
      + ":\(values)\(print(function.body));"
  }

  private mutating func pattern(_ pattern: JQ.Pattern) -> String {
    switch pattern {
    case .variable(let name): return "$v_\(name)"
    case .array(let items): return "[" + items.map { self.pattern($0) }.joined(separator: ",") + "]"
    case .object(let members):
      var parts: [String] = []
      for (key, variable, inner) in members {
        let key = print(key)
        if let variable { parts.append("\(key):$v_\(variable)") }
        if let inner { parts.append("\(key):\(self.pattern(inner))") }
      }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  private mutating func list(_ arguments: [JQ]) -> String {
    arguments.isEmpty ? "" : "(" + arguments.map { print($0) }.joined(separator: ";") + ")"
  }

  private mutating func call(_ builtin: JQBuiltin, _ arguments: [JQ]) -> String {
    let plain = builtin.name + list(arguments)
    switch builtin.care {
    case .none: return plain
    case .generates, .grows: return plain + "|debug"
    case .walks: return "\(deep(.identity))|\(plain)|debug"
    case .replaced:
      let name = "s_\(builtin.name)_\(builtin.arity)"
      use(name)
      return name + list(arguments)
    case .takesPath:
      let rest = arguments.dropFirst().map { ";" + print($0) }.joined()
      return "\(builtin.name)(\(guarded(arguments[0], by: "s_path"))\(rest))"
    case .takesIndex: return "\(builtin.name)(\(index(arguments[0])))"
    }
  }

  private mutating func deep(_ node: JQ) -> String { guarded(node, by: "s_deep") }

  private mutating func guarded(_ node: JQ, by function: String) -> String {
    use(function)
    return node.isIdentity ? "(\(function))" : "(\(print(node))|\(function))"
  }

  private mutating func use(_ function: String) { prelude.insert(function) }
}

extension JQ {
  fileprivate var isIdentity: Bool { if case .identity = self { true } else { false } }

  fileprivate var isNumberLiteral: Bool { if case .literal(.number) = self { true } else { false } }

  fileprivate var isScalarLiteral: Bool { if case .literal = self { true } else { false } }
}
