import CCurl
import Glibc

/// Decides about the addresses of one transfer, and remembers what it said.
struct AddressGate {
  private let host: String
  private let admits: (@Sendable (HTTPPeer) -> Bool)?
  private var admitted = 0
  private var refused = 0

  init(host: String, admits: (@Sendable (HTTPPeer) -> Bool)?) {
    self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    self.admits = admits
  }

  var isOpen: Bool { admits == nil }
  /// Had another address been admitted, what came of that one would be the transfer's end.
  var hasOnlyRefused: Bool { refused > 0 && admitted == 0 }

  mutating func admit(_ address: [UInt8], port: Int) -> Bool {
    guard let admits else { return true }
    let isAdmitted = admits(HTTPPeer(host: host, address: address, port: port))
    if isAdmitted { admitted += 1 } else { refused += 1 }
    return isAdmitted
  }

  /// What cannot be told apart is not let through.
  mutating func refuse() { refused += 1 }
}

extension Transfer {
  /// A socket is asked for per address tried; a kept connection asks for none, so there is a second question before
  /// each request (CURLOPT_OPENSOCKETFUNCTION, CURLOPT_PREREQFUNCTION).
  func setGate() {
    guard !gate.isOpen else { return }
    let this = Unmanaged.passUnretained(self).toOpaque()
    _ = ccurl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this)
    _ = ccurl_set_socket_function(easy) { user, _, address in
      guard let transfer = Transfer.with(user), let address else { return -1 }
      return transfer.openSocket(address)
    }
    _ = ccurl_set_pointer(easy, CURLOPT_PREREQDATA, this)
    _ = ccurl_set_before_request_function(easy) { user, peer, _, port, _ in
      guard let transfer = Transfer.with(user), let peer, transfer.mayUse(String(cString: peer), port: Int(port))
      else { return Int32(CURL_PREREQFUNC_ABORT) }
      return Int32(CURL_PREREQFUNC_OK)
    }
  }

  /// - Returns: a descriptor, or -1, which is CURL_SOCKET_BAD.
  private func openSocket(_ target: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
    guard let (address, port) = numbers(of: target), gate.admit(address, port: port) else { return -1 }
    let kind = target.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
    return socket(target.pointee.family, kind, target.pointee.`protocol`)
  }

  /// The declared member is shorter than an IPv6 address; libcurl sees to the room behind it, and says how much.
  private func numbers(of target: UnsafeMutablePointer<curl_sockaddr>) -> (address: [UInt8], port: Int)? {
    guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return nil }
    let start = UnsafeRawPointer(target) + offset
    switch target.pointee.family {
    case AF_INET where Int(target.pointee.addrlen) >= MemoryLayout<sockaddr_in>.size:
      let address = start.loadUnaligned(as: sockaddr_in.self)
      return (withUnsafeBytes(of: address.sin_addr) { Array($0) }, Int(UInt16(bigEndian: address.sin_port)))
    case AF_INET6 where Int(target.pointee.addrlen) >= MemoryLayout<sockaddr_in6>.size:
      let address = start.loadUnaligned(as: sockaddr_in6.self)
      return (withUnsafeBytes(of: address.sin6_addr) { Array($0) }, Int(UInt16(bigEndian: address.sin6_port)))
    default:
      gate.refuse()
      return nil
    }
  }

  private func mayUse(_ text: String, port: Int) -> Bool {
    // A link-local address comes with its zone.
    let text = String(text.prefix { $0 != "%" })
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return gate.admit(Array(bytes.prefix(4)), port: port) }
    if inet_pton(AF_INET6, text, &bytes) == 1 { return gate.admit(bytes, port: port) }
    gate.refuse()
    return false
  }
}
