import Glibc
import Synchronization

/// A child process, with its output in `server.log` of the directory.
final class BrokerProcess: Sendable {
  let id: pid_t

  init(_ command: [String], directory: String) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "\(directory)/server.log", O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    id = try Self.spawn(command, &actions)
  }

  static func spawn(_ command: [String], _ actions: inout posix_spawn_file_actions_t) throws -> pid_t {
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
    arguments.append(nil)
    defer { arguments.forEach { free($0) } }
    var id = pid_t()
    let status = posix_spawnp(&id, command[0], &actions, nil, arguments, environ)
    guard status == 0 else {
      throw BrokerServer.Failure(description: "cannot start \(command[0]): \(String(cString: strerror(status)))")
    }
    return id
  }

  func signal(_ signal: Int32) { kill(id, signal) }

  var hasEnded: Bool { waitpid(id, nil, WNOHANG) != 0 }

  /// Returns when the process has ended. Blocks, for five seconds at most.
  func end(_ signal: Int32) {
    kill(id, SIGCONT)
    kill(id, signal)
    for _ in 0..<500 {
      if hasEnded { return }
      // `waitpid` knows no time limit: it is asked again.
      usleep(10_000)
    }
    kill(id, SIGKILL)
    waitpid(id, nil, 0)
  }

  static func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 ? getsockname(listener, address, &size) : -1
      }
    }
    guard status == 0 else {
      throw BrokerServer.Failure(description: "no free port: \(String(cString: strerror(errno)))")
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  static func acceptsConnections(_ port: Int) -> Bool {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    var address = loopback(port: port)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        connect(client, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}

/// A shell that waits for the end of this process, in whatever way, then kills what it watches and deletes the
/// directory.
final class BrokerWatchdog: Sendable {
  private let directory: String
  /// Open for writing as long as this process lives; -1 once it was released.
  private let lifeline: Mutex<Int32>

  private static let script = """
    read -r _
    pid=$(cat "$1/pid" 2>/dev/null) && grep -q -- "$1" "/proc/$pid/cmdline" 2>/dev/null && kill -9 "$pid"
    sleep 0.1
    rm -rf "$1"
    """

  init(directory: String) throws {
    self.directory = directory
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw BrokerServer.Failure(description: "socketpair: \(String(cString: strerror(errno)))")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // A session of its own, so that Ctrl-C in the terminal does not reach it.
    _ = try BrokerProcess.spawn(["setsid", "/bin/sh", "-c", Self.script, "watchdog", directory], &actions)
    close(ends[0])
    lifeline = Mutex(ends[1])
  }

  deinit { release() }

  func watch(_ process: BrokerProcess) throws {
    guard let file = fopen("\(directory)/pid", "we") else {
      throw BrokerServer.Failure(description: "cannot write \(directory)/pid")
    }
    defer { fclose(file) }
    fputs("\(process.id)\n", file)
  }

  func release() {
    lifeline.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
  }
}

/// A port of loopback that nothing listens on at this moment.
public func freePort() throws -> Int { try BrokerProcess.freePort() }
