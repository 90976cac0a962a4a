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

  func unsealed(_ data: JSON) -> JSON {
    guard !values.isEmpty else { return data }
    switch data {
    case .string(let text): return unsealed(text)
    case .array(let items): return .array(items.map(unsealed))
    case .object(let members): return .object(JSONObject(members.map { ($0.key, unsealed($0.value)) }))
    case .null, .bool, .number: return data
    }
  }

  /// A placeholder that stands alone keeps the type of its secret.
  private func unsealed(_ text: String) -> JSON {
    guard text.contains("«secret ") else { return .string(text) }
    if let value = values[text] { return value }
    var text = text
    for (placeholder, value) in values where text.contains(placeholder) {
      text = text.replacing(placeholder, with: value.string ?? value.text)
    }
    return .string(text)
  }
}
