import Values

/// Why a record is not what the wire contract says.
public struct WireError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// No value at all.
    case tombstone
    case tooLarge
    case notUTF8
    case notJSON
    case tooDeep
    case loneSurrogate
    case duplicateKey
    /// An attribute that is required is not there.
    case missingAttribute
    /// An attribute's name or value breaks the rules for it, or it is given twice.
    case invalidAttribute
    /// Legal, but nothing that is understood here: another version of CloudEvents, another format, an unknown kind.
    case unsupported
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code.rawValue): \(message)" }

  init(_ error: JSONError) {
    code =
      switch error.code {
      case .syntax: .notJSON
      case .encoding: .notUTF8
      case .loneSurrogate: .loneSurrogate
      case .duplicateKey: .duplicateKey
      case .tooDeep: .tooDeep
      case .tooLarge: .tooLarge
      }
    message = "the value cannot be read: \(error)"
  }
}

/// What a record may hold at most.
public struct DecodeLimits: Sendable, Hashable {
  /// Key, headers and value together. 1 MiB is what a Kafka broker takes unless it is told otherwise.
  public var maxBytes: Int
  /// How deep arrays and objects may nest.
  public var maxDepth: Int

  public init(maxBytes: Int = 1 << 20, maxDepth: Int = 128) {
    self.maxBytes = maxBytes
    self.maxDepth = maxDepth
  }

  var json: JSONLimits { JSONLimits(maxDepth: maxDepth, maxBytes: maxBytes) }
}
