import Values

/// Why a call has no output, in the standard's terms (DSL 1.0.3, "Standard Error Types").
public struct HTTPCallError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The last part of the error's type.
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// `with` cannot be acted on as it is.
    case validation
    /// What `with` refers to (an OpenAPI document, an authentication scheme) cannot be used.
    case configuration
    /// No token was given out.
    case authentication
    /// The address is not one that this program may call.
    case authorization
    /// The other side cannot be reached, or answered with a failure.
    case communication
    case timeout
  }

  public let code: Code
  /// As in HTTP; of an answer, its own.
  public let status: Int
  public let title: String
  /// For people; holds no secret.
  public let detail: String
  /// The same call can succeed later without any change.
  public let retryable: Bool
  /// How long the other side wants to be left alone.
  public let retryAfter: Duration?

  public init(
    _ code: Code, _ status: Int, title: String, _ detail: String, retryable: Bool = false, retryAfter: Duration? = nil
  ) {
    self.code = code
    self.status = status
    self.title = title
    self.detail = detail
    self.retryable = retryable
    self.retryAfter = retryAfter
  }

  public var problem: ProblemDetails {
    ProblemDetails(
      type: "https://serverlessworkflow.io/spec/1.0.0/errors/\(code.rawValue)", status: status, title: title,
      detail: detail)
  }

  public var description: String { "\(code.rawValue) \(status): \(detail)" }
}

extension HTTPCallError {
  static func invalid(_ detail: String) -> HTTPCallError {
    HTTPCallError(.validation, 400, title: "The call is not valid", detail)
  }

  static func misconfigured(_ detail: String) -> HTTPCallError {
    HTTPCallError(.configuration, 400, title: "The call cannot be made", detail)
  }

  static func unauthenticated(_ detail: String) -> HTTPCallError {
    HTTPCallError(.authentication, 401, title: "Authentication failed", detail)
  }

  static func forbidden(_ detail: String) -> HTTPCallError {
    HTTPCallError(.authorization, 403, title: "The address may not be called", detail)
  }

  static func timedOut(_ detail: String) -> HTTPCallError {
    HTTPCallError(.timeout, 408, title: "The time is over", detail, retryable: true)
  }

  static func unreachable(_ detail: String) -> HTTPCallError {
    HTTPCallError(.communication, 503, title: "The server cannot be reached", detail, retryable: true)
  }

  /// There is an answer, and nothing can be done with it.
  static func unusable(_ detail: String) -> HTTPCallError {
    HTTPCallError(.communication, 502, title: "The answer cannot be used", detail)
  }
}

/// How a call ended.
public enum CallOutcome: Sendable, Hashable {
  /// The task's raw output.
  case completed(JSON)
  case failed(ProblemDetails, retryable: Bool, retryAfter: Duration?)

  init(_ error: HTTPCallError) {
    self = .failed(error.problem, retryable: error.retryable, retryAfter: error.retryAfter)
  }
}
