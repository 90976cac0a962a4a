import Values
import Wire

/// The failures that processors reply with; types as in the standard ("Errors", DSL 1.0.3).
extension TaskFailure {
  private static let base = "https://serverlessworkflow.io/spec/1.0.0/errors/"

  /// The event asks for something that cannot be done, now or later.
  static func invalid(_ status: Int = 422, _ detail: String) -> TaskFailure {
    let problem = ProblemDetails(
      type: base + "validation", status: status, title: title(status), detail: detail)
    return TaskFailure(problem: problem, retryable: false, retryAfter: nil)
  }

  /// Something outside does not work at the moment.
  static func unavailable(_ status: Int = 503, _ detail: String, retryAfter: Duration? = nil) -> TaskFailure {
    let problem = ProblemDetails(
      type: base + "communication", status: status, title: title(status), detail: detail)
    return TaskFailure(problem: problem, retryable: true, retryAfter: retryAfter)
  }

  /// Something outside has refused, and will again.
  static func refused(_ status: Int, _ detail: String) -> TaskFailure {
    let problem = ProblemDetails(
      type: base + "communication", status: status, title: title(status), detail: detail)
    return TaskFailure(problem: problem, retryable: false, retryAfter: nil)
  }

  /// What the event refers to cannot be used here, until somebody configures something.
  static func notConfigured(_ detail: String) -> TaskFailure {
    let problem = ProblemDetails(
      type: base + "configuration", status: 400, title: "The call cannot be made", detail: detail)
    return TaskFailure(problem: problem, retryable: false, retryAfter: nil)
  }

  private static func title(_ status: Int) -> String {
    switch status {
    case 400: "Malformed request"
    case 403: "Forbidden"
    case 404: "Not found"
    case 413: "Too large"
    case 422: "Invalid data"
    case 429: "Too many requests"
    case 502, 503, 504: "Unavailable"
    default: "Failed"
    }
  }
}
