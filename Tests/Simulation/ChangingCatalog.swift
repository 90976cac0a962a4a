import Engine
import Mediator
import Synchronization
import Values
import Workflow

/// What is deployed.
final class Deployments: Sendable {
  private let deployed: Mutex<DefinitionCatalog>
  private let all: [DefinitionCatalog.Entry]
  private let engines: [Int32: Engine]

  init(_ definitions: [WorkflowDefinition], late: [WorkflowDefinition], callTimeout: Duration) {
    let options = EngineOptions(
      callTimeout: callTimeout, retry: AttemptPolicy(maxAttempts: 1000, initialDelay: .milliseconds(100)))
    let entries = (definitions + late).enumerated().map { index, definition in
      DefinitionCatalog.Entry(number: Int32(index + 1), engine: Engine(definition: definition, options: options))
    }
    engines = Dictionary(uniqueKeysWithValues: entries.map { ($0.number, $0.engine) })
    deployed = Mutex(DefinitionCatalog(Array(entries.prefix(definitions.count))))
    all = entries
  }

  func deployLate() { deployed.withLock { $0 = DefinitionCatalog(all) } }

  var catalog: DefinitionCatalog { deployed.withLock { $0 } }

  var newest: Int32 { deployed.withLock { $0.newest } }

  func engine(_ definition: Int32) -> Engine? { engines[definition] }

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
