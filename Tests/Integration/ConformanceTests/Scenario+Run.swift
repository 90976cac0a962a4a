import Engine
import HTTP
import HTTPCalls
import TestSupport
import Testing
import Toolchain
import Values
import Workflow

extension Scenario {
  /// Runs it the way that production takes: parser, engine, and for calls the client of `processor http`.
  func check() async throws {
    let pets = try await PetStore()
    let login = try await PetStore()
    let run = try await execute(at: pets.url, login.url)
    for expectation in expected { try check(expectation, run) }
    await pets.stop()
    await login.stop()
  }

  private func execute(at pets: String, _ login: String) async throws -> LocalRun {
    let body = definition.replacing("PETS", with: pets).replacing("LOGIN", with: login)
    let text = "document: {dsl: 1.0.3, namespace: conformance, name: \(feature.rawValue), version: 1.0.0}\n" + body
    let parsed = WorkflowParser.parse(text, file: "\(feature.rawValue).yaml")
    let definition = try #require(parsed.definition, "\(title): \(parsed.diagnostics)")
    let client = try HTTPClient()
    let runner = LocalRunner(mocks: [:], live: client, allowed: try [#require(HostPattern("127.0.0.1"))])
    let run = await runner.run(LocalRun(definition, input: input))
    client.close()
    return run
  }

  private func check(_ expectation: Expectation, _ run: LocalRun) throws {
    let shown: Comment = "\(title): \(run.json.pretty())"
    let order = run.order
    switch expectation {
    case .completes: #expect(run.status == .completed, shown)
    case .completesWith(let output):
      #expect(run.status == .completed, shown)
      #expect(run.output == output, shown)
    case .has(let paths):
      for path in paths { #expect(run.output?.member(path) != nil, "\(path) of \(shown)") }
    case .value(let value, let path): #expect(run.output?.member(path) == value, shown)
    case .items(let count, let path): #expect(run.output?.member(path)?.array?.count == count, shown)
    case .faults: #expect(run.status == .faulted, shown)
    case .faultsWith(let members):
      #expect(run.status == .faulted, shown)
      for (name, value) in members { #expect(run.error?.json[name] == value, shown) }
    case .first(let task): #expect(order.first == .started(task), shown)
    case .last(let task): #expect(order.last == .completed(task), shown)
    case .after(let later, let earlier):
      let end = try #require(order.firstIndex(of: .completed(earlier)), shown)
      let start = try #require(order.firstIndex(of: .started(later)), shown)
      #expect(end < start, shown)
    }
  }
}

/// What the journal says of the order of tasks.
private enum Moment: Equatable {
  case started(String)
  case completed(String)
}

extension LocalRun {
  fileprivate var order: [Moment] {
    let definition = instances[0].definition
    func name(_ reference: String) -> String { definition.task(at: reference)?.name ?? reference }
    return records.compactMap { record in
      switch record.fact {
      case .journal(.taskStarted(_, let reference)): .started(name(reference))
      case .journal(.taskCompleted(_, let reference, _)): .completed(name(reference))
      default: nil
      }
    }
  }
}

extension JSON {
  /// - Parameter path: names of members with points between them.
  fileprivate func member(_ path: String) -> JSON? {
    path.split(separator: ".").reduce(Optional(self)) { value, name in value?[String(name)] }
  }
}
