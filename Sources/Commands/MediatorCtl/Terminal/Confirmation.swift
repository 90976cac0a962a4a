import Glibc
import Hosting

/// Makes sure that somebody wants it: asks on the terminal.
///
/// - Parameter isWanted: whether somebody has said so already, with `--yes`.
/// - Throws: when the answer is anything but yes, and when there is nobody who could be asked.
func askBefore(_ question: String, unless isWanted: Bool) throws(CommandFailure) {
  guard !isWanted else { return }
  guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
    throw CommandFailure(
      "not without a yes: \(question)", next: "--dry-run tells what would happen, --yes says yes")
  }
  writeToStandardError("\(question) [y/N]")
  guard let answer = readLine()?.lowercased(), ["y", "yes"].contains(answer) else {
    throw CommandFailure("nothing was done", next: "--yes does not ask, --dry-run tells what would be done")
  }
}

/// Who gives an order, as histories name him.
func currentActor() -> String {
  var host = [CChar](repeating: 0, count: 256)
  gethostname(&host, host.count - 1)
  let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
  return "\(user)@\(String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))"
}
