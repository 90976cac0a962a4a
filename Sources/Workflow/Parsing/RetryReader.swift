import Values
import YAML

/// Retry policies, in their place or by name. Source: "Retry".
struct RetryReader {
  let context: FileContext

  private var file: SourceFile { context.file }

  /// - Parameter error: the name of the variable with the error; a policy under `use` only knows it as `$error`.
  func policy(_ node: YAMLNode, _ reader: ExpressionReader, error: String) -> RetryPolicy? {
    guard case .string(let name)? = node.scalar else { return policy(node, reader, errors: [error, "error"]) }
    return context.component("retries", "retry policy", named: name, at: node.position)
      .flatMap { policy($0, context.reader, errors: ["error"]) }
  }

  func policy(_ node: YAMLNode, _ reader: ExpressionReader, errors: [String]) -> RetryPolicy? {
    guard node.mapping != nil else { return nil }
    var inner = reader
    inner.locals.formUnion(errors)
    let durations = DurationReader(context: context)
    let limit = node["limit"]
    let count = limit?["attempt"]?["count"]
    if let count, let number = count.scalar?.int, number < 1 {
      file.error(.invalidValue, count.position, "the attempts are counted with the first one: at least 1")
    }
    return RetryPolicy(
      when: node["when"].flatMap { inner.expression($0, .taskDefinition) },
      exceptWhen: node["exceptWhen"].flatMap { inner.expression($0, .taskDefinition) },
      delay: node["delay"].flatMap { durations.duration($0, inner, .taskDefinition) } ?? .constant(.zero),
      backoff: backoff(node["backoff"]), jitter: node["jitter"].flatMap { jitter($0, inner) },
      maxAttempts: count?.scalar?.int,
      // These are counted from the start, when there is no error yet.
      attemptDuration: limit?["attempt"]?["duration"].flatMap { durations.duration($0, reader, .taskDefinition) },
      duration: limit?["duration"].flatMap { durations.duration($0, reader, .taskDefinition) })
  }

  private func backoff(_ node: YAMLNode?) -> RetryPolicy.Backoff {
    guard let entry = node?.mapping?.first else { return .constant }
    if let member = entry.value.mapping?.first {
      file.unsupported(
        "'\(member.key)' of a backoff", member.keyPosition,
        hint: "the standard defines no member: write \(entry.key): {}")
    }
    switch entry.key {
    case "linear": return .linear
    case "exponential": return .exponential
    default: return .constant
    }
  }

  private func jitter(_ node: YAMLNode, _ reader: ExpressionReader) -> (from: DurationValue, to: DurationValue)? {
    let durations = DurationReader(context: context)
    let from = node["from"].flatMap { durations.duration($0, reader, .taskDefinition) }
    let to = node["to"].flatMap { durations.duration($0, reader, .taskDefinition) }
    guard let from, let to else { return nil }
    if case .constant(let least) = from, case .constant(let most) = to, least > most {
      file.error(
        .invalidValue, node["to"]?.position ?? node.position, "'to' is less than 'from'", hint: "swap the two")
    }
    return (from, to)
  }
}
