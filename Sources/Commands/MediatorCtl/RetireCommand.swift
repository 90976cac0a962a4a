import ArgumentParser
import Mediator
import Values

extension WorkflowsCommand {
  struct Retire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Has events and schedules start a version, or a whole workflow, no more.",
      discussion: """
        Instances under way go on as they began, and so do the children that they start. Of the versions that are left, \
        events and schedules start the highest: to go back behind a version that was a mistake, retire it. Where none is \
        left, what is sent to the workflow becomes a dead letter (unknownType), which can be redriven later. Nothing is \
        deleted; 'restore' undoes it. Running mediators take it up by themselves.

        Examples:
          mediatorctl workflows retire shop/order --version 2.0.0 --reason 'charges twice'
          mediatorctl workflows retire shop/order --dry-run
        """)

    @OptionGroup var options: RetirementOptions

    func run() async throws { try await options.carryOut(.retired) }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Has events and schedules start a retired version again.",
      discussion: """
        Without --version it is every retired version of the workflow; events and schedules start the highest.

        Examples:
          mediatorctl workflows restore shop/order --version 2.0.0
        """)

    @OptionGroup var options: RetirementOptions

    func run() async throws { try await options.carryOut(.restored) }
  }
}

struct RetirementOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("NAMESPACE/NAME or NAME.", valueName: "workflow"))
  var workflow: WorkflowArgument
  @Option(help: "The version; all of them when left out.")
  var version: String?
  @OptionGroup var decision: DecisionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func carryOut(_ outcome: RetirementPlan.Outcome) async throws {
    let plan = try await database.withPool(file) { pool in
      let versions = try await WorkflowQueries(pool: pool).versions(of: workflow)
      let chosen = try version.map { [try versions.version($0, of: workflow)] } ?? versions
      var plan = RetirementPlan(outcome, chosen, among: versions)
      guard !decision.dryRun, !plan.changed.isEmpty else { return plan }
      if let question = plan.question { try askBefore(question, unless: decision.yes) }
      let changed = try await DefinitionStore(pool: pool).retire(
        plan.changed.map(\.number), outcome == .retired, author: decision.who, reason: decision.reason)
      plan.carriedOut(changed)
      return plan
    }
    try output.print(json: plan.json(isDryRun: decision.dryRun)) { plan.text($0, isDryRun: decision.dryRun) }
  }
}

/// What retiring or restoring versions of one workflow does. Pure.
struct RetirementPlan: Sendable {
  enum Outcome: String, Sendable {
    case retired
    case restored
    /// It was so already.
    case unchanged
  }

  struct Item: Sendable {
    let version: WorkflowVersion
    var outcome: Outcome
  }

  private let outcome: Outcome
  private(set) var items: [Item]
  private let workflow: String
  /// What events and schedules start before and after it.
  private let before: String?
  private let after: String?

  /// - Parameters:
  ///   - chosen: those to retire or to restore.
  ///   - versions: all of the same workflow, the highest first.
  init(_ outcome: Outcome, _ chosen: [WorkflowVersion], among versions: [WorkflowVersion]) {
    self.outcome = outcome
    let numbers = Set(chosen.map(\.definition.number))
    items = chosen.map { version in
      Item(version: version, outcome: (version.retirement != nil) == (outcome == .retired) ? .unchanged : outcome)
    }
    workflow = versions.first.map { "\($0.definition.namespace)/\($0.definition.name)" } ?? ""
    before = versions.first { $0.retirement == nil }?.definition.version
    after =
      versions.first { version in
        numbers.contains(version.definition.number) ? outcome == .restored : version.retirement == nil
      }?.definition.version
  }

  var changed: [DefinitionStore.Row] { items.filter { $0.outcome != .unchanged }.map(\.version.definition) }

  /// What to ask first: where several versions are meant, and where nothing is left that takes the workflow's events.
  var question: String? {
    let versions = changed.map(\.version).joined(separator: ", ")
    if outcome == .retired, after == nil { return "Retire \(workflow) \(versions)? Nothing will start it any more." }
    guard changed.count > 1 else { return nil }
    return "\(outcome == .retired ? "Retire" : "Restore") \(changed.count) versions of \(workflow): \(versions)?"
  }

  /// Another one may have been faster: then its outcome counts.
  mutating func carriedOut(_ changed: Set<Int32>) {
    for index in items.indices where !changed.contains(items[index].version.definition.number) {
      items[index].outcome = .unchanged
    }
  }

  func json(isDryRun: Bool) -> JSON {
    [
      "dryRun": .bool(isDryRun), "workflow": .string(workflow), "startedBefore": .text(before),
      "startedAfter": .text(after),
      "versions": .array(
        items.map { item in
          [
            "version": .string(item.version.definition.version), "outcome": .string(item.outcome.rawValue),
            "openInstances": .integer(item.version.counts.open),
          ]
        }),
    ]
  }

  func text(_ style: Style, isDryRun: Bool) -> String {
    var table = Table([.init(title: "OUTCOME"), .init(title: "WORKFLOW"), .init(title: "OPEN", alignment: .right)])
    for item in items {
      let isChanged = item.outcome != .unchanged
      table.add([
        .init((isDryRun && isChanged ? "would be " : "") + item.outcome.rawValue, isChanged ? .green : nil),
        .init("\(workflow) \(item.version.definition.version)"), .init("\(item.version.counts.open)"),
      ])
    }
    return ([table.render(style)] + notes(isDryRun).map { "note: \($0)" }).joined(separator: "\n")
  }

  private func notes(_ isDryRun: Bool) -> [String] {
    var notes: [String] = []
    let would = isDryRun ? "would start" : "start"
    if let after {
      notes.append(
        "events and schedules \(would) \(workflow) \(after)" + (after == before ? " as before" : " from now on"))
    } else {
      notes.append(
        "nothing \(isDryRun ? "would start" : "starts") \(workflow): what is sent to it becomes a dead letter (unknownType)"
      )
    }
    let open = items.filter { $0.outcome == .retired }.reduce(0) { $0 + $1.version.counts.open }
    if open > 0 { notes.append("\(open) open instances go on as they began") }
    return notes
  }
}
