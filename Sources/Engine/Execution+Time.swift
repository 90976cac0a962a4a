import Safeguards
import Values
import Workflow

/// What happens because of the time alone.
extension Execution {
  mutating func wake() -> Disposition {
    if isSuspended, Safeguard.holds(.suspensionTimeless) { return .ignored(.early) }
    if state.status == .pending {
      state.status = .running
      begin()
      return .applied
    }
    if let deadline = state.deadline, deadline <= now, state.ending == nil {
      let problem = Problems.timeout("the workflow did not end within its timeout", at: Self.rootReference)
      run(from: .fault(activity: nil, problem))
      return .applied
    }
    if !state.unfinished.isEmpty {
      queue = state.unfinished
      state.unfinished = []
      drain()
      return .applied
    }
    // Each due activity is looked up again: the one before it may have ended the instance.
    let due = state.activities.filter { $0.dueAt.map { $0 <= now } ?? false }.map(\.id)
    for id in due {
      guard let index = state.activityIndex(id) else { continue }
      wake(index)
    }
    return due.isEmpty ? .ignored(.early) : .applied
  }

  private mutating func wake(_ index: Int) {
    let activity = state.activities[index]
    if let deadline = activity.deadline, deadline <= now {
      let problem = Problems.timeout("the task did not end by \(deadline.rfc3339)", at: activity.reference)
      return run(from: .fault(activity: activity.id, problem))
    }
    switch activity.phase {
    case .requested(let call), .retrying(let call, _), .queued(let call):
      if call.deadline <= now {
        let problem = Problems.timeout(
          "no result from channel '\(call.channel)' by \(call.deadline.rfc3339)", at: activity.reference)
        run(from: .fault(activity: activity.id, problem))
      } else {
        sendNextAttempt(index, call)
      }
    case .waiting: run(from: .complete(activity: activity.id, output: activity.input))
    case .trying(let progress): wakeTry(activity, progress)
    case .sequence, .loop, .fork, .branch, .listening, .child, .extended, .compensating: return
    }
  }
}
