import Engine
import Values
import Workflow
import YAML

/// Reads a file of golden tests, and tells every mistake with its place.
public struct GoldenTestReader {
  let file: CompanionFile

  public init(file: CompanionFile) { self.file = file }

  /// - Returns: nil when nothing can be run; that has been told.
  public func read() -> GoldenTests? {
    guard let root = file.root,
      let members = file.members(root, "the tests", known: ["cases", "definition", "mocks", "with"])
    else { return nil }
    let shared = members["mocks"].map { MockReader(file: file).read($0) } ?? Mocks()
    guard let list = members["cases"] else {
      file.error(.missingKey, at: root.position, "'cases' is missing")
      return nil
    }
    let cases = (file.list(list, "cases") ?? []).compactMap { self.case($0, shared) }
    if list.sequence?.isEmpty == true { file.error(.missingKey, at: list.position, "there is no case") }
    return GoldenTests(
      definition: members["definition"].flatMap { file.text($0, "definition") },
      others: texts(members["with"], "with") ?? [],
      cases: cases)
  }

  private func texts(_ node: YAMLNode?, _ name: String) -> [String]? {
    node.flatMap { file.list($0, name) }?.compactMap { file.text($0, name) }
  }

  private func `case`(_ node: YAMLNode, _ shared: Mocks) -> GoldenTests.Case? {
    guard let members = file.members(node, "case", known: ["event", "expect", "input", "mocks", "name"]) else {
      return nil
    }
    guard let name = members["name"].flatMap({ file.text($0, "name") }) else {
      if members["name"] == nil { file.error(.missingKey, at: node.position, "the case has no 'name'") }
      return nil
    }
    if let event = members["event"], members["input"] != nil {
      file.error(.conflict, at: event.position, "'event' and 'input' exclude one another")
    }
    let mocks = members["mocks"].map { shared.overridden(by: MockReader(file: file).read($0)) } ?? shared
    let start: GoldenTests.Start =
      members["event"].map { .event($0.json) } ?? .input(members["input"]?.json ?? [:])
    return GoldenTests.Case(
      name: name, location: file.location(node.position), start: start, mocks: mocks,
      expectation: members["expect"].map(expectation) ?? GoldenTests.Expectation())
  }

  // MARK: Expectations

  private func expectation(_ node: YAMLNode) -> GoldenTests.Expectation {
    var expectation = GoldenTests.Expectation()
    let known = ["calls", "duration", "emitted", "error", "output", "outputIncludes", "status", "tasks"]
    guard let members = file.members(node, "expect", known: known) else { return expectation }
    // Whoever names an error expects it.
    if members["error"] != nil { expectation.status = .faulted }
    if let status = members["status"].flatMap(self.status) { expectation.status = status }
    expectation.output = value(members, exact: "output", partial: "outputIncludes")
    expectation.error = members["error"].flatMap(error)
    expectation.calls = members["calls"].flatMap { file.list($0, "calls") }?.compactMap(call)
    expectation.emitted = members["emitted"].flatMap { file.list($0, "emitted") }?.compactMap { event in
      file.entries(event, "emitted").map { _ in event.json }
    }
    expectation.duration = members["duration"].flatMap { file.duration($0, "duration") }
    expectation.tasks = texts(members["tasks"], "tasks")
    return expectation
  }

  private func status(_ node: YAMLNode) -> InstanceStatus? {
    guard let text = file.text(node, "status") else { return nil }
    let ends: [InstanceStatus] = [.completed, .faulted, .cancelled, .waiting]
    if let status = ends.first(where: { $0.rawValue == text }) { return status }
    let names = ends.map(\.rawValue)
    file.error(
      .invalidValue, at: node.position, "'\(text)' is no way for a run to end",
      hint: CompanionFile.hint(for: text, among: names) ?? "one of " + names.joined(separator: ", "))
    return nil
  }

  private func value(
    _ members: [String: YAMLNode], exact: String, partial: String
  ) -> GoldenTests.Value? {
    if let node = members[partial] {
      if members[exact] != nil {
        file.error(.conflict, at: node.position, "'\(exact)' and '\(partial)' exclude one another")
      }
      return GoldenTests.Value(json: node.json, isPartial: true)
    }
    return members[exact].map { GoldenTests.Value(json: $0.json, isPartial: false) }
  }

  private func error(_ node: YAMLNode) -> JSON? {
    guard file.entries(node, "error") != nil, var members = node.json.object else { return nil }
    if let type = members["type"]?.string { members["type"] = .string(MockReader.errorType(type)) }
    return .object(members)
  }

  /// `channel`, `channel: data`, or a mapping with the key `channel`.
  private func call(_ node: YAMLNode) -> GoldenTests.Call? {
    if let channel = node.scalar?.string { return GoldenTests.Call(channel: channel) }
    guard let entries = file.entries(node, "calls") else { return nil }
    if entries.count == 1, let entry = entries.first, entry.key != "channel" {
      let data = GoldenTests.Value(json: entry.value.json, isPartial: false)
      return GoldenTests.Call(channel: entry.key, data: data)
    }
    let known = ["at", "attempts", "channel", "data", "includes", "task"]
    guard let members = file.members(node, "call", known: known) else { return nil }
    guard let channel = members["channel"].flatMap({ file.text($0, "channel") }) else {
      if members["channel"] == nil { file.error(.missingKey, at: node.position, "'channel' is missing in 'call'") }
      return nil
    }
    return GoldenTests.Call(
      channel: channel, task: members["task"].flatMap { file.text($0, "task") },
      data: value(members, exact: "data", partial: "includes"),
      attempts: members["attempts"].flatMap { file.count($0, "attempts", 1...1_000_000) },
      at: members["at"].flatMap { file.duration($0, "at") })
  }
}
