import ArgumentParser
import Glibc
import Kafka
import Logging
import Simulator
import Values

@main
struct SimulatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulator",
    abstract: "Sends the readings of simulated edge devices to a queue topic.",
    discussion: """
      Every equipment works on jobs (0 to 100 percent, with pauses and stops) and tells its state once per interval. It \
      goes on until --count readings are sent or it is interrupted; then it waits for what is under way and prints exact \
      counts.

      EXAMPLES
        Three devices, a reading per second each:
          simulator --bootstrap-servers 127.0.0.1:9092
        10,000 readings as fast as the broker takes them, some of them twice, and some garbage between them:
          simulator --count 10000 --rate max --duplicates 1 --garbage 1 --output json
        The same readings every time, with the same ids:
          simulator --seed 42 --start 2025-01-01T00:00:00Z --count 100
        A broker with TLS and a password:
          simulator --set security.protocol=sasl_ssl --set sasl.mechanism=PLAIN \\
            --set sasl.username=plant --set sasl.password="$PASSWORD"

      EXIT STATUS
        0 everything was delivered, 1 something was not, 64 wrong usage, 69 the broker or the topic cannot be had.
      """,
    version: ProgramVersion.current)

  @OptionGroup(title: "Fleet") var fleet: FleetArguments
  @OptionGroup(title: "Faults, for tests") var faults: FaultArguments
  @OptionGroup(title: "Kafka") var kafka: KafkaArguments

  @Option(help: "How to print the counts: text or json.")
  var output = OutputFormat.text

  enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

  func run() async throws {
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = .warning
      return handler
    }
    let seed = fleet.seed ?? UInt64.random(in: .min ... .max)
    let options = simulationOptions(seed: seed)
    let configuration = kafka.configuration(seed: seed)
    try await kafka.waitForTopic(configuration)
    let run = try SendingRun(options: options, isPaced: fleet.rate != .max, configuration: configuration)
    let report = await run.untilDone()
    print(output == .json ? report.json.text : report.text)
    if let reason = report.failure { writeError("simulator: \(reason)\n") }
    if report.undelivered > 0 { throw ExitCode.failure }
  }

  private func simulationOptions(seed: UInt64) -> SimulationOptions {
    SimulationOptions(
      devices: fleet.devices, equipmentsPerDevice: fleet.equipmentsPerDevice, interval: fleet.effectiveInterval,
      seed: seed, start: fleet.start?.value ?? .now(), count: fleet.count, topic: kafka.topic, format: faults.format,
      duplicatesPercent: faults.duplicates, garbagePercent: faults.garbage)
  }
}

/// C's `stderr` is a mutable global; the descriptor is not.
func writeError(_ text: String) {
  let bytes = Array(text.utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
