import Kafka
import Safeguards
import Values
import Wire

@testable import Processors

/// What a processor understood of a processing event.
struct SimulatedWork: Sendable {
  let request: String
  let attempt: Int
  let deadline: Timestamp?
  let fate: Fate?
}

/// A processor whose effect is in its database. What it answers follows from the event alone.
struct SimulatedHandler: BatchHandler {
  let channel: String
  let inbox: SimulatedInbox

  func validate(_ event: ProcessorEvent) -> Validated<SimulatedWork> {
    guard case .mediator(let address) = event.recipient else {
      return .refused(TaskFailure(problem: ProblemDetails(type: "about:blank", status: 400)))
    }
    let fate = channel == Fate.refusingChannel ? event.data["fate"]?.string.flatMap(Fate.init) : nil
    if fate == .silent { inbox.silence(address.causationID) }
    return .work(
      SimulatedWork(
        request: address.causationID, attempt: event.attempt, deadline: event.deadline, fate: fate))
  }

  func outcome(_ work: SimulatedWork, _ key: String) -> Outcome {
    switch work.fate {
    case .unstorableReply: return .completed(["is": "unstorable"])
    case .fails:
      return .failed(TaskFailure(problem: ProblemDetails(type: "about:blank", status: 422, title: "will never do")))
    default: break
    }
    let hash = key.utf8.reduce(UInt64(17)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } >> 8
    if RandomWorkflows.channels.contains(channel), hash % 8 == 0 {
      return .failed(
        TaskFailure(problem: ProblemDetails(type: "about:blank", status: hash % 16 == 0 ? 409 : 404, title: "Gone")))
    }
    return .completed([
      "channel": .string(channel), "n": .number(JSONNumber(Int(hash % 7))), "ok": .bool(hash % 3 == 0),
      "s": hash % 2 == 0 ? "a" : "b", "list": [1, 2],
    ])
  }
}

/// The production runtime's store on the simulated inbox, with gates where the real one has its round trips.
struct SimulatedBatchStore: BatchStore {
  let handler: SimulatedHandler
  let inbox: SimulatedInbox
  let faults: Faults
  let gate: Gate
  let clock: SimulatedClock

  func settle(_ items: [BatchItem<SimulatedWork>]) async throws(ProcessorError) -> [Settlement] {
    checkDeadlines(items)
    try await pass(.read)
    let known = inbox.find(items.map(\.idempotencyKey))
    try await pass(.afterRead)
    var settlements: [Settlement] = []
    var rows: [(key: String, outcome: Outcome)] = []
    var failed: [String] = []
    for item in items {
      if let outcome = known[item.idempotencyKey] {
        settlements.append(Settlement(outcome, wasKnown: true))
        continue
      }
      let outcome = act(item, &failed)
      settlements.append(Settlement(outcome, wasKnown: false))
      if outcome.isFinal { rows.append((item.idempotencyKey, outcome)) }
    }
    try await pass(.beforeCommit)
    inbox.fail(failed)
    try await commit(rows)
    try await pass(.afterCommit)
    return settlements
  }

  private func commit(_ rows: [(key: String, outcome: Outcome)]) async throws(ProcessorError) {
    faults.note("settled \(rows.map(\.key))", Int64(rows.count))
    guard Safeguard.holds(.inboxInTransaction) else {
      inbox.actOnly(rows.map(\.key))
      try await pass(.beforeCommit)
      return inbox.rememberOnly(rows)
    }
    guard inbox.commit(rows) else { throw ProcessorError(.conflict, "the inbox has one of them already") }
  }

  private func act(_ item: BatchItem<SimulatedWork>, _ failed: inout [String]) -> Outcome {
    switch item.work {
    case .refused(let failure): return .failed(failure)
    case .work(let work):
      if work.attempt < 4, faults.strikes(.passingFailure, 0.12) {
        failed.append(work.request)
        let problem = ProblemDetails(type: "about:blank", status: 503, title: "busy")
        return .failed(TaskFailure(problem: problem, retryable: true))
      }
      return handler.outcome(work, item.idempotencyKey)
    }
  }

  private func checkDeadlines(_ items: [BatchItem<SimulatedWork>]) {
    let now = clock.now()
    for item in items {
      guard case .work(let work) = item.work, let deadline = work.deadline, deadline <= now else { continue }
      inbox.violate("\(work.request) is acted on after its deadline")
    }
  }

  private func pass(_ place: Place) async throws(ProcessorError) {
    do throws(Interruption) {
      try await gate.pass(place)
    } catch {
      faults.count(.processorStore)
      throw ProcessorError(.store, error.message)
    }
  }
}
