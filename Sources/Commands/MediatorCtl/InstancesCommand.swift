import ArgumentParser
import Engine
import Mediator
import Toolchain
import Values

struct InstancesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "instances", abstract: "Shows workflow instances, and does something about them.",
    discussion: """
      The verbs below are commands to the shard that owns the instance. Each leaves a row in the audit table \
      ('mediatorctl audit').
      """,
    subcommands: [
      List.self, Show.self, Suspend.self, Resume.self, Cancel.self, Retry.self, Rerun.self, Skip.self, Override.self,
      Replay.self, Migrate.self,
    ])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists instances, newest first.",
      discussion: """
        Filters are combined. They are applied on the way back from the newest instance until --limit are found: when a \
        filter fits few of very many instances, add --since. Open statuses, and --event-id together with \
        --event-source, are found by an index.

        --since takes a moment in RFC 3339 or how long ago: 90s, 15m, 2h, 7d.

        Examples:
          mediatorctl instances list
          mediatorctl instances list --workflow equipment-status --since 1h
          mediatorctl instances list --status faulted --status cancelled
          mediatorctl instances list --key press-1 --output json
          mediatorctl instances list --error timeout --limit 5
        """)

    @OptionGroup var query: InstanceQueryOptions
    @Option(help: ArgumentHelp("Started by the event with this id.", valueName: "id"))
    var eventID: String?
    @Option(help: ArgumentHelp("Started by an event from this source.", valueName: "source"))
    var eventSource: String?
    @Option(help: "How many to list at most, 1 to 1000.")
    var limit = 20
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func validate() throws {
      guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 1000.") }
    }

    func run() async throws {
      let page = try await database.withPool(file) { pool in
        let page = try await InstanceQueries(pool: pool).list(filter, limit: limit)
        if page.items.isEmpty, let workflow = query.workflow { try await check(workflow, WorkflowQueries(pool: pool)) }
        return page
      }
      try output.print(json: InstanceList.json(page)) { InstanceList.text(page, $0) }
    }

    private var filter: InstanceFilter {
      var filter = query.filter()
      filter.eventID = eventID
      filter.eventSource = eventSource
      return filter
    }

    /// An empty list of a workflow that does not exist would hide a misspelt name.
    private func check(_ workflow: WorkflowArgument, _ workflows: WorkflowQueries) async throws {
      guard try await workflows.versions(namespace: workflow.namespace, name: workflow.name).isEmpty else { return }
      throw CommandFailure(
        "there is no workflow '\(workflow.text)'", next: "'mediatorctl workflows list' shows which there are",
        status: .notFound)
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one instance with its tasks.",
      discussion: """
        The beginning of an id is enough where it names one instance only; at least \
        \(InstancePrefix.minimumDigits) digits. Of a journal with more than \(InstanceQueries.journalLimit) steps the \
        newest are shown.

        Examples:
          mediatorctl instances show 3f2a
          mediatorctl instances show 3f2a --data
          mediatorctl instances show 3f2a --output json
        """)

    @OptionGroup var instance: InstanceArgument
    @Flag(help: "Also prints what each task sent and gave. (JSON always has it.)")
    var data = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var file: ConfigurationOptions

    func run() async throws {
      let detail = try await database.withPool(file) { pool in
        let queries = InstanceQueries(pool: pool)
        guard let detail = try await queries.detail(try await instance.find(queries)) else { throw instance.absent }
        return detail
      }
      let report = InstanceReport(detail, showsData: data)
      try output.print(json: report.json, text: report.text)
    }
  }
}
