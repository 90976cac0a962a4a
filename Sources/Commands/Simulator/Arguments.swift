import ArgumentParser
import Glibc
import Kafka
import Logging
import Simulator
import Values

struct FleetArguments: ParsableArguments {
  @Option(help: "How many edge devices.")
  var devices = 3

  @Option(help: "How many equipments each of them watches.")
  var equipmentsPerDevice = 1

  @Option(help: "Between two readings of one equipment: 1s, 250ms, 5m or PT1S.")
  var interval = DurationArgument(value: .seconds(1))

  @Option(
    help: "Readings per second of the whole fleet, instead of --interval; max is as fast as the broker takes them.")
  var rate: RateArgument?

  @Option(help: "Stop after so many readings. (default: go on until interrupted)")
  var count: Int?

  @Option(help: "Repeat the run of this seed, ids included. (default: another one each time)")
  var seed: UInt64?

  @Option(help: "The time of the first reading, RFC 3339. (default: now)")
  var start: TimestampArgument?

  /// At full speed the readings' times still go by the interval.
  var effectiveInterval: Duration {
    guard case .perSecond(let rate) = rate else { return interval.value }
    return .seconds(Double(devices * equipmentsPerDevice) / rate)
  }

  func validate() throws {
    guard (1...100_000).contains(devices) else { throw ValidationError("--devices takes 1 to 100000") }
    guard (1...1_000).contains(equipmentsPerDevice) else {
      throw ValidationError("--equipments-per-device takes 1 to 1000")
    }
    guard (count ?? 0) >= 0 else { throw ValidationError("--count cannot be negative") }
    guard (.milliseconds(1) ... .seconds(86_400)).contains(interval.value) else {
      throw ValidationError("--interval takes 1ms to 1d; use --rate for more")
    }
  }
}

struct FaultArguments: ParsableArguments {
  @Option(help: "Send so many percent of the readings a second time, unchanged.")
  var duplicates = 0.0

  @Option(help: "Send a bad record after so many percent of the readings.")
  var garbage = 0.0

  @Option(help: "cloudevent (CloudEvents, binary mode) or bare (the data alone; the topic needs a binding).")
  var format = SimulationOptions.Format.cloudevent

  func validate() throws {
    for (name, percent) in [("duplicates", duplicates), ("garbage", garbage)] where !(0...100).contains(percent) {
      throw ValidationError("--\(name) takes a percentage, 0 to 100")
    }
  }
}

struct KafkaArguments: ParsableArguments {
  @Option(help: "host:port,host:port (environment: KAFKA_BOOTSTRAP_SERVERS; default: 127.0.0.1:9092)")
  var bootstrapServers: String?

  @Option(help: "The queue topic. It has to exist; the mediator creates it.")
  var topic = "mediator.queue"

  @Option(name: .customLong("set"), help: "A property of librdkafka, as KEY=VALUE. Can be repeated.")
  var properties: [String] = []

  @Option(help: "How long to wait for the broker and the topic at the start.")
  var connectTimeout = DurationArgument(value: .seconds(10))

  func validate() throws {
    guard connectTimeout.value <= .seconds(3_600) else { throw ValidationError("--connect-timeout takes up to 1h") }
    for property in properties where !property.dropFirst().contains("=") {
      throw ValidationError("--set takes KEY=VALUE, not '\(property)'")
    }
    for (option, value) in [("bootstrap-servers", bootstrapServers), ("topic", topic)] where value?.isEmpty == true {
      throw ValidationError("--\(option) is empty")
    }
  }

  func configuration(seed: UInt64) -> KafkaConfiguration {
    let environment = getenv("KAFKA_BOOTSTRAP_SERVERS").map { String(cString: $0) }
    let servers = bootstrapServers ?? environment.flatMap { $0.isEmpty ? nil : $0 } ?? "127.0.0.1:9092"
    var settings: [String: String] = [:]
    for property in properties {
      let parts = property.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      settings[String(parts[0])] = String(parts[1])
    }
    return KafkaConfiguration(
      bootstrapServers: servers, properties: settings, clientID: "simulator-\(String(seed, radix: 16))")
  }

  /// Returns when the topic is there, so that a wrong address is told at once and not by silence.
  func waitForTopic(_ configuration: KafkaConfiguration) async throws {
    let deadline = ContinuousClock.now + connectTimeout.value
    do {
      let quiet = Logger(label: "kafka") { _ in SwiftLogNoOpLogHandler() }
      let admin = try KafkaAdmin(configuration, limit: connectTimeout.value, logger: quiet)
      while true {
        do {
          _ = try await admin.describe(topic)
          break
        } catch  where error.code == .unknownTopic && ContinuousClock.now < deadline {
          // No broker tells of a topic that is made; this is how often it is asked.
          try? await Task.sleep(for: .milliseconds(250))
        }
      }
      await admin.close()
    } catch {
      writeError("simulator: \(explanation(error, configuration))\n")
      throw ExitCode(error.code == .configuration ? EX_USAGE : EX_UNAVAILABLE)
    }
  }

  private func explanation(_ error: KafkaError, _ configuration: KafkaConfiguration) -> String {
    switch error.code {
    case .unknownTopic:
      """
      there is no topic '\(topic)' at \(configuration.bootstrapServers). \
      The mediator creates it when it starts; --topic names another one.
      """
    case .unavailable, .timedOut:
      """
      no Kafka broker answers at \(configuration.bootstrapServers) (\(error.message)). Is it running? \
      --bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS says where it is.
      """
    default: "\(error)"
    }
  }
}
