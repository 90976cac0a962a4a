import ArgumentParser
import Glibc
import Hosting
import Kafka
import Logging
import Mediator
import Metrics
import Postgres
import ServiceLifecycle
import Values

/// `mediator`: one mediator process. Start as many as there is work for; they share the shards among themselves.
@main
struct MediatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mediator",
    abstract: "Expands initial events into processing events, as the deployed workflows say.",
    discussion: """
      Reads initial events from the queue topics, runs the deployed workflow definitions, sends processing events to \
      the channel topics and takes the replies. All state is in Postgres. Several mediators share the work; each can \
      be started, stopped or killed at any time.

      Settings come from options, then environment variables, then the configuration file, then defaults; see \
      docs/configuration.md.

      EXAMPLES:
        mediator --bootstrap-servers 127.0.0.1:9092 \\
          --database postgres://postgres@127.0.0.1:5432/mediator
        DATABASE_URL=postgres://… mediator --config mediator.yaml --health-port 8080
        mediator --config mediator.yaml --log-level debug
      """,
    version: ProgramVersion.current)

  @Option(help: "Configuration file, YAML or JSON (environment: MEDIATOR_CONFIG).")
  var config: String?

  @Option(help: "Kafka's bootstrap servers, host:port[,…] (environment: KAFKA_BOOTSTRAP_SERVERS).")
  var bootstrapServers: String?

  @Option(help: "Postgres, postgres://user:password@host:port/database (environment: DATABASE_URL).")
  var database: String?

  @Option(help: "This mediator's name among the running ones (default: host, process id and a random part).")
  var id: String?

  @Option(help: "Shards of a new cluster; one that exists keeps its number (default: 4).")
  var shards: Int?

  @Flag(help: "Start although Postgres may lose what it has confirmed (fsync or synchronous_commit is off).")
  var allowUnsafePostgres = false

  @Flag(help: "Start although a topic was created anew under a position: its partitions are halted, others are read.")
  var allowRecreatedTopics = false

  @Option(help: "Port of /livez, /readyz and /metrics; 0 is off (default: 0).")
  var healthPort: Int?

  @Option(help: "trace, debug, info, notice, warning, error or critical (default: info).")
  var logLevel: String?

  @Option(help: "How log lines are written: text or json (default: text).")
  var output: String?

  func run() async throws {
    ignoreBrokenPipes()
    let status = await start()
    if status != ExitStatus.success { throw ExitCode(status) }
  }

  private func start() async -> Int32 {
    let plan: MediatorPlan
    do {
      plan = try MediatorPlan.read(configFile: config, overrides: overrides)
    } catch {
      writeToStandardError("error: \(error)")
      return ExitStatus.configuration
    }
    let redactor = SecretRedactor(plan.secrets)
    LineLogHandler.bootstrap(plan.log, redactor: redactor)
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    let logger = Logger(label: "mediator")

    let status = MediatorStatus(logger: logger)
    var services: [any Service] = [MediatorService(options: plan.options, status: status, logger: logger)]
    if let port = plan.health.port {
      let checks = HealthChecks()
      status.register(in: checks)
      services.append(
        HealthServer(
          host: plan.health.host, port: port, checks: checks, metrics: registry, redactor: redactor, logger: logger))
    }
    logger.notice(
      "mediator starting",
      metadata: [
        "id": "\(plan.options.id)", "kafka": "\(plan.options.kafka.bootstrapServers)",
        "database": "\(plan.options.database)",
      ])
    let ending = await runServices(services, logger: logger)
    logger.notice("mediator ended", metadata: ["status": "\(ending)"])
    return ending
  }

  private var overrides: [String: String] {
    var overrides: [String: String] = [:]
    overrides["kafka.bootstrap.servers"] = bootstrapServers
    overrides["database.url"] = database
    overrides["mediator.id"] = id
    overrides["mediator.shards"] = shards.map(String.init)
    if allowUnsafePostgres { overrides["mediator.allowUnsafePostgres"] = "true" }
    if allowRecreatedTopics { overrides["mediator.allowRecreatedTopics"] = "true" }
    overrides["health.port"] = healthPort.map(String.init)
    overrides["log.level"] = logLevel
    overrides["log.format"] = output
    return overrides
  }
}
