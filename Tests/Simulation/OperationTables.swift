import Mediator
import Values

/// The tables `commands` and `audit`.
struct OperationTables {
  private var rows: [Int32: [QueuedCommand]] = [:]
  private var nextNumber: Int64 = 1
  private(set) var audit: [UUIDValue: AuditRow] = [:]

  /// How often each verb was applied.
  var applied: [String: Int] {
    audit.values.reduce(into: [:]) { counts, row in
      if case .applied = row.outcome { counts[row.command.verb, default: 0] += 1 }
    }
  }

  /// Whether an operator has changed the instance in a way that its end may have been undone by.
  func isReopened(_ instance: UUIDValue) -> Bool { has(instance, [.retry, .rerun, .skip]) }

  /// Whether an operator has skipped a task of the instance.
  func isSkipped(_ instance: UUIDValue) -> Bool { has(instance, [.skip]) }

  private func has(_ instance: UUIDValue, _ verbs: Set<Verb>) -> Bool {
    audit.values.contains { row in
      guard row.command.instance == instance, case .applied = row.outcome else { return false }
      return Verb(rawValue: row.command.verb).map(verbs.contains) ?? false
    }
  }

  /// What happens where commands leave the queue before the transaction that they are done in.
  mutating func take(_ numbers: [Int64]) {
    for shard in rows.keys { rows[shard]?.removeAll { numbers.contains($0.number) } }
  }

  /// A request that was handed in before is not queued again; now and then it slips through, as it can when both happen
  /// at the same moment.
  mutating func submit(_ command: OperatorCommand, _ shard: Int32, slipsThrough: Bool = false) {
    guard slipsThrough || audit[command.request] == nil else { return }
    guard !(rows[shard] ?? []).contains(where: { $0.command.request == command.request }) else { return }
    rows[shard, default: []].append(QueuedCommand(number: nextNumber, command: command, isDone: false))
    nextNumber += 1
  }

  func has(_ shard: Int32) -> Bool { rows[shard]?.isEmpty == false }

  func queued(_ shard: Int32, limit: Int) -> [QueuedCommand] {
    (rows[shard] ?? []).prefix(limit).map { row in
      QueuedCommand(number: row.number, command: row.command, isDone: audit[row.command.request] != nil)
    }
  }

  /// - Returns: promises that the batch breaks.
  mutating func apply(_ batch: ShardBatch) -> [String] {
    var violations: [String] = []
    let done = Set(batch.commands)
    for shard in rows.keys { rows[shard]?.removeAll { done.contains($0.number) } }
    for row in batch.audit {
      if audit.updateValue(row, forKey: row.command.request) != nil {
        violations.append("the request \(row.command.request.text) is carried out twice")
      }
    }
    return violations
  }
}
