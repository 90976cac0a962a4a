import Engine
import Mediator
import Synchronization
import Values
import Workflow

/// What is deployed.
final class Deployments: Sendable {
  private let deployed: Mutex<DefinitionCatalog>
  let all: [DefinitionCatalog.Entry]
  private let engines: [Int32: Engine]
  /// How many definitions each of the deployments to come has.
  private let next: Mutex<[Int]>

  /// - Parameter later: those of the deployments to come, one after the other.
  init(_ definitions: [WorkflowDefinition], later: [[WorkflowDefinition]], callTimeout: Duration) {
    let options = EngineOptions(
      callTimeout: callTimeout, retry: AttemptPolicy(maxAttempts: 1000, initialDelay: .milliseconds(100)))
    let entries = (definitions + later.joined()).enumerated().map { index, definition in
      DefinitionCatalog.Entry(number: Int32(index + 1), engine: Engine(definition: definition, options: options))
    }
    engines = Dictionary(uniqueKeysWithValues: entries.map { ($0.number, $0.engine) })
    deployed = Mutex(DefinitionCatalog(Array(entries.prefix(definitions.count))))
    all = entries
    next = Mutex(later.map(\.count))
  }

  /// The next deployment takes place.
  func deploy() {
    let count = next.withLock { $0.isEmpty ? 0 : $0.removeFirst() }
    deployed.withLock { change(&$0, Array(all.prefix($0.count + count)), by: Int32(count), $0.retired) }
  }

  /// Retires a version, or restores it when it is retired.
  func turn(_ number: Int32) {
    deployed.withLock { change(&$0, $0.all, by: 1, $0.retired.symmetricDifference([number])) }
  }

  /// The newest number of all grows with each change, as it does where definitions and retirements share a sequence.
  private func change(
    _ catalog: inout DefinitionCatalog, _ entries: [DefinitionCatalog.Entry], by count: Int32, _ retired: Set<Int32>
  ) {
    catalog = DefinitionCatalog(entries, newest: catalog.newest + count, retired: retired)
  }

  var catalog: DefinitionCatalog { deployed.withLock { $0 } }

  var newest: Int32 { deployed.withLock { $0.newest } }

  func engine(_ definition: Int32) -> Engine? { engines[definition] }

  /// The other versions of its workflow.
  ///
  /// - Parameter isForesighted: also those that are not deployed yet.
  func otherVersions(than number: Int32, isForesighted: Bool) -> [WorkflowDefinition] {
    guard let own = all.first(where: { $0.number == number }) else { return [] }
    return (isForesighted ? all : catalog.all).filter { $0.workflow == own.workflow && $0.number != number }.map(
      \.definition)
  }

  /// What an instance has to wait for, by its state alone.
  func waits(of instance: StoredInstance) -> [EventWait] {
    engines[instance.definition]?.waits(of: instance.state) ?? []
  }
}

/// One process's registry: what a worker knows is what it saw at its last look.
final class ChangingCatalog: CatalogProvider {
  private let deployments: Deployments
  private let known: Mutex<DefinitionCatalog>

  init(_ deployments: Deployments) {
    self.deployments = deployments
    known = Mutex(deployments.catalog)
  }

  func look() {
    let catalog = deployments.catalog
    known.withLock { $0 = catalog }
  }

  func current() async throws(MediatorError) -> DefinitionCatalog { known.withLock { $0 } }

  func refreshed() async throws(MediatorError) -> DefinitionCatalog {
    look()
    return known.withLock { $0 }
  }
}
