import Engine
import Mediator
import Values

/// What a cluster does now, as the newest rows of its journal tell it. Pure.
struct Overview: Sendable, Hashable {
  struct Task: Sendable, Hashable {
    let workflow: String
    let reference: String
    /// How many executions were seen from their first processing event to their end.
    let count: Int
    /// Of those, the slowest one, and the mean.
    let slowest: Duration
    let mean: Duration
  }

  /// What the rates are told of: from the oldest row that was read, at most the window.
  let span: Duration
  let started: Double
  let ended: Double
  let requests: Double
  let failures: Double
  /// The slowest first.
  let tasks: [Task]

  /// - Parameters:
  ///   - changes: rows in the order of time; the oldest ones may be missing.
  ///   - isComplete: whether the rows before the first one do not exist or lie before the window.
  init(_ changes: [JournalChange], now: Timestamp, window: Duration, isComplete: Bool) {
    let from = now - window
    let begin = isComplete ? from : max(from, changes.first?.row.at ?? from)
    let span = max(now - begin, .milliseconds(1))
    self.span = span
    var counts = (started: 0, ended: 0, requests: 0, failures: 0)
    for entry in changes.filter({ $0.row.at >= begin }).flatMap(\.row.entries) {
      switch entry {
      case .workflowStarted: counts.started += 1
      case .workflowCompleted, .workflowFaulted, .workflowCancelled: counts.ended += 1
      case .requested: counts.requests += 1
      case .attemptFailed, .taskFaulted: counts.failures += 1
      default: continue
      }
    }
    func rate(_ count: Int) -> Double { Double(count) / (span / .seconds(1)) }
    (started, ended) = (rate(counts.started), rate(counts.ended))
    (requests, failures) = (rate(counts.requests), rate(counts.failures))
    tasks = Self.tasks(changes)
  }

  private static func tasks(_ changes: [JournalChange]) -> [Task] {
    struct Execution: Hashable {
      let instance: UUIDValue
      let activity: Int
    }
    struct Kind: Hashable {
      let workflow: String
      let reference: String
    }
    var begun: [Execution: Timestamp] = [:]
    var times: [Kind: [Duration]] = [:]
    for change in changes {
      for entry in change.row.entries {
        switch entry {
        case .requested(let request):
          let execution = Execution(instance: change.row.instance, activity: request.activity)
          // One whose first attempt was before the rows that were read would seem too fast.
          if request.attempt == 1 { begun[execution] = change.row.at }
        case .taskCompleted(let activity, let reference, _):
          let execution = Execution(instance: change.row.instance, activity: activity)
          guard let start = begun.removeValue(forKey: execution) else { continue }
          times[Kind(workflow: change.workflow, reference: reference), default: []].append(change.row.at - start)
        default: continue
        }
      }
    }
    return times.map { kind, times in
      Task(
        workflow: kind.workflow, reference: kind.reference, count: times.count, slowest: times.max() ?? .zero,
        mean: times.reduce(.zero, +) / times.count)
    }.sorted { ($1.slowest, $0.workflow, $0.reference) < ($0.slowest, $1.workflow, $1.reference) }
  }
}
