import ArgumentParser
import Engine
import Mediator
import Values

/// Which instances are asked for; what is left out does not matter.
struct InstanceQueryOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Of this workflow: NAMESPACE/NAME or NAME.", valueName: "workflow"))
  var workflow: WorkflowArgument?
  @Option(help: "Of this version.")
  var version: String?
  @Option(help: "In this status; may be repeated.")
  var status: [InstanceStatus] = []
  @Option(help: "Whose record had this key.")
  var key: String?
  @Option(help: ArgumentHelp("With this text in the error (type, title or detail).", valueName: "text"))
  var error: String?
  @Option(
    help: ArgumentHelp("Whose error comes from this task: its reference, or its name.", valueName: "task"))
  var task: String?
  @Option(help: ArgumentHelp("Started since then.", valueName: "moment|duration"))
  var since: MomentArgument?

  var isEmpty: Bool { filter() == InstanceFilter() }

  func filter() -> InstanceFilter {
    var filter = InstanceFilter()
    filter.namespace = workflow?.namespace
    filter.name = workflow?.name
    filter.version = version
    filter.statuses = Set(status)
    filter.key = key.map { Array($0.utf8) }
    filter.error = error
    filter.failedTask = task
    filter.since = since?.resolved(now: .now())
    return filter
  }
}
