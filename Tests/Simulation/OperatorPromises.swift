import Engine
import Mediator
import Values

/// What must hold of operators' commands at the end.
extension Simulation {
  func brokenCommands(_ tables: SimulatedDatabase.Tables) -> [String] {
    var problems: [String] = []
    let audit = tables.operations.audit
    if (0..<Int32(shards)).contains(where: tables.operations.has) { problems.append("a command is left in the queue") }
    var told: [String: Int] = [:]
    for row in tables.journal.values.joined() {
      for reason in row.entries.compactMap(\.reason) { told[reason, default: 0] += 1 }
    }
    for command in operators.submitted {
      guard let row = audit[command.request] else {
        problems.append("nobody knows what became of the command \(command.verb), \(command.reason)")
        continue
      }
      problems += disagreements(row, told[command.reason] ?? 0, tables)
    }
    if audit.count != operators.submitted.count { problems.append("the audit has rows that nobody asked for") }
    return problems
  }

  /// What the audit says is what the journal says.
  private func disagreements(_ row: AuditRow, _ told: Int, _ tables: SimulatedDatabase.Tables) -> [String] {
    let what = "the command \(row.command.verb) (\(row.command.reason))"
    switch row.outcome {
    case .refused(let why):
      return told == 0 ? [] : ["\(what) was refused (\(why)), and the journal has it"]
    case .applied(let result):
      if let result, tables.instances[result] == nil { return ["\(what) has started nothing"] }
      let verb = Verb(rawValue: row.command.verb)
      // How a cancelled instance ends, its compensations decide.
      if verb == .cancel || verb == .replay { return told > 1 ? ["\(what) is in the journal \(told) times"] : [] }
      return told == 1 ? [] : ["\(what) is in the journal \(told) times"]
    }
  }
}

extension JournalEntry {
  /// In an operator's words.
  fileprivate var reason: String? {
    switch self {
    // That it has been cancelled is told when it is undone.
    case .operated(.cancel, _): nil
    case .operated(_, let reason), .workflowSuspended(let reason), .workflowResumed(let reason),
      .workflowCancelled(let reason), .migrated(_, let reason):
      reason
    default: nil
    }
  }

  /// Opens an instance that has ended.
  var isReopening: Bool {
    switch self {
    case .operated(.retry, _), .operated(.rerun, _), .operated(.skip, _): true
    default: false
    }
  }
}

extension [JournalEntry] {
  /// Whether the journal begins once, and ends once after each time that the instance was opened.
  ///
  /// - Parameter hasEnded: whether the instance is said to have ended.
  func isConsistent(hasEnded: Bool) -> Bool {
    var isOpen: Bool?
    for entry in self {
      switch entry {
      case .workflowStarted:
        guard isOpen == nil else { return false }
        isOpen = true
      case let entry where entry.isEnd:
        // One that is cancelled before its turn never begins.
        guard isOpen != false else { return false }
        isOpen = false
      case let entry where entry.isReopening && isOpen == false: isOpen = true
      default: continue
      }
    }
    return isOpen == !hasEnded
  }
}

extension InstanceState {
  /// Whether it has yet to wait for its turn, suspended or not.
  var isPending: Bool { status == .pending || suspension?.isPending == true }
}
