import Glibc

/// An address of IPv4 or IPv6. An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address: it
/// leads to the same place.
struct IPAddress: Sendable, Hashable {
  /// 4 or 16, in network order.
  let bytes: [UInt8]

  init(bytes: [UInt8]) {
    let isMapped = bytes.count == 16 && bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
    self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
  }

  init?(_ text: some StringProtocol) {
    guard let bytes = Self.bytes(of: text) else { return nil }
    self.init(bytes: bytes)
  }

  /// As they are written, mapped or not.
  static func bytes(of text: some StringProtocol) -> [UInt8]? {
    let text = String(text)
    guard !text.utf8.contains(0) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
  }

  /// Reachable from everywhere, and neither this machine nor its neighbours: what IANA's registries of special-purpose
  /// addresses (RFC 6890) do not list, and no multicast.
  var isPublic: Bool {
    if bytes.count == 4 { return !Self.special4.contains { $0.contains(self) } }
    return Self.global6.contains(self) && !Self.special6.contains { $0.contains(self) }
  }

  private static let special4 = blocks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4")
  /// All that has been given out as global unicast (RFC 4291 section 2.4). Loopback, link-local and unique local
  /// addresses, multicast, and those that hold an IPv4 address for a translator (RFC 6052) lie outside.
  private static let global6 = IPBlock(bytes: [0x20] + [UInt8](repeating: 0, count: 15), length: 3)
  /// Protocol assignments with Teredo, documentation, 6to4, which again leads to an IPv4 address.
  private static let special6 = blocks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

  private static func blocks(_ texts: String...) -> [IPBlock] { texts.compactMap { IPBlock($0) } }
}

/// Addresses with a common beginning (RFC 4632 section 3.1).
struct IPBlock: Sendable, Hashable {
  private let bytes: [UInt8]
  private let length: Int

  init(bytes: [UInt8], length: Int) {
    self.bytes = bytes
    self.length = length
  }

  /// `10.0.0.0/8`, `fd00::/8`, or one address. Bits beyond the length do not count.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first, let written = IPAddress.bytes(of: first) else { return nil }
    var length = written.count * 8
    if parts.count == 2 {
      guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(parts[1]), number <= length
      else { return nil }
      length = number
    }
    let address = IPAddress(bytes: written)
    // Of a mapped address, the 96 bits in front are gone.
    if address.bytes.count < written.count {
      guard length >= 96 else { return nil }
      length -= 96
    }
    self.init(bytes: address.bytes, length: length)
  }

  func contains(_ address: IPAddress) -> Bool {
    guard address.bytes.count == bytes.count else { return false }
    let (whole, rest) = (length / 8, length % 8)
    guard address.bytes.prefix(whole) == bytes.prefix(whole) else { return false }
    guard rest > 0 else { return true }
    return (address.bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0
  }
}
