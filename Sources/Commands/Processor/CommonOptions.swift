import ArgumentParser
import Foundation
import Hosting
import Kafka
import Logging
import Metrics
import Postgres
import Processors
import ServiceLifecycle

/// What all processors take.
struct CommonOptions: ParsableArguments {
  @Option(help: "Configuration file, YAML or JSON (environment: MEDIATOR_CONFIG).")
  var config: String?

  @Option(help: "Kafka's bootstrap servers, host:port[,…] (environment: KAFKA_BOOTSTRAP_SERVERS).")
  var bootstrapServers: String?

  @Option(help: "Postgres, postgres://user:password@host:port/database (environment: DATABASE_URL).")
  var database: String?

  @Option(help: "Static member name, unique in the group: after a restart it has its partitions again at once.")
  var instance: String?

  @Option(help: "The most events of one transaction (default: 500).")
  var batchSize: Int?

  @Flag(help: "Start although Postgres may lose what it has confirmed (fsync or synchronous_commit is off).")
  var allowUnsafePostgres = false

  @Option(help: "Port of /livez, /readyz and /metrics; 0 is off (default: 0).")
  var healthPort: Int?

  @Option(help: "trace, debug, info, notice, warning, error or critical (default: info).")
  var logLevel: String?

  @Option(help: "How log lines are written: text or json (default: text).")
  var output: String?

  func run(
    _ name: ProcessorSettings.Name, _ overrides: [String: String], channels: [String] = []
  ) async throws {
    var overrides = overrides
    overrides["kafka.bootstrap.servers"] = bootstrapServers
    overrides["database.url"] = database
    overrides["processors.instance"] = instance
    overrides["processors.\(name.rawValue).batchSize"] = batchSize.map(String.init)
    if allowUnsafePostgres { overrides["processors.allowUnsafePostgres"] = "true" }
    overrides["health.port"] = healthPort.map(String.init)
    overrides["log.level"] = logLevel
    overrides["log.format"] = output
    let status = await start(name, overrides, channels)
    if status != ExitStatus.success { throw ExitCode(status) }
  }

  private func start(
    _ name: ProcessorSettings.Name, _ overrides: [String: String], _ channels: [String]
  ) async -> Int32 {
    let plan: ProcessorPlan
    do {
      plan = try ProcessorPlan.read(name, configFile: config, overrides: overrides, channels: channels)
    } catch {
      writeToStandardError("error: \(error)")
      return ExitStatus.configuration
    }
    let redactor = SecretRedactor(plan.secrets)
    LineLogHandler.bootstrap(plan.log, redactor: redactor)
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    let checks = HealthChecks()
    var services: [any Service] = []
    let logger = Logger(label: "processor")
    if let port = plan.health.port {
      services.append(
        HealthServer(
          host: plan.health.host, port: port, checks: checks, metrics: registry, redactor: redactor, logger: logger))
    }
    for options in plan.processors { services.append(service(options, checks)) }
    let ending = await runServices(services, logger: logger)
    logger.notice("processor ended", metadata: ["status": "\(ending)"])
    return ending
  }

  private func service(_ options: ProcessorOptions, _ checks: HealthChecks) -> ProcessorService {
    var logger = Logger(label: "processor.\(options.name)")
    if let instance = options.instance { logger[metadataKey: "instance"] = "\(instance)" }
    let status = ProcessorStatus(name: options.name, logger: logger)
    status.register(in: checks)
    logger.notice(
      "processor starting",
      metadata: [
        "kafka": "\(options.kafka.bootstrapServers)", "topic": "\(options.topic)", "group": "\(options.group)",
        "database": "\(options.database.map { "\($0)" } ?? "none")",
      ])
    return ProcessorService(options: options, status: status, logger: logger)
  }
}

/// The configuration of a processor process, read and checked as a whole.
private struct ProcessorPlan {
  let processors: [ProcessorOptions]
  let health: HealthSettings
  let log: LogSettings
  let secrets: [String]

  /// - Throws: `HostingError` with every mistake at once, or `PostgresError` for a URL that is none.
  static func read(
    _ name: ProcessorSettings.Name, configFile: String?, overrides: [String: String], channels: [String]
  ) throws -> ProcessorPlan {
    let settings = try Settings(
      configFile: configFile, overrides: overrides, environment: ProcessInfo.processInfo.environment)
    let first = try ProcessorSettings.read(settings, name, channel: channels.first)
    let processors = [first] + channels.dropFirst().map(first.serving)
    let health = HealthSettings.read(settings)
    let log = LogSettings.read(settings)
    try settings.finish()
    return ProcessorPlan(processors: processors, health: health, log: log, secrets: settings.secrets)
  }
}

/// Where the events come from.
struct TopologyOptions: ParsableArguments {
  @Option(help: "mediator: serve a channel; broker: run straight on an event topic, without a mediator.")
  var topology: String?

  @Option(help: "The event topic of the broker topology.")
  var topic: String?

  @Option(help: "The channel to serve (default: the processor's name).")
  var channel: String?

  func overrides(_ name: ProcessorSettings.Name) -> [String: String] {
    var overrides: [String: String] = [:]
    let path = "processors.\(name.rawValue)"
    overrides["\(path).topology"] = topology
    overrides["\(path).topic"] = topic
    overrides["\(path).channel"] = channel
    return overrides
  }
}
