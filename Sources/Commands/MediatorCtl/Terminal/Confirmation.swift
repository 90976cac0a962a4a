import Glibc
import Hosting

/// Whether there is somebody who can be asked.
var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

/// Asks a question on the terminal.
///
/// - Throws: when the answer is anything but yes.
func ask(_ question: String) throws(CommandFailure) {
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
