import HTTP

/// One entry of the allow-list: `api.example.com`, `*.example.com`, `10.0.0.0/8`, `[fd00::/8]`, `*`; any of them with
/// `:port`.
public struct HostPattern: Sendable, Hashable {
  enum Target: Sendable, Hashable {
    /// Whatever is public.
    case all
    case name(String)
    /// `.example.com`
    case suffix(String)
    case block(IPBlock)
  }

  let target: Target
  /// nil: every port.
  let port: Int?

  /// nil where the text is none of these.
  public init?(_ text: String) {
    guard let (host, port) = Self.split(text) else { return nil }
    self.port = port
    if host == "*" {
      target = .all
    } else if let block = IPBlock(host) {
      target = .block(block)
    } else {
      let isSuffix = host.hasPrefix("*.")
      let name = (isSuffix ? host.dropFirst(2) : host[...]).lowercased()
      guard !name.isEmpty, !name.hasPrefix("."), name.utf8.allSatisfy({ Self.isNameByte($0) }) else { return nil }
      target = isSuffix ? .suffix("." + withoutFinalDot(name)) : .name(withoutFinalDot(name))
    }
  }

  /// An IPv6 address with a port stands in brackets (RFC 3986 section 3.2.2); without one it need not.
  private static func split(_ text: String) -> (host: String, port: Int?)? {
    var host = text[...]
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      host = text[..<end].dropFirst()
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = text[colon...].dropFirst()
    }
    guard let port else { return (String(host), nil) }
    guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port), 1...65_535 ~= number else {
      return nil
    }
    return (String(host), number)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    // Beyond ASCII are internationalised names.
    byte >= 0x80 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

/// Which addresses may be called.
///
/// Without patterns: every public one. With patterns: those that a pattern names. What is not public (this machine, its
/// network, the cloud's metadata, multicast, …) has to be named by its address or by its exact name; `*` and `*.…`
/// do not do, for whoever runs a name server could lead them anywhere.
public struct AddressRules: Sendable, Hashable {
  let patterns: [HostPattern]

  public init(_ patterns: [HostPattern] = []) { self.patterns = patterns }

  /// Whether there is any use in looking the name up.
  func mayAdmit(_ url: HTTPURL) -> Bool {
    if let address = IPAddress.bytes(of: url.host) {
      return admits(HTTPPeer(host: url.host, address: address, port: url.port))
    }
    return patterns.isEmpty
      || patterns.contains { pattern in
        guard pattern.port == nil || pattern.port == url.port else { return false }
        return if case .block = pattern.target { true } else { pattern.names(withoutFinalDot(url.host)) }
      }
  }

  func admits(_ peer: HTTPPeer) -> Bool {
    let address = IPAddress(bytes: peer.address)
    let host = withoutFinalDot(peer.host.lowercased())
    let matching = patterns.filter { pattern in
      guard pattern.port == nil || pattern.port == peer.port else { return false }
      return if case .block(let block) = pattern.target { block.contains(address) } else { pattern.names(host) }
    }
    return address.isPublic ? patterns.isEmpty || !matching.isEmpty : matching.contains { $0.isExact }
  }
}

extension HostPattern {
  func names(_ host: String) -> Bool {
    switch target {
    case .all: true
    case .name(let name): host == name
    case .suffix(let suffix): host.hasSuffix(suffix)
    case .block: false
    }
  }

  var isExact: Bool {
    switch target {
    case .all, .suffix: false
    case .name, .block: true
    }
  }
}

/// A name with a dot at its end is the same name (RFC 1034 section 3.1).
private func withoutFinalDot(_ name: String) -> String { name.hasSuffix(".") ? String(name.dropLast()) : name }
