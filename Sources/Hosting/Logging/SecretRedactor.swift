import Synchronization

/// Replaces known secrets in texts that people see.
public final class SecretRedactor: Sendable {
  private let secrets = Mutex<[[UInt8]]>([])

  public init(_ secrets: [String] = []) { add(secrets) }

  /// Texts of fewer than four bytes are left out: they would match anywhere.
  public func add(_ texts: [String]) {
    secrets.withLock { secrets in
      for bytes in texts.map({ Array($0.utf8) }) where bytes.count >= 4 && !secrets.contains(bytes) {
        secrets.append(bytes)
      }
      // Longest first: a secret that contains another one leaves no rest.
      secrets.sort { $0.count > $1.count }
    }
  }

  /// By bytes: a secret followed by a combining character is still found.
  public func redact(_ text: String) -> String {
    let secrets = secrets.withLock { $0 }
    guard !secrets.isEmpty else { return text }
    var bytes = Array(text.utf8)
    for secret in secrets { bytes.replace(secret, with: Array("***".utf8)) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
