import Values
import Workflow
import YAML

/// Reads mocks, from a file of their own or from a golden test, and tells every mistake with its place.
public struct MockReader {
  let file: CompanionFile

  public init(file: CompanionFile) { self.file = file }

  /// What expressions in answers may ask for besides the request's data.
  static let variables: Set<String> = ["attempt", "channel", "reference", "task"]

  /// The standard's types of errors may be named by their last part.
  static let standardErrors = [
    "authentication", "authorization", "communication", "configuration", "expression", "runtime", "timeout",
    "validation",
  ]

  static func errorType(_ text: String) -> String {
    standardErrors.contains(text) ? "https://serverlessworkflow.io/spec/1.0.0/errors/\(text)" : text
  }

  public func read(_ node: YAMLNode) -> Mocks {
    var mocks = Mocks()
    let known = ["calls", "cancel", "events", "http", "secrets", "start", "workflows"]
    guard let members = file.members(node, "mocks", known: known) else { return mocks }
    if let calls = members["calls"] { mocks.calls = scripts(calls, "calls") }
    if let workflows = members["workflows"] { mocks.workflows = self.workflows(workflows) }
    if let http = members["http"] { mocks.http = self.http(http) }
    if let events = members["events"] {
      mocks.events = (file.list(events, "events") ?? []).compactMap(event)
    }
    if let secrets = members["secrets"], file.entries(secrets, "secrets") != nil {
      mocks.secrets = secrets.json.object ?? [:]
    }
    mocks.cancellation = members["cancel"].flatMap(cancellation)
    if let start = members["start"] {
      mocks.start = start.scalar?.string.flatMap { Timestamp(rfc3339: $0) }
      if mocks.start == nil {
        file.error(.invalidValue, at: start.position, "'start' must be a time such as 2026-01-31T12:00:00Z")
      }
    }
    return mocks
  }

  // MARK: Answers

  private func scripts(_ node: YAMLNode, _ name: String) -> [String: Script<Mocks.Answer>] {
    var scripts: [String: Script<Mocks.Answer>] = [:]
    for entry in file.entries(node, name) ?? [] { scripts[entry.key] = script(entry, answer) }
    return scripts
  }

  private func workflows(_ node: YAMLNode) -> [String: Script<Mocks.Answer>] {
    for entry in file.entries(node, "workflows") ?? [] where entry.key.split(separator: "/").count != 2 {
      file.error(
        .invalidValue, at: entry.keyPosition, "'\(entry.key)' names no workflow", hint: "namespace/name")
    }
    return scripts(node, "workflows")
  }

  /// One answer, or a list of them.
  private func script<Content>(
    _ entry: YAMLEntry, _ read: (YAMLNode) -> Script<Content>.Step?
  ) -> Script<Content> {
    if entry.value.sequence?.isEmpty == true {
      file.error(.missingKey, at: entry.value.position, "'\(entry.key)' has no answer")
    }
    let steps = (entry.value.sequence ?? [entry.value]).compactMap(read)
    return Script(steps, location: file.location(entry.keyPosition))
  }

  private static let actions = ["reply", "fail", "silent", "undeliverable"]
  private static let common = ["after", "times", "when"]

  private func answer(_ node: YAMLNode) -> Script<Mocks.Answer>.Step? {
    guard let members = file.members(node, "answer", known: Self.actions + Self.common) else { return nil }
    let actions = (node.mapping ?? []).filter { Self.actions.contains($0.key) }
    guard let action = actions.first else {
      file.error(
        .missingKey, at: node.position, "an answer needs one of: " + Self.actions.joined(separator: ", "))
      return nil
    }
    if actions.count > 1 {
      file.error(
        .conflict, at: actions[1].keyPosition, "'\(action.key)' and '\(actions[1].key)' exclude one another",
        hint: "make a list of answers of it: they are given one after another")
    }
    let content: Mocks.Answer?
    switch action.key {
    case "reply": content = file.template(action.value, variables: Self.variables).map { .reply($0) }
    case "fail": content = failure(action.value).map { .fail($0) }
    case "undeliverable": content = file.text(action.value, action.key).map { .undeliverable($0) }
    default: content = isTrue(action) ? .silent : nil
    }
    return content.map { step($0, members, at: node.position) }
  }

