import Engine
import Mediator
import Postgres
import Values

/// What would become of instances and their tasks in another version.
struct MigrationReport: Sendable {
  struct Line: Sendable {
    let instance: InstanceSummary
    let plan: MigrationPlan
  }

  private(set) var lines: [Line] = []

  init(_ lines: [Line]) { self.lines = lines }

  static func make(
    _ targets: MigrationTargets, _ renames: [String: String], _ pool: PostgresPool
  ) async throws -> MigrationReport {
    let preview = OperationPreview(pool: pool)
    var lines: [Line] = []
    for instance in targets.instances {
      guard let subject = try await preview.subject(instance.id), let target = targets.engine(for: instance) else {
        continue
      }
      let plan = subject.engine.migrationPlan(to: target, renames: renames, state: subject.instance.state)
      lines.append(Line(instance: instance, plan: plan))
    }
    return MigrationReport(lines)
  }

  var failure: CommandFailure? {
    let unsafe = lines.count { !$0.plan.isSafe }
    guard unsafe > 0 else { return nil }
    return CommandFailure(
      "\(unsafe) of \(lines.count) would be refused", next: "the reason stands beside each, with what to do instead")
  }

  var json: JSON {
    [
      "verb": .string(MigrationRequest.verb),
      "instances": .array(
        lines.map { line in
          [
            "id": .string(line.instance.id.text), "workflow": .string(line.instance.workflow),
            "status": .string(line.instance.status.rawValue), "plan": line.plan.json,
          ]
        }),
    ]
  }

  // MARK: Text

  func text(_ style: Style) -> String {
    guard !lines.isEmpty else { return "No instances." }
    return groups.map { text($0, style) }.joined(separator: "\n\n")
  }

  /// Instances of which the same is to be told, in the order of the first of each.
  private var groups: [[Line]] {
    var groups: [[Line]] = []
    var places: [Shape: Int] = [:]
    for line in lines {
      let shape = Shape(line)
      if let place = places[shape] {
        groups[place].append(line)
      } else {
        places[shape] = groups.count
        groups.append([line])
      }
    }
    return groups
  }

  /// A plan without the ids of task executions, which every instance has of its own.
  private struct Shape: Hashable {
    let workflow: String
    let versions: [String]
    let tasks: [[String]]
    let notes: [String]
    let refusals: [MigrationPlan.Refusal]

    init(_ line: Line) {
      workflow = line.instance.workflow
      versions = [line.plan.from, line.plan.to]
      tasks = line.plan.tasks.map { [$0.role.rawValue, $0.from, $0.to ?? ""] + $0.notes }
      notes = line.plan.notes
      refusals = line.plan.refusals
    }
  }

  private func text(_ group: [Line], _ style: Style) -> String {
    guard let first = group.first else { return "" }
    let plan = first.plan
    let ids = group.prefix(Self.shownIDs).map(\.instance.id.text)
    let more = group.count > Self.shownIDs ? ["… and \(group.count - Self.shownIDs) more"] : []
    var head = FieldList()
    head.add(group.count == 1 ? "Instance" : "Instances", lines: ids + more)
    head.add("Workflow", "\(first.instance.workflow) \(plan.from) → \(plan.to)")
    head.add("Migration", style.painted(plan.isSafe ? "safe" : "refused", plan.isSafe ? .green : .red))
    head.add("Note", lines: plan.notes)
    var parts = [head.render(style)]
    if !plan.tasks.isEmpty { parts.append(table(plan.tasks, style)) }
    if !plan.refusals.isEmpty {
      parts.append(plan.refusals.map { "✗ \($0.reason)\n  hint: \($0.hint)" }.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n")
  }

  private static let shownIDs = 5

  private func table(_ tasks: [MigrationPlan.Task], _ style: Style) -> String {
    var table = Table([
      .init(title: "IS"), .init(title: "TASK", minimum: 12), .init(title: "BECOMES", minimum: 12),
      .init(title: "NOTE", minimum: 20),
    ])
    for task in tasks {
      let becomes = task.to.map { $0 == task.from ? "the same" : $0 }
      table.add([
        .init(task.role.rawValue), .init(task.from), .init(becomes ?? "✗", becomes == nil ? .red : nil),
        .init(task.notes.joined(separator: "; ")),
      ])
    }
    return table.render(style)
  }
}
