import Values
import Workflow

/// What completed tasks left to be undone, when the instance ends badly. Not of the standard: see
/// docs/workflow-language.md, "Saga".
extension Execution {
  /// Where the compensations of a whole workflow hang.
  static let compensationReference = "/compensation"

  mutating func cancel(_ reason: String, compensating: Bool) {
    // What undoes the instance already is not to be stopped half-way.
    if compensating, state.ending != nil { return }
    endSuspension()
    closeAll()
    queue = []
    state.unfinished = []
    guard compensating, !state.compensations.isEmpty else { return end(cancelledFor: reason) }
    // It is cancelled when all is undone; should that fail, it has faulted, and a history has one end.
    state.cancellation = reason
    record(.operated(.cancel(compensating: true), reason: reason))
    if let move = compensate(.cancelled) { run(from: move) }
  }

  private mutating func end(cancelledFor reason: String) {
    conclude(.cancelled)
    state.cancellation = nil
    record(.workflowCancelled(reason: reason))
  }

  /// Begins to compensate; nil when there is nothing to.
  mutating func compensate(_ ending: InstanceStatus) -> Move? {
    guard !state.compensations.isEmpty else { return nil }
    state.ending = ending
    // It is the workflow that had a time to end in; what undoes it has its own deadlines.
    state.deadline = nil
    return nextCompensation()
  }

  mutating func compensated(_ activity: Activity) -> Move? { nextCompensation() }

  /// The latest task that is not undone yet, or the end.
  mutating func nextCompensation() -> Move? {
    closeAll()
    guard let next = state.compensations.popLast() else {
      if state.ending == .cancelled {
        end(cancelledFor: state.cancellation ?? "")
      } else {
        conclude(.faulted)
        if let error = state.error { record(.workflowFaulted(problem: error)) }
      }
      return nil
    }
    record(.compensating(reference: next.reference))
    let scope = open(
      parent: nil, reference: Self.compensationReference, input: next.data, phase: .compensating(next.reference))
    return .enter(scope: scope, position: 0, input: next.data)
  }

  /// The instance ends as faulted, and its error names the compensation that an operator has to see to.
  mutating func failedToCompensate(_ problem: ProblemDetails, _ checkpoint: Checkpoint?) -> Move? {
    var error = state.error ?? problem
    let open = state.compensations.reversed().map { JSON.string($0.reference) }
    error.extensions["compensation"] = ["error": problem.json, "open": .array(open)]
    state.error = error
    conclude(.faulted)
    state.checkpoint = checkpoint
    record(.workflowFaulted(problem: error))
    return nil
  }
}