  private func isTrue(_ entry: YAMLEntry) -> Bool {
    guard let flag = file.flag(entry.value, entry.key) else { return false }
    if !flag { file.error(.invalidValue, at: entry.value.position, "'\(entry.key)' is true, or left out") }
    return flag
  }

  private func step<Content>(
    _ content: Content, _ members: [String: YAMLNode], at position: YAMLPosition
  ) -> Script<Content>.Step {
    Script<Content>.Step(
      content, after: members["after"].flatMap { file.duration($0, "after") } ?? .zero,
      times: members["times"].flatMap { file.count($0, "times", 1...1_000_000) },
      when: members["when"].flatMap { file.expression($0, "when", variables: Self.variables) },
      location: file.location(position))
  }

  /// Problem details, or an expression that gives them.
  private func failure(_ node: YAMLNode) -> Template? {
    guard node.mapping != nil else {
      if Expression.source(of: node.scalar?.string ?? "") != nil {
        return file.template(node, variables: Self.variables)
      }
      return file.entries(node, "fail") == nil ? nil : .constant([:])
    }
    let known = ["detail", "retryAfter", "retryable", "status", "title", "type"]
    guard let members = file.members(node, "fail", known: known) else { return nil }
    if let status = members["status"], Expression.source(of: status.scalar?.string ?? "") == nil {
      _ = file.count(status, "status", 100...599)
    }
    return file.template(node, variables: Self.variables)
  }

  // MARK: HTTP

  private func http(_ node: YAMLNode) -> [HTTPPattern: Script<HTTPAnswer>] {
    var scripts: [HTTPPattern: Script<HTTPAnswer>] = [:]
    for entry in file.entries(node, "http") ?? [] {
      guard let pattern = HTTPPattern(entry.key) else {
        file.error(
          .invalidValue, at: entry.keyPosition, "'\(entry.key)' names no requests",
          hint: "a method and a URI, such as 'GET https://example.com/orders/*'")
        continue
      }
      scripts[pattern] = script(entry, httpAnswer)
    }
    return scripts
  }

  private func httpAnswer(_ node: YAMLNode) -> Script<HTTPAnswer>.Step? {
    let known = ["status", "headers", "body", "unreachable", "silent"] + Self.common
    guard let members = file.members(node, "answer", known: known) else { return nil }
    for key in ["unreachable", "silent"] {
      guard let entry = node.mapping?.first(where: { $0.key == key }) else { continue }
      guard isTrue(entry) else { return nil }
      for other in ["status", "headers", "body"] where members[other] != nil {
        file.error(.conflict, at: entry.keyPosition, "'\(key)' and '\(other)' exclude one another")
      }
      return step(key == "silent" ? .silent : .unreachable, members, at: node.position)
    }
    let headers = members["headers"].flatMap { file.template($0, variables: Self.variables) }
    let body = members["body"].flatMap { file.template($0, variables: Self.variables) }
    let status = members["status"].map { file.count($0, "status", 100...599) ?? 200 } ?? 200
    return step(.response(status: status, headers: headers, body: body), members, at: node.position)
  }

  // MARK: Events

  private func event(_ node: YAMLNode) -> Mocks.Event? {
    guard let members = file.members(node, "events", known: ["at", "event"]) else { return nil }
    guard let event = members["event"] else {
      file.error(.missingKey, at: node.position, "'event' is missing")
      return nil
    }
    if event.mapping != nil, event["type"] == nil {
      file.error(.missingKey, at: event.position, "'type' is missing in 'event'")
    }
    guard let moment = moment(members["at"]), let template = file.template(event) else { return nil }
    return Mocks.Event(moment: moment, event: template, location: file.location(node.position))
  }

  private func moment(_ node: YAMLNode?) -> Mocks.Event.Moment? {
    guard let node else { return .afterStart(.zero) }
    if let time = node.scalar?.string.flatMap({ Timestamp(rfc3339: $0) }) { return .at(time) }
    return file.duration(node, "at").map { .afterStart($0) }
  }

  private func cancellation(_ node: YAMLNode) -> Mocks.Cancellation? {
    guard let members = file.members(node, "cancel", known: ["at", "compensating", "reason"]) else { return nil }
    return Mocks.Cancellation(
      after: members["at"].flatMap { file.duration($0, "at") } ?? .zero,
      reason: members["reason"].flatMap { file.text($0, "reason") } ?? "the mocks say so",
      compensating: members["compensating"].flatMap { file.flag($0, "compensating") } ?? false)
  }
}
