import Engine
import Mediator
import Values

/// Each workflow with a schedule started when it should.
extension Conversations {
  static func brokenSchedules(_ simulation: Simulation<Self>, _ tables: SimulatedDatabase.Tables) -> [String] {
    let instances = tables.instances.values.filter { $0.eventSource.hasPrefix("/schedules/talk/") }
    func runs(_ definition: Int32) -> [Run] {
      instances.filter { tables.startedAs[$0.id] == definition }.compactMap { instance in
        Timestamp(rfc3339: instance.eventID).map { Run(due: $0, end: instance.state.updatedAt) }
      }.sorted { $0.due < $1.due }
    }
    let number = { (name: String) in Int32((ConversationWorkflows.names.firstIndex(of: name) ?? 0) + 1) }
    let newTicker = Int32(ConversationWorkflows.names.count + 2)
    return brokenGrid("ticker", runs(number("ticker")), .seconds(60), until: runs(newTicker).first?.due, simulation)
      + brokenGrid("new ticker", runs(newTicker), .seconds(90), until: nil, simulation)
      + brokenGrid("cronner", runs(number("cronner")), .seconds(120), until: nil, simulation)
      + brokenChain(runs(number("afterer")), .seconds(45), simulation)
  }

  private struct Run {
    let due: Timestamp
    let end: Timestamp
  }

  /// One start per instant at most; while nothing goes wrong and the time does not leap, none is left out.
  private static func brokenGrid(
    _ name: String, _ runs: [Run], _ period: Duration, until replaced: Timestamp?, _ simulation: Simulation<Self>
  ) -> [String] {
    guard let first = runs.first else { return replaced == nil ? ["\(name) never ran"] : [] }
    var problems: [String] = []
    let step = Int64(period / .microseconds(1))
    let dues = Set(runs.map(\.due.microseconds))
    if dues.count != runs.count { problems.append("\(name) ran twice for one instant") }
    for due in dues where (due - first.due.microseconds) % step != 0 { problems.append("\(name) ran at \(due)") }
    for calm in simulation.calms {
      // What was due before may have been collapsed with what is due at the first look.
      var instant = first.due.microseconds
      let (from, to) = (calm.from.microseconds + 10_000_000, calm.to.microseconds - 10_000_000)
      if instant < from { instant += ((from - instant) / step + 1) * step }
      while instant < to {
        // A new version may replace it before that.
        let isReplaced = replaced.map { $0.microseconds - 95_000_000 <= instant } ?? false
        if !dues.contains(instant), !isReplaced { problems.append("\(name) did not run at \(instant)") }
        instant += step
      }
    }
    return problems
  }

  /// Each start comes so long after the end before it.
  private static func brokenChain(_ runs: [Run], _ pause: Duration, _ simulation: Simulation<Self>) -> [String] {
    guard let last = runs.max(by: { $0.end < $1.end }) else { return ["afterer never ran"] }
    var problems: [String] = []
    // Not in the order of time: the clock may have been set back in between.
    let starts = Set(runs.map { ($0.end + pause).microseconds })
    let strangers = runs.filter { !starts.contains($0.due.microseconds) }
    if strangers.count > 1 || starts.count != runs.count {
      problems.append("afterer ran at \(strangers.map(\.due.rfc3339)), after no end")
    }
    if simulation.clock.now() - last.end > pause + .seconds(10) { problems.append("afterer runs no longer") }
    return problems
  }
}
