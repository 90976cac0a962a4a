import Values

/// The standard error types (DSL 1.0.3, "Errors") as problem details (RFC 7807).
public enum Problems {
  static let base = "https://serverlessworkflow.io/spec/1.0.0/errors/"

  /// An expression did not compile, did not end or gave no value.
  public static func expression(_ detail: String, at reference: String) -> ProblemDetails {
    make("expression", 400, "Expression error", detail, reference)
  }

  /// Data is not of the form or size that is asked for.
  public static func validation(_ detail: String, at reference: String) -> ProblemDetails {
    make("validation", 400, "Validation error", detail, reference)
  }

  /// A task or the workflow did not end in its time.
  public static func timeout(_ detail: String, at reference: String) -> ProblemDetails {
    make("timeout", 408, "Timeout", detail, reference)
  }

  /// Something that was to be set up is not there.
  public static func configuration(_ detail: String, at reference: String) -> ProblemDetails {
    make("configuration", 400, "Configuration error", detail, reference)
  }

  /// A processing event could not be delivered.
  public static func communication(_ detail: String, at reference: String) -> ProblemDetails {
    make("communication", 500, "Communication error", detail, reference)
  }

  /// The definition did something that cannot be run.
  public static func runtime(_ detail: String, at reference: String) -> ProblemDetails {
    make("runtime", 500, "Runtime error", detail, reference)
  }

  private static func make(
    _ kind: String, _ status: Int, _ title: String, _ detail: String, _ reference: String
  ) -> ProblemDetails {
    ProblemDetails(type: base + kind, status: status, title: title, detail: detail, instance: reference)
  }
}
