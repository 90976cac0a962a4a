import Values
import Workflow

/// With what an instance can be run again from a task, as its journal tells it.
public enum RerunDerivation: Sendable, Hashable {
  case start(RerunStart)
  /// A sentence for people: what cannot be told, and what to do instead.
  case refused(String)
}

extension Engine {
  /// Derives the data that a task had when it last began.
  ///
  /// - Parameters:
  ///   - reference: the task reference.
  ///   - instance: its id, input and start are asked for.
  ///   - journal: the entries of all rows of the instance, in order.
  ///   - given: the raw input, where an operator gives it; then the task need not have begun yet, nor the journal be whole,
  ///     and in these cases `$context` stays as it is.
  public func rerunStart(
    from reference: String, instance: InstanceState, journal: [JournalEntry], given: JSON? = nil
  ) -> RerunDerivation {
    var state = InstanceState(id: instance.id, input: instance.input, startedAt: instance.startedAt)
    state.updatedAt = instance.updatedAt
    let execution = Execution(self, state: state, now: instance.updatedAt)
    do throws(Refusal) {
      return .start(try JournalReading(journal, execution: execution).start(from: reference, given: given))
    } catch {
      return .refused(error.sentence)
    }
  }
}

/// Reads what tasks were given out of a journal, which holds what tasks gave.
private struct JournalReading {
  /// In the words of the version that the instance runs now.
  let entries: [JournalEntry]
  let execution: Execution
  /// Where the last entry of another version stands.
  let lastMigration: Int?

  init(_ journal: [JournalEntry], execution: Execution) {
    var entries: [JournalEntry] = []
    for entry in journal {
      if case .migrated(let record, _) = entry { entries = entries.map { $0.moved(by: record) } }
      entries.append(entry)
    }
    self.entries = entries
    self.execution = execution
    lastMigration = entries.lastIndex { if case .migrated = $0 { true } else { false } }
  }

  func start(from reference: String, given: JSON?) throws(Refusal) -> RerunStart {
    let path = try execution.definition.path(toRerun: reference)
    let isWhole = entries.contains(.workflowStarted)
    guard isWhole || given != nil else {
      throw Refusal("the beginning of the instance's journal is gone, so the task's input cannot be told; give it")
    }
    let begun = beginning(of: reference)
    guard let place = begun ?? given.map({ _ in entries.endIndex }) else {
      throw Refusal("\(reference) has not begun in this instance; rerun from a task that has, or give its input")
    }
    var enclosing: [JSON] = []
    for task in path.dropLast() {
      guard let around = entries[..<place].lastIndex(where: { $0.begins(task.reference) }) else {
        throw Refusal("the journal does not tell when \(task.reference) began; rerun from that task")
      }
      enclosing.append(try rawInput(task.reference, at: around, in: Array(path.prefix { $0 !== task })))
    }
    let around = Array(path.dropLast())
    let input = if let given { given } else { try rawInput(reference, at: place, in: around) }
    let context: JSON? = if isWhole, begun != nil { try context(before: place) } else { Optional.none }
    return RerunStart(
      task: reference, input: input, context: context, enclosing: enclosing, nextActivity: nextActivity)
  }

  /// The last place at which the task began, or at which it was passed by.
  private func beginning(of reference: String) -> Int? {
    entries.lastIndex { $0.begins(reference) || $0 == .taskSkipped(reference: reference) }
  }

  // MARK: Inputs

  /// What flowed into the task: what the task before it in the same scope gave, else what its scope was given.
  private func rawInput(
    _ reference: String, at place: Int, in around: [TaskDefinition]
  ) throws(Refusal) -> JSON {
    let scope = try siblings(of: reference, around)
    for index in entries[..<place].indices.reversed() {
      switch entries[index] {
      case .taskCompleted(_, let sibling, let output) where scope.contains(sibling): return output
      case .operated(.override(.input(reference), let data), _): return data
      case .operated(.rerun(let start), _):
        if let input = start.input(of: reference, in: scope, depth: around.count) { return input }
      case .workflowStarted where around.isEmpty: return try workflowInput()
      case let entry where around.last.map { entry.begins($0.reference) } ?? false:
        if let start = rerun(opening: index), scope.contains(start.task) { return start.input }
        return try scopeInput(around, at: index)
      default: continue
      }
    }
    throw Refusal("the journal does not tell what \(reference) was given; give its input")
  }

  /// The rerun that opened this scope at a place inside of it.
  private func rerun(opening place: Int) -> RerunStart? {
    for entry in entries[..<place].reversed() {
      switch entry {
      case .operated(.rerun(let start), _): return start
      case .taskStarted, .taskCancelled, .childCancelled: continue
      default: return nil
      }
    }
    return nil
  }

