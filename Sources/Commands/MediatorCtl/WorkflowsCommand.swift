import ArgumentParser
import Engine
import Mediator
import Values
import Workflow
import YAML

struct WorkflowsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workflows", abstract: "Shows the deployed workflow definitions, and retires them.",
    subcommands: [List.self, Show.self, Retire.self, Restore.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists every deployed version with its instances.",
      discussion: """
        Events and schedules start the latest version, which is the highest that is not retired; instances of others go \
        on as they began. At most \
        \(WorkflowQueries.countLimit) open and as many ended instances are counted, the newest; '+' tells that there \
        are more.

        Examples:
          mediatorctl workflows list
          mediatorctl workflows list --output json
        """)

    @Option(help: "How many versions to list at most.")
    var limit = 500
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 10000.") }
    }

    func run() async throws {
      let page = try await database.withPool(file) { try await WorkflowQueries(pool: $0).list(limit: limit) }
      try output.print(json: WorkflowList.json(page)) { WorkflowList.text(page, $0) }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one definition: what starts it, and its tasks.",
      discussion: """
        The namespace may be left out where the name is enough. Without --version it is the latest one.

        Examples:
          mediatorctl workflows show equipment-status
          mediatorctl workflows show equipment-status --source > equipment-status.yaml
        """)

    @Argument(help: ArgumentHelp("NAMESPACE/NAME or NAME.", valueName: "workflow"))
    var workflow: WorkflowArgument
    @Option(help: "The version; the latest when left out.")
    var version: String?
    @Flag(help: "Prints the definition's file as it was deployed, and nothing else.")
    var source = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func run() async throws {
      let versions = try await database.withPool(file) { try await WorkflowQueries(pool: $0).versions(of: workflow) }
      let shown =
        try version.map { version in try versions.version(version, of: workflow) } ?? versions.first(where: \.isLatest)
        ?? versions[0]
      if source, output.output == .text { return try writeOutput(shown.definition.source) }
      let outline = WorkflowOutline(shown, among: versions)
      try output.print(json: outline.json(withSource: source), text: outline.text)
    }
  }
}

extension WorkflowQueries {
  /// The versions of one workflow, the highest first; there is at least one.
  func versions(of workflow: WorkflowArgument) async throws -> [WorkflowVersion] {
    let versions = try await versions(namespace: workflow.namespace, name: workflow.name)
    guard !versions.isEmpty else {
      throw CommandFailure(
        "there is no workflow '\(workflow.text)'", next: "'mediatorctl workflows list' shows which there are",
        status: .notFound)
    }
    let namespaces = Set(versions.map(\.definition.namespace)).sorted()
    guard namespaces.count == 1 else {
      throw CommandFailure(
        "'\(workflow.text)' is the name of several workflows",
        next: "name one of \(namespaces.map { "\($0)/\(workflow.name)" }.joined(separator: ", "))")
    }
    return versions
  }
}

extension [WorkflowVersion] {
  func version(_ version: String, of workflow: WorkflowArgument) throws(CommandFailure) -> WorkflowVersion {
    if let found = first(where: { $0.definition.version == version }) { return found }
    throw CommandFailure(
      "'\(workflow.text)' has no version \(version)",
      next: "it has \(map(\.definition.version).joined(separator: ", "))", status: .notFound)
  }
}

enum WorkflowList {
  static func json(_ page: Page<WorkflowVersion>) -> JSON {
    ["workflows": .array(page.items.map(json)), "hasMore": .bool(page.hasMore)]
  }

  private static func json(_ version: WorkflowVersion) -> JSON {
    let definition = version.definition
    return [
      "namespace": .string(definition.namespace), "name": .string(definition.name),
      "version": .string(definition.version), "isLatest": .bool(version.isLatest),
      "retirement": version.retirement?.json ?? .null,
      "title": .text(title(definition)), "digest": .string(definition.digest), "file": .string(definition.file),
      "deployedAt": .time(definition.deployedAt), "instances": version.counts.json,
    ]
  }

  static func text(_ page: Page<WorkflowVersion>, _ style: Style) -> String {
    guard !page.items.isEmpty else { return "Nothing is deployed yet: mediatorctl deploy FILE" }
    var table = Table([
      .init(title: "WORKFLOW", minimum: 12), .init(title: "VERSION", minimum: 8), .init(title: "TITLE", minimum: 8),
      .init(title: "DEPLOYED"), .init(title: "OPEN", alignment: .right), .init(title: "COMPLETED", alignment: .right),
      .init(title: "FAULTED", alignment: .right),
    ])
    for version in page.items {
      let (definition, counts) = (version.definition, version.counts)
      let more = counts.endedIsComplete ? "" : "+"
      let faulted = counts.byStatus[.faulted] ?? 0
      table.add([
        .init("\(definition.namespace)/\(definition.name)", version.isLatest ? .bold : .faint),
        .init(definition.version + (version.isLatest ? "" : version.retirement == nil ? " (old)" : " (retired)")),
        .init(title(definition) ?? ""),
        .init(style.shortMoment(definition.deployedAt)), .init("\(counts.open)\(counts.openIsComplete ? "" : "+")"),
        .init("\(counts.byStatus[.completed] ?? 0)\(more)"), .init("\(faulted)\(more)", faulted > 0 ? .red : nil),
      ])
    }
    return table.render(style) + (page.hasMore ? "\n… and more: raise --limit" : "")
  }

  /// Read without compiling the definition, which takes its time when there are many.
  private static func title(_ definition: DefinitionStore.Row) -> String? {
    (try? YAML.parse(definition.source))?["document"]?["title"]?.scalar?.string
  }
}

extension Retirement {
  var json: JSON { ["at": .time(at), "author": .string(author), "reason": .string(reason)] }
}

extension InstanceCounts {
  var json: JSON {
    var statuses = JSONObject()
    for (status, count) in byStatus.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      statuses[status.rawValue] = .integer(count)
    }
    return [
      "open": .integer(open), "ended": .integer(ended), "byStatus": .object(statuses), "isComplete": .bool(isComplete),
    ]
  }

  /// `12 running, 3 faulted`
  var text: String {
    let parts = byStatus.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map { status, count in
      let isComplete = status.isTerminal ? endedIsComplete : openIsComplete
      return "\(count)\(isComplete ? "" : "+") \(status.rawValue)"
    }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }
}
