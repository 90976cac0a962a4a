import CoreMetrics
import Glibc
import Logging
import ServiceLifecycle

/// What every service binary does around its own work: settings, logging, metrics, health, signals.
///
/// Used once per process, by its main task: make it, read the settings, `ready`, then `run`.
public struct ServiceProcess {
  public let settings: Settings
  public let metrics = PrometheusRegistry()
  public let health = HealthChecks()
  public let redactor = SecretRedactor()
  public let logger: Logger
  private let healthSettings: HealthSettings

  /// Reads the sections `health` and `log` and makes this process's loggers and metrics go where they say.
  ///
  /// - Parameter overrides: options of the command line by path of the setting.
  /// - Throws: `settings`, if the file cannot be read.
  public init(
    name: String, configFile: String?, overrides: [String: String] = [:], environment: [String: String]
  ) throws(HostingError) {
    settings = try Settings(configFile: configFile, overrides: overrides, environment: environment)
    healthSettings = HealthSettings.read(settings)
    LineLogHandler.bootstrap(LogSettings.read(settings), redactor: redactor)
    MetricsSystem.bootstrap(metrics)
    ignoreBrokenPipes()
    logger = Logger(label: name)
  }

  /// To be called when all sections are read.
  ///
  /// - Throws: `settings` with every mistake; the process then ends with `ExitStatus.configuration`.
  public func ready() throws(HostingError) {
    redactor.add(settings.secrets)
    try settings.finish()
  }

  /// Runs the services, and the health server if it has a port.
  ///
  /// - Returns: an `ExitStatus` to end the process with.
  public func run(_ services: [any Service]) async -> Int32 {
    guard let port = healthSettings.port else { return await runServices(services, logger: logger) }
    let server = HealthServer(
      host: healthSettings.host, port: port, checks: health, metrics: metrics, redactor: redactor, logger: logger)
    // First in, last out: readiness is shown as long as anything works.
    return await runServices([server] + services, logger: logger)
  }
}