  private func siblings(_ around: [TaskDefinition]) -> TaskScope {
    if let last = around.last, case .do(let inside) = last.kind { inside } else { execution.definition.tasks }
  }

  private func siblings(of reference: String, _ around: [TaskDefinition]) throws(Refusal) -> Set<String> {
    let scope = siblings(around)
    guard scope.allSatisfy({ $0.extended == nil }) else {
      throw Refusal(
        "extensions stand around tasks beside \(reference), so the journal does not tell its input; give it")
    }
    return Set(scope.map(\.reference))
  }

  private func workflowInput() throws(Refusal) -> JSON {
    do throws(ExpressionError) {
      return try execution.workflowInput()
    } catch {
      throw Refusal("the workflow's input cannot be made again: \(error.message)")
    }
  }

  /// What the first task of a `do` got: the input of that `do`, after its `input.from`.
  private func scopeInput(_ around: [TaskDefinition], at place: Int) throws(Refusal) -> JSON {
    guard let task = around.last else { return try workflowInput() }
    let raw = try rawInput(task.reference, at: place, in: Array(around.dropLast()))
    guard let from = task.input?.from else { return raw }
    var execution = execution
    execution.state.context = try context(before: place)
    let scope = execution.open(
      parent: nil, reference: Execution.rootReference, input: .null, phase: .sequence(position: 0))
    do throws(ExpressionError) {
      let variables = execution.taskScope(task, in: scope, rawInput: raw, startedAt: execution.now)
      return try from.evaluate(raw, variables: variables.value)
    } catch {
      throw Refusal("the input of \(task.reference) cannot be made again: \(error.message)")
    }
  }

  // MARK: Context

  private func context(before place: Int) throws(Refusal) -> JSON {
    for index in entries[..<place].indices.reversed() {
      switch entries[index] {
      case .contextExported(let context?): return context
      case .contextExported(nil):
        throw Refusal("$context was too large for the journal at that place; give it, or keep the present one")
      case .operated(.override(.context, let context), _): return context
      case .operated(.rerun(let start), _): if let context = start.context { return context }
      case .taskCompleted(_, let reference, _) where execution.definition.task(at: reference)?.export?.as != nil:
        if index > 0, case .contextExported = entries[index - 1] { continue }
        // In the version that the instance ran then, the task need not have had an export.
        if let lastMigration, index < lastMigration { continue }
        throw Refusal("the journal is of a version that did not keep $context; give it, or keep the present one")
      default: continue
      }
    }
    return .null
  }

  // MARK: Ids

  /// Above every id that anything outside of the instance has seen.
  private var nextActivity: Int {
    var next = 0
    for entry in entries {
      switch entry {
      case .taskStarted(let activity, _), .taskReopened(let activity, _): next = max(next, activity + 1)
      case .operated(.rerun(let start), _): next = max(next, start.nextActivity)
      default: continue
      }
    }
    return next
  }
}

extension JournalEntry {
  /// The entry in the words of the version that an instance went on in. What has no task there any more keeps a
  /// reference that none has.
  fileprivate func moved(by record: MigrationRecord) -> JournalEntry {
    func new(_ reference: String) -> String { record.reference(reference) ?? "" }
    switch self {
    case .taskStarted(let activity, let reference): return .taskStarted(activity: activity, reference: new(reference))
    case .taskReopened(let activity, let reference):
      return .taskReopened(activity: activity, reference: new(reference))
    case .taskSkipped(let reference): return .taskSkipped(reference: new(reference))
    case .taskCompleted(let activity, let reference, let output):
      return .taskCompleted(activity: activity, reference: new(reference), output: output)
    case .operated(.override(.input(let task?), let data), let reason):
      return .operated(.override(.input(task: new(task)), data), reason: reason)
    case .operated(.rerun(let start), let reason):
      let moved = RerunStart(
        task: new(start.task), input: start.input, context: start.context, enclosing: start.enclosing,
        nextActivity: start.nextActivity)
      return .operated(.rerun(moved), reason: reason)
    default: return self
    }
  }
}

extension RerunStart {
  /// What the task was given by this rerun: its own input, or that of what stands around the task that ran again.
  fileprivate func input(of reference: String, in scope: Set<String>, depth: Int) -> JSON? {
    if scope.contains(task) { return input }
    guard task.hasPrefix(reference + "/"), enclosing.indices.contains(depth) else { return nil }
    return enclosing[depth]
  }
}

extension JournalEntry {
  fileprivate func begins(_ reference: String) -> Bool {
    switch self {
    case .taskStarted(_, reference), .taskReopened(_, reference): true
    default: false
    }
  }
}
