import Synchronization
import Values

/// A parsed program, and its compiled form once an evaluation has needed it.
final class JQProgram: Sendable {
  let tree: JQ
  /// Sorted.
  let usedVariables: [String]
  private let path: JQPath?
  private let isNative: Bool
  private let machine = Mutex<JQMachine?>(nil)

  init(tree: JQ, usedVariables: Set<String>) {
    self.tree = tree
    self.usedVariables = usedVariables.sorted()
    path = JQPath(tree)
    isNative = JQNative.supports(tree)
  }

  func evaluate(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> JSON {
    if let value = path?.evaluate(data, variables: variables) { return value }
    if isNative {
      let value = withoutActuallyEscaping(variables) { variables in
        var native = JQNative(variables: variables)
        return native.evaluate(tree, data)
      }
      if let value { return value }
    }
    return try evaluateByLibrary(data, variables: variables)
  }

  /// What libjq makes of it, even where that is not needed.
  func evaluateByLibrary(_ data: JSON, variables: (String) -> JSON?) throws(ExpressionError) -> JSON {
    var inputs = [data]
    for name in usedVariables { inputs.append(variables(name) ?? .null) }
    return try compiled().evaluate(inputs)
  }

  /// Two threads may compile at the same time; both get the same program.
  private func compiled() throws(ExpressionError) -> JQMachine {
    if let machine = machine.withLock({ $0 }) { return machine }
    let machine = try JQMachineCache.shared.machine(for: JQPrinter.program(tree, variables: usedVariables))
    self.machine.withLock { $0 = machine }
    return machine
  }
}

/// Compiled programs by their text: expressions repeat within a definition and across its versions.
private final class JQMachineCache: Sendable {
  static let shared = JQMachineCache()
  /// A compiled program takes some 12 KiB.
  private static let limit = 2_048

  private let machines = Mutex<[String: JQMachine]>([:])

  func machine(for program: String) throws(ExpressionError) -> JQMachine {
    if let machine = machines.withLock({ $0[program] }) { return machine }
    let machine = try JQMachine(program)
    return machines.withLock { machines in
      if let first = machines[program] { return first }
      // Programs in use stay alive without the cache, so that emptying it costs a compilation at most.
      if machines.count >= Self.limit { machines.removeAll() }
      machines[program] = machine
      return machine
    }
  }
}
