import Glibc
import Values

/// How the output is to look, decided once.
struct Style: Sendable {
  /// Times get a relative form, and long cells are cut.
  var isTerminal: Bool
  /// Columns; nil: no limit.
  var width: Int?
  var usesColour: Bool
  /// What relative times relate to.
  var now: Timestamp

  /// For files and pipes: everything in full, nothing relative.
  static func plain(now: Timestamp) -> Style { Style(isTerminal: false, width: nil, usesColour: false, now: now) }

  /// Of standard output.
  static func current() -> Style {
    let now = Timestamp.now()
    guard isatty(STDOUT_FILENO) == 1 else { return .plain(now: now) }
    // https://no-color.org: any value but an empty one.
    let isColourless = variable("NO_COLOR") != nil || variable("TERM") == "dumb"
    return Style(isTerminal: true, width: terminalWidth(), usesColour: !isColourless, now: now)
  }

  private static func terminalWidth() -> Int? {
    var size = winsize()
    if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return variable("COLUMNS").flatMap { Int($0) }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  func painted(_ text: String, _ colour: Colour?) -> String {
    guard usesColour, let colour, !text.isEmpty else { return text }
    return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
  }
}

/// SGR parameters (ECMA-48, 8.3.117).
enum Colour: String, Sendable {
  case bold = "1"
  case faint = "2"
  case red = "31"
  case green = "32"
  case yellow = "33"
  case blue = "34"
}

/// Writes a text to standard output, and its line's end.
func writeOutput(_ text: String) throws(CommandFailure) {
  var bytes = Array(text.utf8)
  if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
  try writeBytes(bytes)
}

/// Writes bytes to standard output as they are.
func writeBytes(_ bytes: [UInt8]) throws(CommandFailure) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    if written >= 0 {
      rest = rest.dropFirst(written)
    } else if errno != EINTR {
      throw CommandFailure("the output cannot be written", why: String(cString: strerror(errno)))
    }
  }
}
