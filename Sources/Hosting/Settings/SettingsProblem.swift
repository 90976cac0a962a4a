/// One mistake in the configuration.
public struct SettingsProblem: Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable {
    case unreadable, syntax, unknownKey, wrongType, invalidValue, missing, conflict
  }

  public let code: Code
  /// `mediator.yaml:3:5`, `environment variable MEDIATOR_HEALTH_PORT` or `option health.port`.
  public let place: String
  public let message: String

  public init(_ code: Code, at place: String, _ message: String) {
    self.code = code
    self.place = place
    self.message = message
  }

  public var description: String { "\(place): \(message)" }
}
