import Glibc

/// Writes a line in one piece, so that lines of several writers do not mix.
@Sendable func writeToStandardOutput(_ line: String) {
  var bytes = Array((line + "\n").utf8)[...]
  while !bytes.isEmpty {
    let written = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    if written < 0 && errno == EINTR { continue }
    // Nobody reads it: there is nothing better to do with it.
    guard written > 0 else { return }
    bytes = bytes.dropFirst(written)
  }
}
