import ArgumentParser
import Engine
import Mediator
import Postgres
import Values
import Workflow

extension InstancesCommand {
  struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets instances go on in another version of their workflow.",
      discussion: """
        Open tasks are found again by their names, in the scopes that stand around them. Replies to what is out still \
        arrive, and what is due stays due. What is not safe is refused: --plan says why, and what becomes of each task. \
        A faulted instance can be migrated too, and then be tried again with 'retry'.

        Examples:
          mediatorctl instances migrate 3f2a --to 1.1.0 --plan
          mediatorctl instances migrate 3f2a --to latest --map /do/1/check=/do/1/verify --reason "check was renamed"
          mediatorctl instances migrate --workflow equipment-status --version 1.0.0 --to 1.1.0 --yes
        """)

    @Option(name: .customLong("to"), help: ArgumentHelp("The version to go on in, or 'latest'.", valueName: "version"))
    var target: String
    @Option(
      help: ArgumentHelp(
        "A task that has another name there: references, or names. May be repeated.", valueName: "old=new"))
    var map: [TaskMapping] = []
    @Flag(help: "Only shows what becomes of each task, and what is not safe.")
    var plan = false
    @OptionGroup var options: VerbOptions

    func validate() throws {
      guard target == "latest" || SemanticVersion(target) != nil else {
        throw ValidationError("--to takes a version such as 1.1.0, or 'latest', not '\(target)'.")
      }
      guard Set(map.map(\.old)).count == map.count else {
        throw ValidationError("--map names a task more than once.")
      }
    }

    func run() async throws {
      if plan {
        let report = try await options.database.withPool(options.file) { pool in
          try await MigrationReport.make(try await targets(pool), renames, pool)
        }
        try options.output.print(json: report.json, text: report.text)
        if let failure = report.failure { throw failure }
        return
      }
      let report = try await options.database.withPool(options.file) { pool in
        let targets = try await targets(pool)
        let renames = renames
        let reason = options.request.reason
        var run = OperationRun(
          verb: MigrationRequest.verb,
          arguments: { MigrationRequest(version: targets.version(for: $0), renames: renames).json },
          request: options.request, pool: pool)
        run.preview = { target, subject in
          guard let engine = targets.engine(for: target) else { return .refused("it is no instance that was named") }
          let migration = MigrationRequest(version: targets.version(for: target), renames: renames)
          return OperationPreview.preview(migration, to: engine, reason: reason, on: subject, now: .now())
        }
        return try await run.run(targets.instances)
      }
      try options.output.print(json: report.json, text: report.text)
      if let failure = report.failure { throw failure }
    }

    private var renames: [String: String] { Dictionary(map.map { ($0.old, $0.new) }) { first, _ in first } }

    private func targets(_ pool: PostgresPool) async throws -> MigrationTargets {
      let found = try await options.targets.resolve(pool, statuses: .open.union([.faulted]))
      return try await MigrationTargets.make(found, to: target, isQuery: options.targets.ids.isEmpty, pool)
    }
  }
}

/// `OLD=NEW`: a task's reference or name in the present version, and in the other one.
struct TaskMapping: ExpressibleByArgument, Hashable, Sendable {
  let old: String
  let new: String

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    (old, new) = (String(parts[0]), String(parts[1]))
  }
}

/// The instances that are migrated, and the version that those of each workflow go on in.
struct MigrationTargets: Sendable {
  private(set) var instances: [InstanceSummary] = []
  private var engines: [String: Engine] = [:]

  /// - Parameter isQuery: a query also finds those that run the version already; whoever names one is told so.
  static func make(
    _ found: [InstanceSummary], to version: String, isQuery: Bool, _ pool: PostgresPool
  ) async throws -> MigrationTargets {
    var targets = MigrationTargets()
    let preview = OperationPreview(pool: pool)
    for instance in found {
      if targets.engines[instance.workflow] == nil {
        let (engine, versions) = try await preview.engine(of: instance.namespace, instance.name, version: version)
        guard let engine else { throw CommandFailure.absentVersion(version, of: instance.workflow, versions) }
        targets.engines[instance.workflow] = engine
      }
      if isQuery, instance.version == targets.version(for: instance) { continue }
      targets.instances.append(instance)
    }
    return targets
  }

  func engine(for instance: InstanceSummary) -> Engine? { engines[instance.workflow] }

  func version(for instance: InstanceSummary) -> String {
    engines[instance.workflow].map { "\($0.definition.document.version)" } ?? ""
  }
}

extension InstanceSummary {
  var workflow: String { "\(namespace)/\(name)" }
}

extension CommandFailure {
  fileprivate static func absentVersion(
    _ version: String, of workflow: String, _ versions: [SemanticVersion]
  ) -> CommandFailure {
    CommandFailure(
      "\(workflow) has no version \(version) that this program can read",
      why: "deployed are: \(versions.map(\.description).joined(separator: ", "))",
      next: "'mediatorctl deploy' adds a version", status: .notFound)
  }
}
