import ArgumentParser
import FoundationEssentials
import Hosting
import Kafka
import Postgres
import Values

/// Secrets of the configuration: no message of this program shows them.
let redactor = SecretRedactor()

struct OutputOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How to print the result: text or json.", valueName: "format"))
  var output: OutputFormat = .text

  /// Prints one of the two, and only makes that one.
  func print(json: @autoclosure () -> JSON, text: (Style) -> String) throws {
    switch output {
    case .json: try writeOutput(json().pretty())
    case .text: try writeOutput(text(.current()))
    }
  }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

struct ConfigurationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The services' configuration file. (env: MEDIATOR_CONFIG)", valueName: "file"))
  var config: String?

  /// The channels that the configuration knows a processor for: those of the processors that come along, and those
  /// listed under `mediator.channels`. Nil without a configuration file: then nobody knows.
  func knownChannels() throws -> Set<String>? {
    guard config != nil || ProcessInfo.processInfo.environment["MEDIATOR_CONFIG"] != nil else { return nil }
    return try read(overrides: [:]) { settings in
      let processors = settings.section("processors")
      let own = ["persistence", "alerts", "telegram", "http", "asyncapi", "echo"].map { kind in
        processors.section(kind).string("channel", default: kind)
      }
      return Set(own + (settings.section("mediator").strings("channels") ?? []))
    }
  }

  /// After how many rounds a dead letter is parked.
  func maxRedrives() throws -> Int {
    try read(overrides: [:]) { $0.section("mediator").integer("maxRedrives", default: 3, in: 1...1000) }
  }

  /// Reads one section; what other services read in the same file is not looked at.
  fileprivate func read<Value>(
    overrides: [String: String?], _ body: (Settings) -> Value
  ) throws -> Value {
    let settings = try Settings(
      configFile: config, overrides: overrides.compactMapValues(\.self),
      environment: ProcessInfo.processInfo.environment)
    let value = body(settings)
    settings.allow("database", "kafka", "health", "log", "mediator", "processor", "processors", "simulator", "topics")
    settings.tolerate("mediator", "processors")
    redactor.add(settings.secrets)
    try settings.finish()
    return value
  }
}

struct DatabaseOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The mediator's database, postgres://user:password@host:port/database. (env: DATABASE_URL)", valueName: "url"))
  var database: String?

  func configuration(_ file: ConfigurationOptions) throws -> PostgresConfiguration {
    let settings = try file.read(overrides: ["database.url": database]) { DatabaseSettings.read($0) }
    var configuration = try PostgresConfiguration(settings.url)
    configuration.applicationName = "mediatorctl"
    return configuration
  }

  func withPool<Value: Sendable>(
    _ file: ConfigurationOptions, _ body: (PostgresPool) async throws -> Value
  ) async throws -> Value {
    let pool = PostgresPool(try configuration(file), size: 1)
    do {
      let value = try await body(pool)
      await pool.close()
      return value
    } catch {
      await pool.close()
      throw error
    }
  }
}

struct KafkaOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Kafka's bootstrap servers, host:port,host:port. (env: KAFKA_BOOTSTRAP_SERVERS)",
      valueName: "servers"))
  var bootstrapServers: String?

  func configuration(_ file: ConfigurationOptions) throws -> KafkaConfiguration {
    try file.read(overrides: ["kafka.bootstrap.servers": bootstrapServers]) {
      KafkaSettings.read($0, clientID: "mediatorctl")
    }
  }
}
