import Glibc

/// A terminal without a screen: what a program writes to it can be read, and what is typed reaches the program.
///
/// Safe to send because the descriptor never changes, and the kernel orders reads and writes.
public final class PseudoTerminal: Sendable {
  /// Where the program's side of it is.
  let path: String
  private let descriptor: Int32

  // Linux, <asm-generic/ioctls.h>: glibc's own functions for this are not visible to Swift.
  private static let unlock: UInt = 0x4004_5431
  private static let number: UInt = 0x8004_5430

  public init() throws {
    descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    var (locked, number): (Int32, Int32) = (0, 0)
    guard descriptor >= 0, ioctl(descriptor, Self.unlock, &locked) == 0, ioctl(descriptor, Self.number, &number) == 0
    else { throw ServiceProcess.Failure("no pseudo-terminal: \(String(cString: strerror(errno)))") }
    path = "/dev/pts/\(number)"
  }

  deinit { close(descriptor) }

  /// Presses keys; `\u{3}` is Ctrl-C.
  public func type(_ keys: String) { _ = keys.withCString { write(descriptor, $0, strlen($0)) } }

  /// What has been written to it, or typed, since it was read the last time.
  public func read() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer.prefix(count)
    }
  }

  /// Reads on until the text is there.
  @discardableResult
  public func wait(for text: String, within limit: Duration = .seconds(30)) async throws -> String {
    var all = ""
    return try await poll(within: limit, "'\(text)' on the terminal") {
      all += self.read()
      return all.contains(text) ? all : nil
    }
  }
}
