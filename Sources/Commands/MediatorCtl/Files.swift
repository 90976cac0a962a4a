import Glibc

/// The first `limit` bytes of a file; of standard input for `-`.
func readFile(_ path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
  let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw unreadable(path) }
  defer { if descriptor != STDIN_FILENO { close(descriptor) } }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while bytes.count < limit {
    let count = read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
    if count == 0 { break }
    if count > 0 {
      bytes += chunk[..<count]
    } else if errno != EINTR {
      throw unreadable(path)
    }
  }
  return bytes
}

private func unreadable(_ path: String) -> CommandFailure {
  let reason = errno
  return CommandFailure(
    path == "-" ? "standard input cannot be read" : "the file '\(path)' cannot be read",
    why: String(cString: strerror(reason)), status: reason == ENOENT ? .notFound : .failure)
}
