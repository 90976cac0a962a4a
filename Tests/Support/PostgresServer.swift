import Glibc
import Postgres
import Synchronization
import Threads

/// A private PostgreSQL cluster on a free loopback port, in a temporary directory. It ends and is removed when this
/// process ends, in whatever way, or at `remove()`.
public actor PostgresServer {
  public enum StopMode: String, Sendable { case smart, fast, immediate }

  /// One for all tests of this process that do not stop or break it; without fsync.
  public static var shared: PostgresServer {
    get async throws { try await sharedStart.value }
  }
  private static let sharedStart = Task { try await PostgresServer.start(fsync: false) }

  public nonisolated let port: Int
  /// Also holds the Unix socket and `server.log`.
  public nonisolated let directory: String

  private let executor: ThreadExecutor
  private let command: PostgresCommand
  private nonisolated let password: String?
  private static let databases = Atomic<Int>(0)
  /// Open for writing as long as this process lives; the watchdog waits for its end.
  private var lifeline: Int32

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameter settings: lines for `postgresql.conf`, such as `["max_connections": "20"]`.
  /// - Parameter password: asked of everyone, and part of `databaseURL`; without one everyone is let in.
  /// - Parameter diskSize: such as `200m`: the data lies on a file system of its own, which is so large. Needs root.
  public static func start(
    fsync: Bool = true, settings: [String: String] = [:], password: String? = nil, diskSize: String? = nil
  ) async throws -> PostgresServer {
    let executor = ThreadExecutor(name: "test-postgres")
    return try await Setup(executor: executor, password: password, diskSize: diskSize).start(
      fsync: fsync, settings: settings)
  }

  fileprivate init(executor: ThreadExecutor, command: PostgresCommand, port: Int, password: String?, lifeline: Int32) {
    self.executor = executor
    self.command = command
    self.port = port
    self.password = password
    self.lifeline = lifeline
    directory = command.directory
  }

  // MARK: - Where

  /// Of an existing database; `through` names another port, such as a proxy's.
  public nonisolated func databaseURL(_ name: String = "postgres", through port: Int? = nil) -> String {
    "postgres://postgres\(password.map { ":\($0)" } ?? "")@127.0.0.1:\(port ?? self.port)/\(name)"
  }

  /// Creates a database and returns its URL.
  public nonisolated func databaseURL(newDatabase prefix: String) async throws -> String {
    databaseURL(try await newDatabase(prefix))
  }

  /// Creates a database, named after `prefix`, and returns its name.
  public nonisolated func newDatabase(_ prefix: String = "test") async throws -> String {
    let name = "\(prefix)_\(Self.databases.wrappingAdd(1, ordering: .relaxed).newValue)"
    let connection = try await connect()
    // Other tests may be connecting to the template at this very moment, which CREATE DATABASE refuses.
    try await connection.execute(script: "CREATE DATABASE \"\(name)\" TEMPLATE template0")
    await connection.close()
    return name
  }

  public nonisolated func connect(_ database: String = "postgres") async throws -> PostgresConnection {
    try await PostgresConnection.connect(configuration(database))
  }

  /// With time enough for a machine that is busy with other tests.
  public nonisolated func configuration(
    _ database: String = "postgres", through port: Int? = nil
  ) throws -> PostgresConfiguration {
    var configuration = try PostgresConfiguration(databaseURL(database, through: port))
    configuration.connectTimeout = .seconds(60)
    configuration.statementTimeout = .seconds(120)
    configuration.cancelGrace = .seconds(20)
    return configuration
  }

  // MARK: - Breaking and mending

  /// Starts it again after `stop` or `kill`.
  public func start() throws { try Self.launch(command) }

  public func stop(mode: StopMode = .fast) throws {
    try command.run("pg_ctl", ["stop", "-D", "\(directory)/data", "-w", "-m", mode.rawValue])
  }

  public func restart(mode: StopMode = .fast) throws {
    try stop(mode: mode)
    try start()
  }

  /// SIGKILL to the postmaster. Its children notice by themselves and end; returns when all have.
  public func kill() {
    guard let pid = postmaster else { return }
    let all = [pid] + children(of: pid)
    Glibc.kill(pid, SIGKILL)
    // They are not our children, so there is nothing to wait on; this is how often they are looked at.
    while all.contains(where: Self.isRunning) { usleep(5000) }
    // Where nobody buries the process, its id stays taken, and the next start would take it for running.
    unlink("\(directory)/data/postmaster.pid")
    unlink("\(directory)/.s.PGSQL.\(port).lock")
  }

  /// SIGSTOP to the postmaster and, if wanted, to every session: connections stay up, nothing answers.
  public func suspend(sessions: Bool = true) { signal(SIGSTOP, sessions: sessions) }

  public func resume() { signal(SIGCONT, sessions: true) }

  /// Copies the data directory, as a snapshot of the volume would; only while it is stopped.
  public func takeSnapshot() throws {
    try command.runTool(["rm", "-rf", "\(directory)/snapshot"])
    try command.runTool(["cp", "-a", "\(directory)/data", "\(directory)/snapshot"])
  }

  /// Puts the snapshot in the data directory's place; only while it is stopped.
  public func restoreSnapshot() throws {
    try command.runTool(["rm", "-rf", "\(directory)/data"])
    try command.runTool(["cp", "-a", "\(directory)/snapshot", "\(directory)/data"])
  }

  /// Whether there is a postmaster.
  public var isRunning: Bool { postmaster.map { Self.isRunning($0) } ?? false }

  /// Ends the cluster and deletes its directory, without waiting for it: the watchdog does both.
  public func remove() {
    if lifeline >= 0 { close(lifeline) }
    lifeline = -1
  }

  private func signal(_ signal: Int32, sessions: Bool) {
    guard let pid = postmaster else { return }
    Glibc.kill(pid, signal)
    guard sessions else { return }
    for child in children(of: pid) { Glibc.kill(child, signal) }
  }

  private func children(of pid: pid_t) -> [pid_t] {
    (readText("/proc/\(pid)/task/\(pid)/children") ?? "").split(separator: " ").compactMap { pid_t($0) }
  }

  private var postmaster: pid_t? {
    readText("\(directory)/data/postmaster.pid")?.split(separator: "\n").first.flatMap { pid_t($0) }
  }

  private static func isRunning(_ pid: pid_t) -> Bool {
    guard let status = readText("/proc/\(pid)/stat"), let end = status.lastIndex(of: ")") else { return false }
    // A zombie has ended; who should bury it may never do so.
    return !status[end...].hasPrefix(") Z")
  }

  fileprivate static func launch(_ command: PostgresCommand) throws {
    try command.run(
      "pg_ctl",
      ["start", "-D", "\(command.directory)/data", "-w", "-t", "60", "-l", "\(command.directory)/server.log"])
  }
}

