import ArgumentParser
import Engine
import Mediator
import Postgres
import Values
import Workflow

extension InstancesCommand {
  struct Rerun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs instances again from one of their tasks on.",
      discussion: """
        The task gets the input that it had, as the journal tells it, or the one that is given. What it and the tasks \
        behind it do to the world happens again; that is listed first.

        Examples:
          mediatorctl instances rerun 3f2a --from charge --dry-run
          mediatorctl instances rerun 3f2a --from /do/1/charge --input '{"amount": 5}' --yes
          mediatorctl instances rerun --workflow order-fulfilment --status faulted --since 1h --from charge
        """)

    @Option(help: ArgumentHelp("The task: its reference, or its name where that is enough.", valueName: "task"))
    var from: String
    @Option(help: ArgumentHelp("The task's raw input: JSON, @FILE, or -.", valueName: "json|@file|-"))
    var input: String?
    @OptionGroup var options: VerbOptions

    func run() async throws {
      let given = try input.map { argument throws(CommandFailure) in try readJSON(argument, option: "--input") }
      let report = try await options.database.withPool(options.file) { pool in
        let found = try await options.targets.resolve(pool, statuses: Set(InstanceStatus.allCases))
        let plan = try await RerunPlan.make(found, from: from, input: given, pool)
        let run = OperationRun(
          verb: "rerun", arguments: { plan.operations[$0.id]?.json ?? .null }, request: options.request, pool: pool)
        var report = try await run.run(found.filter { plan.operations[$0.id] != nil }, warning: plan.warning)
        report.lines += found.compactMap { target in
          plan.refusals[target.id].map { .init(instance: target, request: target.id, outcome: .refused($0)) }
        }
        return report
      }
      try options.output.print(json: report.json, text: report.text)
      if let failure = report.failure { throw failure }
    }
  }
}

/// With what each instance would run again, and what would happen again.
private struct RerunPlan: Sendable {
  var operations: [UUIDValue: Operation] = [:]
  var refusals: [UUIDValue: String] = [:]
  private var effects: [TaskEffect] = []

  static func make(
    _ targets: [InstanceSummary], from task: String, input: JSON?, _ pool: PostgresPool
  ) async throws -> RerunPlan {
    var plan = RerunPlan()
    let (preview, queries) = (OperationPreview(pool: pool), InstanceQueries(pool: pool))
    for target in targets {
      guard let subject = try await preview.subject(target.id) else { continue }
      let definition = subject.engine.definition
      guard let reference = definition.reference(ofTask: task) else {
        plan.refusals[target.id] = "the workflow has no task '\(task)', or several of that name: give its reference"
        continue
      }
      let entries = try await queries.journal(of: target.id).flatMap(\.entries)
      let derived = subject.engine.rerunStart(
        from: reference, instance: subject.instance.state, journal: entries, given: input)
      switch derived {
      case .refused(let why): plan.refusals[target.id] = why
      case .start(let start):
        plan.operations[target.id] = .rerun(start)
        for effect in definition.effects(from: reference) where !plan.effects.contains(effect) {
          plan.effects.append(effect)
        }
      }
    }
    return plan
  }

  var warning: String? {
    guard !operations.isEmpty, !effects.isEmpty else { return nil }
    return (["This may happen again:"] + effects.map { "  \($0.task)  \($0.kind.text)" }).joined(separator: "\n")
  }
}

extension TaskEffect.Kind {
  fileprivate var text: String {
    switch self {
    case .call(let channel): "calls \(channel)"
    case .emit: "emits an event"
    case .run(let workflow): "starts \(workflow)"
    }
  }
}

extension WorkflowDefinition {
  /// - Parameter name: a task reference, or the name of one task only.
  fileprivate func reference(ofTask name: String) -> String? {
    if task(at: name) != nil { return name }
    var found: Set<String> = []
    var pending = Array(tasks)
    while let task = pending.popLast() {
      if task.name == name { found.insert(task.reference) }
      for scope in task.scopes { pending.append(contentsOf: scope) }
    }
    return found.count == 1 ? found.first : nil
  }
}
