import Engine
import Values
import Wire
import Workflow

/// Which of the standard's lifecycle events are published.
public enum LifecycleLevel: String, Sendable, Hashable, CaseIterable {
  case off
  /// Those of workflows.
  case workflow
  /// Those of workflows and tasks.
  case all
}

/// Writes journal entries as the standard's lifecycle events. Pure: a row gives the same events whenever it is
/// published. Source: DSL 1.0.3, "Lifecycle Events".
struct LifecycleEvents {
  let level: LifecycleLevel

  func events(of row: JournalRow, entry: DefinitionCatalog.Entry) -> [CloudEvent] {
    guard level != .off else { return [] }
    let document = entry.definition.document
    let qualifiedName = JSON.string("\(document.name)-\(row.instance.text).\(document.namespace)")
    var events: [CloudEvent] = []
    for (place, journalEntry) in row.entries.enumerated() {
      guard let fact = fact(journalEntry), level == .all || !fact.isTask else { continue }
      var data = fact.data
      data[fact.isTask ? "workflow" : "name"] = qualifiedName
      if case .workflowStarted = journalEntry {
        data["definition"] = [
          "name": .string(document.name), "namespace": .string(document.namespace),
          "version": .string("\(document.version)"),
        ]
      }
      data[fact.timeName] = .string(row.at.rfc3339)
      events.append(
        CloudEvent(
          id: "\(row.instance.text).\(row.sequence).\(place)", source: entry.source,
          type: "io.serverlessworkflow.\(fact.kind).v1", subject: row.instance.text, time: row.at.rfc3339,
          dataContentType: "application/json", data: .object(data)))
    }
    return events
  }

  private struct Fact {
    let kind: String
    var data: JSONObject = [:]

    var isTask: Bool { kind.hasPrefix("task.") }
    /// `startedAt`, `completedAt` …
    var timeName: String { (kind.split(separator: ".").last.map(String.init) ?? "") + "At" }
  }

  private func fact(_ entry: JournalEntry) -> Fact? {
    func task(_ reference: String) -> JSONObject { ["task": .string(reference)] }
    switch entry {
    case .workflowStarted: return Fact(kind: "workflow.started")
    case .workflowCompleted(let output): return Fact(kind: "workflow.completed", data: ["output": output])
    case .workflowFaulted(let problem): return Fact(kind: "workflow.faulted", data: ["error": problem.json])
    case .workflowCancelled: return Fact(kind: "workflow.cancelled")
    case .taskStarted(_, let reference): return Fact(kind: "task.started", data: task(reference))
    case .taskCompleted(_, let reference, let output):
      var data = task(reference)
      data["output"] = output
      return Fact(kind: "task.completed", data: data)
    case .taskFaulted(_, let reference, let problem):
      var data = task(reference)
      data["error"] = problem.json
      return Fact(kind: "task.faulted", data: data)
    case .taskCancelled(_, let reference): return Fact(kind: "task.cancelled", data: task(reference))
    case .attemptFailed(_, let reference, _, _, _): return Fact(kind: "task.retried", data: task(reference))
    case .workflowPending, .taskSkipped, .requested, .emitted, .childStarted, .childCancelled, .compensating: return nil
    }
  }
}
