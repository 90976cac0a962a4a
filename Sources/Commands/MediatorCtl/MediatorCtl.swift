import ArgumentParser
import Glibc
import Hosting
import Logging
import Values

@main
struct MediatorCtl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mediatorctl",
    abstract: "Tries, tests and deploys workflow definitions, sends initial events and shows what became of them.",
    discussion: """
      'validate', 'run', 'test', 'graph' and 'diff' need nothing but the files. 'events emit' and 'dlq redrive' talk to \
      Kafka, the other commands to the mediator's database.

      Options win over environment variables (DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS, MEDIATOR_CONFIG), and those over \
      the configuration file.

      Exit status: 0 done; 1 failed, or 'diff' found a difference; 3 a definition or document is not valid; 4 what \
      was named does not exist; 7 what was waited for did not happen in time, or 'run' ended waiting; 64 wrong usage; \
      130 ended by SIGINT.

      Examples:
        mediatorctl validate workflows
        mediatorctl test workflows
        mediatorctl graph workflows/equipment-status.yaml
        mediatorctl deploy workflows
        mediatorctl workflows list
        mediatorctl instances list --status faulted --since 1h
        mediatorctl dlq list --since 1h
      """,
    version: ProgramVersion.current,
    subcommands: [
      WorkflowsCommand.self, InstancesCommand.self, ValidateCommand.self, RunCommand.self, TestCommand.self,
      GraphCommand.self, DiffCommand.self, DeployCommand.self, EventsCommand.self, StatusCommand.self,
      AuditCommand.self, DeadLettersCommand.self, PartitionsCommand.self,
      WhyCommand.self, StuckCommand.self, TimelineCommand.self, AtCommand.self,
      WatchCommand.self, TopCommand.self, TraceCommand.self,
    ])

  static func main() async {
    LineLogHandler.bootstrap(LogSettings(level: .error), redactor: redactor)
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      guard let failure = CommandFailure(error) else { exit(withError: error) }
      writeToStandardError(redactor.redact(failure.text))
      Glibc.exit(failure.status.rawValue)
    }
  }
}
