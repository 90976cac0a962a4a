import Glibc

/// Runs PostgreSQL's own programs, as a user that they accept.
struct PostgresCommand: Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Where `initdb`, `pg_ctl` and `postgres` are.
  let binaries: String
  /// Put before every command: another user when this process is root's, which PostgreSQL refuses.
  let prefix: [String]
  let directory: String

  init(directory: String) throws {
    self.directory = directory
    binaries = try Self.findBinaries()
    prefix = geteuid() == 0 ? try Self.otherUser(directory) : []
  }

  /// The highest version that Debian's packages installed, else what is in PATH.
  private static func findBinaries() throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = entries(of: root).compactMap { Int($0) }.sorted(by: >)
    for version in versions where access("\(root)/\(version)/bin/postgres", X_OK) == 0 {
      return "\(root)/\(version)/bin"
    }
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    for folder in path.split(separator: ":") where access("\(folder)/initdb", X_OK) == 0 { return String(folder) }
    throw Failure(description: "PostgreSQL is not installed: apt-get install postgresql")
  }

  private static func entries(of path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
  }

  private struct User {
    let name: String
    let id: uid_t
    let group: gid_t
  }

  /// Looked up once: `getpwnam` answers in memory that the next call overwrites, from whatever thread.
  private static let user: User? = {
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) { return User(name: name, id: entry.pointee.pw_uid, group: entry.pointee.pw_gid) }
    }
    return nil
  }()

  private static func otherUser(_ directory: String) throws -> [String] {
    guard let user else {
      throw Failure(description: "running as root, and there is neither a user postgres nor nobody")
    }
    guard chown(directory, user.id, user.group) == 0 else {
      throw Failure(description: "cannot give \(directory) to \(user.name): \(String(cString: strerror(errno)))")
    }
    return ["setpriv", "--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups"]
  }

  /// Runs a program to its end. Blocks. Output goes to the file `output` in the directory.
  func run(_ program: String, _ arguments: [String]) throws {
    try finish(prefix + ["env", "-C", directory, "LC_ALL=C", "\(binaries)/\(program)"] + arguments, program)
  }

  /// Runs a program of the system to its end, as this process's own user. Blocks.
  func runTool(_ command: [String]) throws { try finish(command, command[0]) }

  private func finish(_ command: [String], _ name: String) throws {
    let log = "\(directory)/commands.log"
    let pid = try spawn(command, output: log)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else {
      throw Failure(
        description: "\(name) failed:\n\(readText(log) ?? "")\n\(readText("\(directory)/server.log") ?? "")")
    }
  }

  /// Starts a program; nothing is inherited but standard output and error, to a file.
  func spawn(_ command: [String], output: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
    arguments.append(nil)
    defer { arguments.forEach { free($0) } }
    var pid = pid_t()
    let status = posix_spawnp(&pid, command[0], &actions, nil, arguments, environ)
    guard status == 0 else {
      throw Failure(description: "cannot start \(command[0]): \(String(cString: strerror(status)))")
    }
    return pid
  }
}

/// The whole of a small text file; nil when it cannot be read.
func readText(_ path: String) -> String? {
  guard let file = fopen(path, "re") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { break }
    bytes.append(contentsOf: chunk[..<count])
  }
  return String(decoding: bytes, as: UTF8.self)
}
