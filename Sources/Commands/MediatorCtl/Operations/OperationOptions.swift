import ArgumentParser
import Engine
import Hosting
import Mediator
import Postgres
import Values

/// Which instances a command is for: those that are named, or those that a query finds.
struct TargetOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("Instance ids, or how they begin; or none, and a query.", valueName: "id"))
  var ids: [String] = []
  @OptionGroup var query: InstanceQueryOptions
  @Option(help: "How many a query takes at most, the newest first, 1 to 100000.")
  var limit = 1_000

  func validate() throws {
    guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
    if ids.isEmpty, query.isEmpty {
      throw ValidationError("Name instances, or say which: --workflow, --status, --key, --error, --task, --since.")
    }
    // With ids, a task is what is done to them, not how they are found.
    if !ids.isEmpty, !query.isEmpty, query.task == nil {
      throw ValidationError("Either name instances or give a query.")
    }
    for id in ids where InstancePrefix(id) == nil {
      throw ValidationError(
        "'\(id)' is not the beginning of an instance id: \(InstancePrefix.minimumDigits) to 32 hexadecimal digits.")
    }
  }

  /// - Parameter statuses: what the query is narrowed to where it names no status.
  func resolve(_ pool: PostgresPool, statuses: Set<InstanceStatus>) async throws -> [InstanceSummary] {
    let queries = InstanceQueries(pool: pool, timeout: .seconds(60))
    guard ids.isEmpty else { return try await named(queries) }
    var filter = query.filter()
    if filter.statuses.isEmpty { filter.statuses = statuses }
    let page = try await queries.list(filter, limit: limit)
    if page.hasMore { tellOfMore(than: limit, "instances") }
    return page.items
  }

  private func named(_ queries: InstanceQueries) async throws -> [InstanceSummary] {
    var found: [InstanceSummary] = []
    for id in ids {
      let one = try await queries.find(id)
      if !found.contains(where: { $0.id == one.id }) { found.append(one) }
    }
    return found
  }
}

/// Says that a query finds more than is done at once: nobody is to believe that it was all.
func tellOfMore(than limit: Int, _ what: String) {
  writeToStandardError("note: more than \(limit) \(what) match, and these are the newest: raise --limit, or ask again")
}

extension InstanceQueries {
  /// The one instance whose id begins so.
  func find(_ id: String) async throws -> InstanceSummary {
    guard let prefix = InstancePrefix(id) else { throw CommandFailure.absentInstance(id) }
    switch try await lookUp(prefix) {
    case .none: throw CommandFailure.absentInstance(id)
    case .several(let candidates): throw CommandFailure.ambiguousInstance(id, candidates)
    case .one(let id):
      guard let summary = try await summaries(of: [id]).first else { throw CommandFailure.absentInstance(id.text) }
      return summary
    }
  }
}

extension CommandFailure {
  static func absentInstance(_ id: String) -> CommandFailure {
    CommandFailure(
      "there is no instance '\(id)'", next: "'mediatorctl instances list' shows the newest ones", status: .notFound)
  }

  static func ambiguousInstance(_ id: String, _ candidates: [InstanceSummary]) -> CommandFailure {
    let list = candidates.map { "\($0.id.text)  \($0.namespace)/\($0.name) \($0.version)  \($0.status.rawValue)" }
    return CommandFailure(
      "'\(id)' is the beginning of several instance ids", why: list.joined(separator: "\n"), next: "give more digits")
  }
}

/// How a command is handed in.
struct RequestOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Why, for the audit table.", valueName: "text"))
  var reason = ""
  @Option(
    help: ArgumentHelp("Who asks, for the audit table; the user of this machine when left out.", valueName: "name"))
  var author: String?
  @Flag(help: "Only tells what would happen.")
  var dryRun = false
  @Flag(name: [.customShort("y"), .long], help: "Does not ask.")
  var yes = false
  @Option(
    help: ArgumentHelp("An id for this request: asked for again with it, nothing happens twice.", valueName: "id"))
  var requestID: String?
  @Option(help: ArgumentHelp("How long to wait for the shards to carry it out.", valueName: "duration"))
  var timeout = DurationArgument(.seconds(30))

  var who: String { author ?? currentActor() }

  /// The request for one instance.
  func id(for instance: UUIDValue, _ verb: String) -> UUIDValue {
    guard let requestID else { return .random() }
    return UUIDValue(digestOf: "\(requestID.utf8.count):\(requestID) \(verb) \(instance.text)")
  }

  /// Asks on the terminal before more than one instance is touched, or where the caller has a warning to give.
  func confirm(_ question: String, count: Int, warns: Bool = false) throws(CommandFailure) {
    guard !dryRun, count > 1 || warns else { return }
    try askBefore(question, unless: yes)
  }
}

/// What every verb takes.
struct VerbOptions: ParsableArguments {
  @OptionGroup var targets: TargetOptions
  @OptionGroup var request: RequestOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions
}
