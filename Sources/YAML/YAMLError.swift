/// Why a file was refused: everything that was found wrong with it, in the order of the file.
public struct YAMLError: Error, Hashable {
  public let problems: [YAMLProblem]
}

public struct YAMLProblem: Sendable, Hashable {
  public enum Code: String, Sendable {
    case encoding
    case syntax
    case empty
    case tooLarge
    case tooDeep
    /// An explicit tag (`!`, `!!str`, `!include`).
    case tag
    case duplicateKey
    /// A key that is no text: a list, a mapping, nothing.
    case key
    case mergeKey
    /// An alias to nothing, to what contains it, or more of them than the budget allows.
    case alias
    case severalDocuments
    case directive
    /// A number that JSON has no way to write.
    case number
  }

  public let code: Code
  public let position: YAMLPosition
  public let message: String
  public let hint: String?
}

/// What a file may cost. The defaults are far above any file written by hand.
public struct YAMLLimits: Sendable {
  public var maxBytes = 1 << 20
  public var maxDepth = 64
  /// How many values all aliases of a file together may repeat.
  public var maxAliasedNodes = 10_000

  public init() {}
}
