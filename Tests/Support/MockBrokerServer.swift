import Glibc
import Kafka
import Synchronization

/// librdkafka's mock cluster: the `mock-broker` program, built beside the tests, as a child that ends with this process.
///
/// Test targets that use it depend on `mock-broker`.
public final class MockBrokerServer: Sendable {
  public let bootstrapServers: String
  /// For clients of this cluster.
  public var configuration: KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: bootstrapServers, clientID: "test")
  }

  private let id: pid_t
  private let input: Int32
  private let output: Int32
  private let lock = Mutex(())

  /// - Parameter topics: names and numbers of partitions.
  public convenience init(brokers: Int32 = 1, topics: [String: Int32] = [:]) throws {
    try self.init(arguments: ["--brokers", "\(brokers)"] + topics.flatMap { ["--topic", "\($0.key):\($0.value)"] })
  }

  public init(arguments: [String]) throws {
    var input: [Int32] = [-1, -1]
    var output: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &input) == 0, socketpair(AF_UNIX, type, 0, &output) == 0 else {
      throw BrokerServer.Failure(description: "socketpair: \(String(cString: strerror(errno)))")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    posix_spawn_file_actions_adddup2(&actions, output[0], 1)
    id = try BrokerProcess.spawn([Self.program] + arguments, &actions)
    close(input[0])
    close(output[0])
    self.input = input[1]
    self.output = output[1]
    bootstrapServers = Self.readLine(output[1])
    if bootstrapServers.isEmpty { throw BrokerServer.Failure(description: "\(Self.program) does not run") }
  }

  deinit {
    close(input)
    close(output)
    waitpid(id, nil, 0)
  }

  // MARK: - Commands

  public func createTopic(_ name: String, partitions: Int32) throws { try order("topic \(name) \(partitions)") }

  /// - Parameter id: -1 for all brokers.
  public func setBroker(_ id: Int32, up: Bool) throws {
    try order("broker \(up ? "up" : "down") \(id < 0 ? "all" : "\(id)")")
  }

  public func setRoundTripTime(milliseconds: Int32) throws { try order("rtt all \(milliseconds)") }

  public func setLeader(of partition: TopicPartition, to broker: Int32) throws {
    try order("leader \(partition.topic) \(partition.partition) \(broker)")
  }

  /// See `MockCluster.failRequests`.
  public func failRequests(apiKey: Int16, code: Int32, count: Int) throws {
    try order("error \(apiKey) \(code) \(count)")
  }

  private func order(_ line: String) throws {
    let answer = command(line)
    if answer != "ok" { throw BrokerServer.Failure(description: "mock-broker: \(line): \(answer)") }
  }

  /// Gives the program a line and returns its answer.
  public func command(_ line: String) -> String {
    lock.withLock { _ in
      let bytes = Array("\(line)\n".utf8)
      guard write(input, bytes, bytes.count) == bytes.count else { return "" }
      return Self.readLine(output)
    }
  }

  // MARK: - End

  /// - Returns: the exit status after its standard input has ended; nil when a signal ended it.
  @discardableResult
  public func end() -> Int32? {
    shutdown(input, Int32(SHUT_WR))
    return status
  }

  /// - Returns: the exit status after SIGTERM; nil when a signal ended it.
  public func terminate() -> Int32? {
    kill(id, SIGTERM)
    return status
  }

  private var status: Int32? {
    var status: Int32 = 0
    guard waitpid(id, &status, 0) == id else { return nil }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : nil
  }

  private static var program: String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let executable = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return executable.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/mock-broker"
  }

  private static func readLine(_ descriptor: Int32) -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
    return String(decoding: line, as: UTF8.self)
  }
}
