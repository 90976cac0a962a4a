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
      for (number, fact) in facts(journalEntry, entry.definition).enumerated() where level == .all || !fact.isTask {
        var data = fact.data
        data[fact.isTask ? "workflow" : "name"] = qualifiedName
        if case .workflowStarted = journalEntry { data["definition"] = Self.reference(to: document) }
        data[fact.timeName] = .string(row.at.rfc3339)
        events.append(
          CloudEvent(
            id: "\(row.instance.text).\(row.sequence).\(place).\(number)", source: entry.source,
            type: "io.serverlessworkflow.\(fact.kind).v1", subject: row.instance.text, time: row.at.rfc3339,
            dataContentType: "application/json", data: .object(data)))
      }
    }
    return events
  }

  /// Source: "Workflow Definition Reference".
  private static func reference(to document: Document) -> JSON {
    [
      "name": .string(document.name), "namespace": .string(document.namespace),
      "version": .string("\(document.version)"),
    ]
  }

  private struct Fact {
    let kind: String
    var data: JSONObject = [:]

    var isTask: Bool { kind.hasPrefix("task.") }
    /// `startedAt`, `completedAt` …
    var timeName: String { (kind.split { $0 == "." || $0 == "-" }.last.map(String.init) ?? "") + "At" }
  }

  private func facts(_ entry: JournalEntry, _ definition: WorkflowDefinition) -> [Fact] {
    func task(_ kind: String, _ reference: String, _ more: JSONObject = [:]) -> Fact {
      var data: JSONObject = ["task": .string(reference)]
      for (name, value) in more { data[name] = value }
      return Fact(kind: "task.\(kind)", data: data)
    }
    /// A task that listens is what the standard calls a correlation of the workflow.
    func correlates(_ reference: String) -> Bool {
      if case .listen? = definition.task(at: reference)?.kind { true } else { false }
    }
    switch entry {
    case .workflowStarted: return [Fact(kind: "workflow.started")]
    case .workflowCompleted(let output): return [Fact(kind: "workflow.completed", data: ["output": output])]
    case .workflowFaulted(let problem): return [Fact(kind: "workflow.faulted", data: ["error": problem.json])]
    case .workflowSuspended: return [Fact(kind: "workflow.suspended")]
    case .workflowResumed: return [Fact(kind: "workflow.resumed")]
    case .workflowCancelled: return [Fact(kind: "workflow.cancelled")]
    case .taskStarted(_, let reference):
      let facts = [task("created", reference), task("started", reference)]
      return correlates(reference) ? facts + [Fact(kind: "workflow.correlation-started")] : facts
    case .taskCompleted(_, let reference, let output):
      let facts = [task("completed", reference, ["output": output])]
      return correlates(reference) ? [Fact(kind: "workflow.correlation-completed")] + facts : facts
    case .taskFaulted(_, let reference, let problem): return [task("faulted", reference, ["error": problem.json])]
    case .taskCancelled(_, let reference): return [task("cancelled", reference)]
    case .attemptFailed(_, let reference, _, _, _): return [task("retried", reference)]
    case .taskReopened(_, let reference): return [task("resumed", reference)]
    case .workflowPending, .taskSkipped, .requested, .callQueued, .emitted, .childStarted, .childCancelled,
      .compensating,
      .contextExported, .operated, .migrated:
      return []
    }
  }
}
