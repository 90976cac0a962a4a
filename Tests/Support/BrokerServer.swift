import Glibc
import Kafka
import Threads

/// A private noida-db broker (Kafka's protocol) on a free loopback port, in a temporary directory. It ends and is
/// removed when this process ends, in whatever way, or at `remove()`.
public actor BrokerServer {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// A port of this machine that nobody listens on at the moment.
  public static func freePort() throws -> Int { try BrokerProcess.freePort() }

  /// One for all tests of this process that do not stop or break it. Names of topics and groups must be their own.
  public static var shared: BrokerServer {
    get async throws { try await sharedStart.value }
  }
  private static let sharedStart = Task { try await BrokerServer.start() }

  public nonisolated let port: Int
  /// Holds the broker's data and `server.log`.
  public nonisolated let directory: String
  public nonisolated var bootstrapServers: String { "127.0.0.1:\(port)" }
  /// For clients of this broker.
  public nonisolated var configuration: KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: bootstrapServers, clientID: "test")
  }

  private let executor: ThreadExecutor
  private let program: String
  private let watchdog: BrokerWatchdog
  private var process: BrokerProcess?

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  public static func start() async throws -> BrokerServer {
    let program = try findProgram()
    for attempt in 1... {
      let port = try BrokerProcess.freePort()
      let server = try BrokerServer(program: program, port: port, directory: try makeDirectory())
      do {
        try await server.start()
        return server
      } catch {
        // Someone else took the port in between.
        await server.remove()
        if attempt == 3 { throw error }
      }
    }
    throw Failure(description: "unreachable")
  }

  private init(program: String, port: Int, directory: String) throws {
    self.program = program
    self.port = port
    self.directory = directory
    watchdog = try BrokerWatchdog(directory: directory)
    executor = ThreadExecutor(name: "test-broker")
  }

  // MARK: - Breaking and mending

  /// Starts it again after `stop` or `kill`, with the same port and data. Returns when it accepts connections.
  public func start() throws {
    if process != nil { return }
    let started = try BrokerProcess(
      [program, "start", "--data-dir", "\(directory)/data", "--only", "kafka", "--kafka-port", String(port)],
      directory: directory)
    process = started
    try watchdog.watch(started)
    for _ in 0..<1000 {
      if BrokerProcess.acceptsConnections(port) { return }
      if started.hasEnded {
        process = nil
        throw Failure(description: "the broker ended; see \(directory)/server.log")
      }
      // No broker says that it listens: it is asked again.
      usleep(10_000)
    }
    throw Failure(description: "the broker accepts no connections on port \(port)")
  }

  /// SIGTERM, and SIGKILL where that does not help within five seconds.
  public func stop() {
    process?.end(SIGTERM)
    process = nil
  }

  /// SIGKILL: this broker loses its last acknowledged writes.
  public func kill() {
    process?.end(SIGKILL)
    process = nil
  }

  /// Deletes everything it has stored; only while it does not run.
  public func forget() throws {
    let tool = try BrokerProcess(["rm", "-rf", "\(directory)/data"], directory: directory)
    // `waitpid` would block without a limit where the folder's disk does; this looks again.
    while !tool.hasEnded { usleep(1000) }
  }

  public func restart() throws {
    stop()
    try start()
  }

  /// SIGSTOP: connections stay up, nothing answers.
  public func suspend() { process?.signal(SIGSTOP) }

  /// SIGCONT.
  public func resume() { process?.signal(SIGCONT) }

  /// Ends the broker and deletes its directory.
  public func remove() {
    kill()
    watchdog.release()
  }

  /// A way to this broker that can be spoiled; clients that come through it stay on it.
  public nonisolated func proxy() throws -> TCPProxy {
    let proxy = try TCPProxy(to: port)
    // Kafka's protocol tells clients where the broker is: host, then the port in four bytes.
    func address(_ port: Int) -> [UInt8] {
      Array("127.0.0.1".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: port >> (24 - 8 * $0)) }
    }
    proxy.replace(address(port), with: address(proxy.port))
    return proxy
  }

  // MARK: - Setting up

  private static func findProgram() throws -> String {
    if let path = getenv("NOIDA_DB").map({ String(cString: $0) }), !path.isEmpty { return path }
    let file = realpath(#filePath, nil)
    defer { free(file) }
    let root = (file.map { String(cString: $0) } ?? #filePath).split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(root)/.build-tools/noida-db-0.2.3/noida_db/noida-db"
    if access(path, X_OK) == 0 { return path }
    throw Failure(description: "no broker: run scripts/broker.sh install, or set NOIDA_DB to the program's path")
  }

  private static func makeDirectory() throws -> String {
    var template = Array("/tmp/mediator-broker-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: \(String(cString: strerror(errno)))") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
