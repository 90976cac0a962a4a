import Engine
import Values

/// The secrets of a local run: as in the mediator, workflows see what stands for a secret, and only what leaves them has
/// the secret in its place. So no timeline, output or error of a run can show one.
struct LocalSecrets: Sendable {
  /// By name, with placeholders in the place of all values.
  let sealed: JSON
  private let values: [String: JSON]

  init(_ secrets: JSONObject) {
    var values: [String: JSON] = [:]
    func seal(_ value: JSON, _ path: String) -> JSON {
      switch value {
      case .object(let members):
        return .object(JSONObject(members.map { ($0.key, seal($0.value, "\(path)/\($0.key)")) }))
      case .array(let items): return .array(items.enumerated().map { seal($0.element, "\(path)/\($0.offset)") })
      case .null: return .null
      case .bool, .number, .string:
        let placeholder = "«secret \(path)»"
        values[placeholder] = value
        return .string(placeholder)
      }
    }
    sealed = .object(JSONObject(secrets.map { ($0.key, seal($0.value, $0.key)) }))
    self.values = values
  }

  func unsealed(_ data: JSON) -> JSON { values.isEmpty ? data : Self.mapTexts(data, unsealed) }

  /// A placeholder that stands alone keeps the type of its secret.
  private func unsealed(_ text: String) -> JSON {
    guard text.contains("«secret ") || text.contains("%C2%ABsecret%20") else { return .string(text) }
    if let value = values[text] { return value }
    var text = text
    for (placeholder, value) in values {
      let plain = value.string ?? value.text
      text = text.replacing(placeholder, with: plain)
      // It may have gone through a URI template.
      text = text.replacing(Self.escaped(placeholder), with: Self.escaped(plain))
    }
    return .string(text)
  }

  /// Shorter texts may be anything.
  private static let shortest = 6

  /// With placeholders in the place of secrets: an answer may hold what was sent.
  func resealed(_ data: JSON) -> JSON {
    let known = values.compactMap { placeholder, value in value.string.map { (placeholder, $0) } }
      .filter { $0.1.utf8.count >= Self.shortest }.sorted { $0.1.utf8.count > $1.1.utf8.count }
    guard !known.isEmpty else { return data }
    return Self.mapTexts(data) { text in
      .string(known.reduce(text) { $0.replacing($1.1, with: $1.0) })
    }
  }

  func resealed(_ outcome: ReplyOutcome) -> ReplyOutcome {
    switch outcome {
    case .completed(let output): .completed(resealed(output))
    case .failed(let problem, let retryable, let retryAfter):
      .failed(ProblemDetails(resealed(problem.json)) ?? problem, retryable: retryable, retryAfter: retryAfter)
    case .progress: outcome
    }
  }

  private static func mapTexts(_ data: JSON, _ change: (String) -> JSON) -> JSON {
    switch data {
    case .string(let text): change(text)
    case .array(let items): .array(items.map { mapTexts($0, change) })
    case .object(let members): .object(JSONObject(members.map { ($0.key, mapTexts($0.value, change)) }))
    case .null, .bool, .number: data
    }
  }

  private static func escaped(_ text: String) -> String {
    (try? URITemplate("{x}"))?.expand { _ in .string(text) } ?? text
  }
}
