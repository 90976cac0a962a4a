import ArgumentParser
import Hosting
import Mediator
import Postgres
import Values
import Workflow

struct DeployCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy", abstract: "Deploys workflow definitions to the mediator's database.",
    discussion: """
      Checks all files first, and deploys none when one of them is not valid, or when one changes a version that is \
      deployed: a deployed version never changes, so raise document.version. What is deployed already with the same \
      content is left as it is. Running mediators take up new definitions by themselves. Creates the mediator's tables \
      when they are missing.

      Examples:
        mediatorctl deploy workflows
        mediatorctl deploy workflows/equipment-status.yaml --dry-run
      """)

  @Argument(help: ArgumentHelp("Files and folders.", valueName: "dir|file"))
  var paths: [String]
  @Flag(help: "Only tells what would be done.")
  var dryRun = false
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func run() async throws {
    let report = ValidationReport(files: try ValidationReport.check(paths))
    guard report.isValid else {
      try output.print(json: report.json, text: report.text)
      throw CommandFailure("nothing was deployed", why: "not every file is valid", status: .invalid)
    }
    for diagnostic in report.files.flatMap(\.diagnostics) {
      writeToStandardError(DiagnosticText.render(diagnostic, .plain(now: .now())))
    }
    let configuration = try database.configuration(file)
    if !dryRun { try await MediatorSchema.migrate(configuration) }
    let plan = try await database.withPool(file) { pool in
      var plan = DeploymentPlan(report.files, deployed: try await deployed(pool))
      if !dryRun, !plan.isRefused { try await plan.carryOut(DefinitionStore(pool: pool)) }
      return plan
    }
    try output.print(json: plan.json(isDryRun: dryRun)) { plan.text($0, isDryRun: dryRun) }
    if let refusal = plan.refusal { throw refusal }
  }

  private func deployed(_ pool: PostgresPool) async throws -> [String: WorkflowQueries.Deployed] {
    do throws(MediatorError) {
      return try await WorkflowQueries(pool: pool).deployed()
    } catch {
      // Only a dry run meets a database without tables: there, all is new.
      guard dryRun, error.code == .configuration else { throw error }
      return [:]
    }
  }
}

/// What is to be done with each file. Pure but for carrying it out.
struct DeploymentPlan: Sendable {
  enum Outcome: String, Sendable {
    case deployed
    case unchanged
    /// The version is deployed with other content.
    case refused
  }

  struct Item: Sendable {
    let file: String
    let definition: WorkflowDefinition
    var outcome: Outcome
    /// A higher version than this one is deployed, and events start that one.
    let higher: SemanticVersion?
    /// It is deployed, and nothing starts it.
    let isRetired: Bool
  }

  private(set) var items: [Item]

  /// - Parameter deployed: by `namespace/name version`.
  init(_ files: [CheckedFile], deployed: [String: WorkflowQueries.Deployed]) {
    var latest: [String: SemanticVersion] = [:]
    for title in deployed.keys where deployed[title]?.isRetired == false {
      let parts = title.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, let number = SemanticVersion(String(parts[1])) else { continue }
      let workflow = String(parts[0])
      latest[workflow] = latest[workflow].map { max($0, number) } ?? number
    }
    items = files.compactMap { checked in
      guard let definition = checked.definition else { return nil }
      let outcome: Outcome =
        switch deployed[definition.title]?.digest {
        case nil: .deployed
        case definition.digest: .unchanged
        default: .refused
        }
      let higher = latest[definition.workflow].flatMap { $0 > definition.document.version ? $0 : nil }
      return Item(
        file: checked.file, definition: definition, outcome: outcome, higher: higher,
        isRetired: deployed[definition.title]?.isRetired == true)
    }
  }

  var isRefused: Bool { items.contains { $0.outcome == .refused } }

  var refusal: CommandFailure? {
    let refused = items.filter { $0.outcome == .refused }
    guard !refused.isEmpty else { return nil }
    return CommandFailure(
      "nothing was deployed",
      why: refused.map { "\($0.definition.title) is deployed with other content than \($0.file) has" }
        .joined(separator: "\n"),
      next: "a deployed version never changes: raise document.version", status: .invalid)
  }

  /// Another deployer may have been faster since the plan was made: then its outcome counts.
  mutating func carryOut(_ store: DefinitionStore) async throws(MediatorError) {
    for index in items.indices where items[index].outcome == .deployed {
      switch try await store.deploy(items[index].definition, file: items[index].file) {
      case .deployed: items[index].outcome = .deployed
      case .unchanged: items[index].outcome = .unchanged
      }
    }
  }

  func json(isDryRun: Bool) -> JSON {
    [
      "dryRun": .bool(isDryRun), "refused": .bool(isRefused),
      "definitions": .array(
        items.map { item in
          let document = item.definition.document
          return [
            "file": .string(item.file), "namespace": .string(document.namespace), "name": .string(document.name),
            "version": .string(document.version.description), "digest": .string(item.definition.digest),
            "outcome": .string(item.outcome.rawValue), "higherVersion": .text(item.higher?.description),
            "isRetired": .bool(item.isRetired),
          ]
        }),
    ]
  }

  func text(_ style: Style, isDryRun: Bool) -> String {
    var table = Table([.init(title: "OUTCOME"), .init(title: "WORKFLOW"), .init(title: "FILE")])
    for item in items {
      table.add([
        .init(word(item, isDryRun), colour(item.outcome)), .init(item.definition.title), .init(item.file),
      ])
    }
    var lines = [table.render(style)]
    for item in items where item.outcome == .deployed {
      guard let higher = item.higher else { continue }
      lines.append("note: events start \(item.definition.workflow) \(higher), which is higher than \(item.file)")
    }
    for item in items where item.outcome == .unchanged && item.isRetired {
      lines.append(
        "note: \(item.definition.title) is retired: nothing starts it until 'mediatorctl workflows restore "
          + "\(item.definition.workflow) --version \(item.definition.document.version)'")
    }
    return lines.joined(separator: "\n")
  }

  private func word(_ item: Item, _ isDryRun: Bool) -> String {
    switch item.outcome {
    case .deployed: isDryRun ? "would be deployed" : isRefused ? "not deployed" : "deployed"
    case .unchanged, .refused: item.outcome.rawValue
    }
  }

  private func colour(_ outcome: Outcome) -> Colour? {
    switch outcome {
    case .deployed: isRefused ? nil : .green
    case .unchanged: nil
    case .refused: .red
    }
  }
}
