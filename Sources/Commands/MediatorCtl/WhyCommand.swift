import ArgumentParser
import Engine
import Hosting
import Kafka
import Logging
import Mediator
import Postgres
import Toolchain
import Values

struct WhyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Says why an instance is where it is, and what to do next.",
    discussion: """
      Looks at the instance, its shard, the events that came near, and at who reads the channels that it waits for. \
      Without Kafka's address everything but the last is told.

      Examples:
        mediatorctl why 3f2a
        mediatorctl why 3f2a --bootstrap-servers 127.0.0.1:9092
        mediatorctl why 3f2a --output json
      """)

  @OptionGroup var instance: InstanceArgument
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var kafka: KafkaOptions
  @OptionGroup var file: ConfigurationOptions

  func run() async throws {
    let facts = try await database.withPool(file) { pool in
      let id = try await instance.find(InstanceQueries(pool: pool))
      return try await kafka.withChannelReader(file) { reader, problem in
        try await DiagnosisQueries(pool: pool).facts(of: id, channels: reader, kafkaProblem: problem)
      }
    }
    guard let facts else { throw instance.absent }
    let report = WhyReport(facts)
    try output.print(json: report.json, text: report.text)
  }
}

/// One instance, named by its id or by how that begins.
struct InstanceArgument: ParsableArguments {
  @Argument(help: ArgumentHelp("An instance id, or how it begins.", valueName: "instance"))
  var id: String

  func validate() throws {
    guard InstancePrefix(id) != nil else {
      throw ValidationError(
        "'\(TextWidth.plain(id))' is not the beginning of an instance id: \(InstancePrefix.minimumDigits) to 32 "
          + "hexadecimal digits.")
    }
  }

  func find(_ queries: InstanceQueries) async throws -> UUIDValue {
    try await queries.find(id).id
  }

  var absent: CommandFailure { .absentInstance(id) }
}

extension KafkaOptions {
  /// Gives the body what asks Kafka; nil, and the reason, when there is no address to ask.
  func withChannelReader<Value: Sendable>(
    _ file: ConfigurationOptions, _ body: (ChannelReader?, String?) async throws -> Value
  ) async throws -> Value {
    try await withAdmin(file) { admin, configuration in
      guard let admin, let configuration else { return try await body(nil, "no --bootstrap-servers were given") }
      return try await body(ChannelReader(admin: admin, configuration: configuration), nil)
    }
  }

  /// Gives the body a client for questions; nil when there is no address to ask.
  func withAdmin<Value: Sendable>(
    _ file: ConfigurationOptions, _ body: (KafkaAdmin?, KafkaConfiguration?) async throws -> Value
  ) async throws -> Value {
    let configuration: KafkaConfiguration
    do {
      configuration = try self.configuration(file)
    } catch let error as HostingError {
      // A mistake in the settings is told; that there is no address is no mistake here.
      guard error.problems.allSatisfy({ $0.code == .missing }) else { throw error }
      return try await body(nil, nil)
    }
    var logger = Logger(label: "kafka")
    logger.logLevel = .critical
    let admin = try KafkaAdmin(configuration, limit: .seconds(5), logger: logger)
    do {
      let value = try await body(admin, configuration)
      await admin.close()
      return value
    } catch {
      await admin.close()
      throw error
    }
  }
}
