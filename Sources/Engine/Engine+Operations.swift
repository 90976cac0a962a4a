import Values

extension Engine {
  /// Does what an operator says.
  ///
  /// A refused operation changes nothing. What suspending and retrying mean in particular stands at
  /// ``Execution/suspend(_:)`` and ``Execution/retry(_:)``; what every verb does, in docs/operator-verbs.md.
  ///
  /// - Parameters:
  ///   - reason: why, in the operator's words; it is journalled.
  ///   - state: also one that has ended. Its input has to be there, because expressions ask for it.
  public func operate(_ operation: Operation, reason: String, state: inout InstanceState, now: Timestamp) -> Step {
    var execution = Execution(self, state: state, now: now)
    do throws(Refusal) {
      try execution.operate(operation, reason)
    } catch {
      return Step(disposition: .refused(error.sentence), entries: [])
    }
    state = execution.state
    state.updatedAt = now
    return Step(disposition: .applied, entries: execution.entries)
  }
}

/// Why an operation is not done, and what to do instead.
struct Refusal: Error {
  let sentence: String

  init(_ sentence: String) { self.sentence = sentence }
}