/// Makes the cluster, on the thread that the server then keeps.
private actor Setup {
  private let executor: ThreadExecutor
  private let password: String?
  private let diskSize: String?

  init(executor: ThreadExecutor, password: String?, diskSize: String?) {
    self.executor = executor
    self.password = password
    self.diskSize = diskSize
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func start(fsync: Bool, settings: [String: String]) throws -> PostgresServer {
    let directory = try makeDirectory()
    let command = try PostgresCommand(directory: directory)
    let lifeline = try startWatchdog(command)
    if let diskSize {
      try command.runTool(["mkdir", "\(directory)/data"])
      try command.runTool(["mount", "-t", "tmpfs", "-o", "size=\(diskSize)", "tmpfs", "\(directory)/data"])
      try command.runTool(["chown", "--reference=\(directory)", "\(directory)/data"])
      try command.runTool(["chmod", "700", "\(directory)/data"])
    }
    try initialise(command)
    for attempt in 1... {
      let port = try freePort()
      try configure(directory, port: port, fsync: fsync, settings)
      do {
        try PostgresServer.launch(command)
        return PostgresServer(executor: executor, command: command, port: port, password: password, lifeline: lifeline)
      } catch {
        // Someone else took the port in between.
        if attempt == 5 { throw error }
      }
    }
    throw PostgresCommand.Failure(description: "unreachable")
  }

  private func initialise(_ command: PostgresCommand) throws {
    var options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    if let password {
      let file = "\(command.directory)/password"
      try write(password + "\n", to: file)
      options += ["-A", "scram-sha-256", "--pwfile=\(file)"]
    } else {
      options += ["-A", "trust"]
    }
    try command.run("initdb", ["-D", "\(command.directory)/data"] + options)
  }

  private func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "we") else {
      throw PostgresCommand.Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    fputs(text, file)
  }

  private func makeDirectory() throws -> String {
    var template = Array("/tmp/mediator-postgres-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw PostgresCommand.Failure(description: "mkdtemp: \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func configure(_ directory: String, port: Int, fsync: Bool, _ settings: [String: String]) throws {
    var lines = [
      "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(directory)'",
      "fsync = \(fsync ? "on" : "off")", "max_connections = 100", "shared_buffers = 64MB",
    ]
    lines += settings.map { "\($0.key) = '\($0.value)'" }
    try write(lines.joined(separator: "\n") + "\n", to: "\(directory)/data/postgresql.auto.conf")
  }

  private func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 ? getsockname(listener, address, &size) : -1
      }
    }
    guard status == 0 else {
      throw PostgresCommand.Failure(description: "no free port: \(String(cString: strerror(errno)))")
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// A shell that waits for the end of this process, however it ends, and then removes the cluster. A FIFO, because it
  /// can be opened with O_CLOEXEC at once: no child started meanwhile by another thread can keep it open.
  private func startWatchdog(_ command: PostgresCommand) throws -> Int32 {
    let fifo = "\(command.directory)/lifeline"
    guard mkfifo(fifo, 0o600) == 0 else {
      throw PostgresCommand.Failure(description: "mkfifo: \(String(cString: strerror(errno)))")
    }
    let lifeline = open(fifo, O_RDWR | O_CLOEXEC)
    let script = """
      trap '' INT TERM HUP
      cat "$1/lifeline" >/dev/null
      if read -r pid <"$1/data/postmaster.pid"; then
        kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
        kill -QUIT "$pid"
        n=0
        while [ -e "$1/data/postmaster.pid" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
      fi
      umount "$1/data" 2>/dev/null
      rm -rf "$1"
      """
    _ = try command.spawn(["setsid", "sh", "-c", script, "sh", command.directory], output: "/dev/null")
    return lifeline
  }
}
