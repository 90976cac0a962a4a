import Values
import Workflow

/// Which HTTP requests are meant: a method, or `*`, and a URI in which `*` stands for any characters. A query counts only
/// when the pattern has one.
public struct HTTPPattern: Sendable, Hashable {
  public let method: String
  public let uri: String

  public init?(_ text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2, parts[1].contains("://") || parts[1].hasPrefix("*") else { return nil }
    method = parts[0].uppercased()
    uri = String(parts[1])
  }

  public func matches(method: String, uri: String) -> Bool {
    guard self.method == "*" || self.method == method.uppercased() else { return false }
    let subject = self.uri.contains("?") ? uri : String(uri.prefix { $0 != "?" })
    return Self.glob(self.uri, subject) || Self.glob(self.uri + "/", subject)
  }

  private static func glob(_ pattern: String, _ text: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return pattern == text }
    guard let first = parts.first, let last = parts.last, text.hasPrefix(first) else { return false }
    var rest = text.dropFirst(first.count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = rest.firstRange(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return rest.count >= last.count && rest.hasSuffix(last)
  }
}

/// What an HTTP server does.
public enum HTTPAnswer: Sendable {
  /// Headers and body are evaluated on the request: `{method, uri, headers, body}`.
  case response(status: Int, headers: Template?, body: Template?)
  /// There is no connection.
  case unreachable
  /// No answer comes within the time that the request has.
  case silent
}
