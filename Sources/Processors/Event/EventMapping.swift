import Values

/// Makes of an event what a handler takes as `with`; the broker topology's stand-in for a workflow.
///
/// A JSON template: a string `$.data.equipment` stands for the event's member at that path, any other string may hold
/// placeholders `{data.equipment}`. The event is a CloudEvent in structured form.
public struct EventMapping: Sendable, Hashable {
  public let template: JSON

  public init(_ template: JSON) { self.template = template }

  func apply(to event: JSON) -> JSON { resolve(template, event) ?? .null }

  /// nil: there is nothing at the path, so the member is left out.
  private func resolve(_ template: JSON, _ event: JSON) -> JSON? {
    switch template {
    case .string(let text):
      if text == "$" { return event }
      if text.hasPrefix("$.") { return event.value(at: Self.path(text.dropFirst(2))) }
      return .string(Placeholders(text).fill { path in event.value(at: Self.path(path)) })
    case .array(let elements): return .array(elements.map { resolve($0, event) ?? .null })
    case .object(let members):
      var result = JSONObject()
      for (name, value) in members { result[name] = resolve(value, event) }
      return .object(result)
    case .null, .bool, .number: return template
    }
  }

  private static func path(_ text: some StringProtocol) -> [String] {
    text.split(separator: ".", omittingEmptySubsequences: true).map { String($0) }
  }
}

extension JSON {
  /// The value at a path of member names, or of places in arrays.
  func value(at path: [String]) -> JSON? {
    var value = self
    for name in path {
      let next: JSON? =
        switch value {
        case .object(let members): members[name]
        case .array: Int(name).flatMap { value[$0] }
        default: nil
        }
      guard let next else { return nil }
      value = next
    }
    return value
  }

  /// As a person would write it: strings without quotes.
  var display: String { string ?? text }
}

/// A text with `{name}` in it.
struct Placeholders: Sendable, Hashable {
  private enum Part: Sendable, Hashable {
    case text(String)
    case name(String)
  }

  private let parts: [Part]

  init(_ text: String) {
    var parts: [Part] = []
    var rest = Substring(text)
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      parts.append(.name(String(rest[rest.index(after: open)..<close])))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    self.parts = parts
  }

  /// What has no value becomes `?`, so that its absence is seen.
  func fill(_ value: (String) -> JSON?) -> String {
    var result = ""
    for part in parts {
      switch part {
      case .text(let text): result += text
      case .name(let name): result += value(name)?.display ?? "?"
      }
    }
    return result
  }
}
