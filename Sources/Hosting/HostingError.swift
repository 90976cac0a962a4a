/// Why a service cannot start.
public struct HostingError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable {
    /// The configuration has mistakes: `problems` lists them all.
    case settings
    case addressInUse
    case cannotListen
  }

  public let code: Code
  public let message: String
  public let problems: [SettingsProblem]

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
    problems = []
  }

  /// One line per problem.
  public init(problems: [SettingsProblem]) {
    code = .settings
    message = problems.map(\.description).joined(separator: "\n")
    self.problems = problems
  }

  public var description: String { message }
}
