/// What a text may hold at most.
public struct JSONLimits: Sendable, Hashable {
  /// How deep arrays and objects may nest. At most 1,000 is honoured: values are walked recursively, and a thread's
  /// stack ends.
  public var maxDepth: Int
  public var maxBytes: Int

  public init(maxDepth: Int = 128, maxBytes: Int = 16 << 20) {
    self.maxDepth = maxDepth
    self.maxBytes = maxBytes
  }

  public static let `default` = JSONLimits()

  static let deepest = 1_000
  static let longestNumber = 1_000
}

/// Why a text is refused, and at which byte.
public struct JSONError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    case syntax
    /// Not UTF-8.
    case encoding
    /// `\ud800` without its other half: no character, and nothing that UTF-8 can carry.
    case loneSurrogate
    case duplicateKey
    case tooDeep
    /// The whole text, or one number, is longer than allowed.
    case tooLarge
  }

  public let code: Code
  /// Bytes before the place of the mistake.
  public let offset: Int
  public let message: String

  public var description: String { "\(message) (byte \(offset))" }
}
