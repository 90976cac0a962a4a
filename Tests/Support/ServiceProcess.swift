import Glibc
import Synchronization

/// One of this package's programs, running as a process of its own, with its output and its log in a file each.
///
/// It ends with this process when that ends in order; ``stop()`` or ``kill()`` are for every test to call.
public final class ServiceProcess: Sendable {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  public let name: String
  public let logFile: String
  public let id: pid_t
  private let status = Mutex<Int32?>(nil)

  /// - Parameters:
  ///   - program: the name of a program of this package, or a path.
  ///   - environment: added to this process's own.
  ///   - terminal: where it reads from and writes its log to, as in a session of its own.
  public init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], logFile: String,
    terminal: PseudoTerminal? = nil
  ) throws {
    name = program
    self.logFile = logFile
    let path = program.contains("/") ? program : Self.path(of: program)
    id = try Self.spawn([path] + arguments, environment, output: logFile, terminal)
    Self.running.withLock { _ = $0.insert(id) }
  }

  /// The programs are built next to the test bundle; `TEST_PROGRAMS` names another folder, that of release programs say.
  public static func path(of program: String) -> String {
    if let folder = getenv("TEST_PROGRAMS") { return String(cString: folder) + "/" + program }
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/"
      + program
  }

  public func signal(_ number: Int32) { Glibc.kill(id, number) }

  /// Nil while it runs; otherwise its exit status, or 128 + signal.
  public var exitStatus: Int32? {
    status.withLock { status in
      if let status { return status }
      var raw: Int32 = 0
      guard waitpid(id, &raw, WNOHANG) == id else { return nil }
      let signal = raw & 0x7f
      status = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
      Self.running.withLock { _ = $0.remove(id) }
      return status
    }
  }

  /// SIGKILL. Returns when it is gone.
  public func kill() async {
    signal(SIGKILL)
    _ = try? await waitForExit()
  }

  /// SIGTERM, and the exit status that this leads to.
  public func stop(within limit: Duration = .seconds(12)) async throws -> Int32 {
    signal(SIGTERM)
    return try await waitForExit(within: limit)
  }

  public func waitForExit(within limit: Duration = .seconds(30)) async throws -> Int32 {
    try await poll(within: limit, "\(name) to end; its log: \(logFile).err") { self.exitStatus }
  }

  /// What it wrote to standard output.
  public var output: String { Self.read(logFile) }

  /// What it wrote to standard error.
  public var log: String { Self.read(logFile + ".err") }

  private static func read(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Spawning

  private static let running = Mutex<Set<pid_t>>([])
  private static let cleanUp: Void = {
    atexit { ServiceProcess.running.withLock { for id in $0 { Glibc.kill(id, SIGKILL) } } }
  }()

  /// POSIX_SPAWN_SETSID of <spawn.h>: a terminal that is opened then is the session's, and Ctrl-C reaches it.
  private static let newSession: Int16 = 0x80

  private static func spawn(
    _ command: [String], _ extra: [String: String], output: String, _ terminal: PseudoTerminal?
  ) throws -> pid_t {
    _ = cleanUp
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    if terminal != nil { posix_spawnattr_setflags(&attributes, newSession) }
    posix_spawn_file_actions_addopen(&actions, 0, terminal?.path ?? "/dev/null", terminal == nil ? O_RDONLY : O_RDWR, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_addopen(
      &actions, 2, terminal?.path ?? output + ".err", O_WRONLY | O_CREAT | O_APPEND, 0o644)
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = extra.map { strdup("\($0.key)=\($0.value)") }
    var inherited = environ
    while let entry = inherited.pointee {
      let name = String(cString: entry).prefix { $0 != "=" }
      if extra[String(name)] == nil { variables.append(strdup(entry)) }
      inherited += 1
    }
    variables.append(nil)
    defer { (arguments + variables).forEach { free($0) } }
    var id = pid_t()
    let status = posix_spawnp(&id, command[0], &actions, &attributes, &arguments, &variables)
    guard status == 0 else { throw Failure("cannot start \(command[0]): \(String(cString: strerror(status)))") }
    return id
  }
}

/// Asks until there is an answer.
///
/// - Parameter what: what is waited for, for the message when it does not come.
@discardableResult
public func poll<Value: Sendable>(
  within limit: Duration, every pause: Duration = .milliseconds(50), _ what: String,
  _ ask: () async throws -> Value?
) async throws -> Value {
  let end = ContinuousClock.now + limit
  while true {
    if let value = try await ask() { return value }
    guard ContinuousClock.now < end else { throw ServiceProcess.Failure("waited \(limit) for \(what)") }
    // How often it is asked again; that it has not come is decided by the limit alone.
    try await Task.sleep(for: pause)
  }
}
