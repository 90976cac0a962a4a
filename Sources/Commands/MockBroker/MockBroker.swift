import ArgumentParser
import Glibc
import Kafka
import Threads

@main
struct MockBroker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mock-broker",
    abstract: "A Kafka-protocol cluster in memory, for tests and demos, that fails on command.",
    discussion: """
      Prints its bootstrap servers as the first line, then takes commands from standard input, one a line, and answers
      each with "ok" or "error: …". It ends with standard input, or with SIGTERM. Records are lost then.

      Commands:
      \(FaultCommand.help.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))

      Examples:
        mock-broker --topic EquipmentStatus:4
        echo "broker down 2" | mock-broker --brokers 3 --topic orders:6 --keep-running
      """)

  @Option(help: "How many brokers; their ids are 1, 2, ….")
  var brokers: Int32 = 1

  @Option(help: ArgumentHelp("A topic to begin with; can be repeated.", valueName: "name:partitions"))
  var topic: [Topic] = []

  @Flag(help: "Go on after the end of standard input, until SIGTERM.")
  var keepRunning = false

  func run() throws {
    // Before any other thread exists, so that all of them leave these signals to the one that waits for them.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let cluster = try MockCluster(brokers: brokers)
    for topic in topic { try cluster.createTopic(topic.name, partitions: topic.partitions) }
    startThread(named: "signals") { [signals] in
      var signals = signals
      var signal: Int32 = 0
      sigwait(&signals, &signal)
      Glibc.exit(0)
    }
    answer(cluster.bootstrapServers)
    while let line = readLine() {
      if line.allSatisfy(\.isWhitespace) { continue }
      do {
        try FaultCommand(line).apply(to: cluster)
        answer("ok")
      } catch {
        answer("error: \(error)")
      }
    }
    while keepRunning { pause() }
    cluster.close()
  }

  /// Whoever reads this through a pipe waits for the line, not for a full buffer.
  private func answer(_ line: String) {
    print(line)
    fflush(nil)
  }
}

struct Topic: ExpressibleByArgument {
  let name: String
  let partitions: Int32

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), colon != argument.startIndex,
      let partitions = Int32(argument[argument.index(after: colon)...]), partitions > 0
    else { return nil }
    name = String(argument[..<colon])
    self.partitions = partitions
  }
}
