import Glibc
import Threads

/// A bare TCP listener on a free loopback port, for what no HTTP server does.
final class ListeningSocket: Sendable {
  struct Failure: Error { let errno: Int32 }

  let port: Int
  private let descriptor: Int32
  var url: String { "http://127.0.0.1:\(port)/" }

  init(backlog: Int32) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(descriptor, address, length) == 0, listen(descriptor, backlog) == 0 else { return errno }
        return getsockname(descriptor, address, &length) == 0 ? 0 : errno
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    guard status == 0 else { throw Failure(errno: status) }
  }

  deinit { close(descriptor) }

  /// Accepts one connection, reads once, writes `text` and closes.
  func answerOnce(_ text: String) {
    startThread(named: "answer-once") { [self] in
      let connection = accept(descriptor, nil, nil)
      var buffer = [UInt8](repeating: 0, count: 4096)
      _ = recv(connection, &buffer, buffer.count, 0)
      _ = send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL))
      close(connection)
    }
  }

  /// - Returns: a descriptor to close.
  func connectWithoutWaiting() -> Int32 {
    let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    var address = Self.loopback(port: UInt16(port))
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return connection
  }

  private static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    return address
  }
}
