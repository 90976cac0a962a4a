import Engine
import Mediator
import Testing
import Values
import Workflow

@testable import mediatorctl

@Suite struct DeploymentTests {
  @Test func deploysOnceAndNeverChangesAVersion() async throws {
    let factory = try await Factory.make()
    let store = DefinitionStore(pool: factory.pool)
    let queries = WorkflowQueries(pool: factory.pool)
    let files = [try checked("a.yaml", Factory.source()), try checked("b.yaml", Factory.source(name: "refund"))]

    var plan = DeploymentPlan(files, deployed: try await queries.deployed())
    #expect(plan.items.map(\.outcome) == [.deployed, .deployed])
    #expect(try await queries.deployed().isEmpty)
    try await plan.carryOut(store)
    #expect(plan.items.map(\.outcome) == [.deployed, .deployed])

    let again = DeploymentPlan(files, deployed: try await queries.deployed())
    #expect(again.items.map(\.outcome) == [.unchanged, .unchanged])

    let changed = try checked("a.yaml", Factory.source() + "\n# changed\n")
    let fresh = try checked("c.yaml", Factory.source(name: "return"))
    let refused = DeploymentPlan([changed, fresh], deployed: try await queries.deployed())
    #expect(refused.items.map(\.outcome) == [.refused, .deployed])
    #expect(refused.isRefused)
    #expect(refused.refusal?.status == .invalid)
    #expect(refused.refusal?.why == "shop/order 1.0.0 is deployed with other content than a.yaml has")
    #expect(refused.json(isDryRun: false)["definitions"]?[0]?["outcome"] == "refused")
    await factory.close()
  }

  @Test func whoComesSecondFindsItUnchanged() async throws {
    let factory = try await Factory.make()
    let files = [try checked("a.yaml", Factory.source())]
    var slow = DeploymentPlan(files, deployed: [:])
    var quick = slow
    try await quick.carryOut(DefinitionStore(pool: factory.pool))
    try await slow.carryOut(DefinitionStore(pool: factory.pool))
    #expect(quick.items.map(\.outcome) == [.deployed])
    #expect(slow.items.map(\.outcome) == [.unchanged])
    await factory.close()
  }

  @Test func saysThatAnOlderVersionStartsNothing() throws {
    let file = try checked("a.yaml", Factory.source(version: "1.9.0"))
    let versions: [String: WorkflowQueries.Deployed] = [
      "shop/order 1.11.0": .init(digest: "w", isRetired: true), "shop/order 1.10.0": .init(digest: "x"),
      "shop/refund 9.0.0": .init(digest: "y"),
    ]
    let plan = DeploymentPlan([file], deployed: versions)
    #expect(plan.items.first?.higher?.description == "1.10.0")
    #expect(plan.text(.plain(now: .earliest), isDryRun: true).contains("events start shop/order 1.10.0"))
  }

  @Test func saysThatAVersionIsRetired() throws {
    let file = try checked("a.yaml", Factory.source())
    let digest = try #require(file.definition).digest
    let plan = DeploymentPlan([file], deployed: ["shop/order 1.0.0": .init(digest: digest, isRetired: true)])
    #expect(plan.items.map(\.outcome) == [.unchanged])
    #expect(
      plan.text(.plain(now: .earliest), isDryRun: false)
        .contains("nothing starts it until 'mediatorctl workflows restore shop/order --version 1.0.0'"))
  }

  @Test func retiresAndRestoresVersions() async throws {
    let factory = try await Factory.make()
    let store = DefinitionStore(pool: factory.pool)
    let queries = WorkflowQueries(pool: factory.pool)
    let old = try await factory.deploy(version: "1.9.0")
    let new = try await factory.deploy(version: "1.10.0")
    func latest() async throws -> [Bool] {
      try await queries.versions(namespace: "shop", name: "order").map(\.isLatest)
    }
    #expect(try await latest() == [true, false])

    let before = try #require(try await store.changes().newest)
    #expect(try await store.retire([new.number], author: "ann", reason: "charges twice") == [new.number])
    // Once more changes nothing, and whoever asks for what is new learns of it once.
    #expect(try await store.retire([new.number], author: "bob", reason: "") == [])
    let changes = try await store.changes(after: before)
    #expect(changes.deployed.isEmpty)
    #expect(changes.retired == [new.number: true])
    #expect(try #require(changes.newest) > before)
    #expect(try await latest() == [false, true])
    let shown = try await queries.versions(namespace: "shop", name: "order")[0]
    #expect(shown.retirement?.author == "ann")
    #expect(shown.retirement?.reason == "charges twice")
    #expect(WorkflowOutline(shown, among: [shown]).text(.plain(now: .now())).contains("by ann: charges twice"))
    #expect(try await queries.deployed()["shop/order 1.10.0"]?.isRetired == true)
    #expect(try await queries.list(limit: 10).items.map { $0.retirement != nil } == [true, false])

    // What an operator calls the latest is what the shards call so.
    let preview = OperationPreview(pool: factory.pool)
    func migrationTarget() async throws -> String? {
      let found = try await preview.engine(of: "shop", "order", version: "latest")
      return found.engine.map { "\($0.definition.document.version)" }
    }
    #expect(try await migrationTarget() == "1.9.0")

    #expect(try await store.retire([new.number, old.number], author: "ann", reason: "") == [old.number])
    #expect(try await migrationTarget() == "1.10.0")
    #expect(try await latest() == [false, false])
    #expect(try await store.retire([new.number, old.number], false, author: "ann", reason: "").count == 2)
    #expect(try await store.changes(after: before).retired == [new.number: false, old.number: false])
    #expect(try await latest() == [true, false])
    #expect(try await store.changes().deployed.count == 2)
    // The history of it is not to be rewritten.
    await #expect(throws: (any Error).self) { try await factory.run("delete from retirements") }
    await factory.close()
  }

  @Test func whatWasPlannedBeforeARetirementIsNotCommitted() async throws {
    let factory = try await Factory.make()
    let workflow = try await factory.deploy()
    let shard = try await factory.shard()
    let store = DefinitionStore(pool: factory.pool)
    _ = try await store.retire([workflow.number], author: "ann", reason: "")
    let conflict = await #expect(throws: MediatorError.self) {
      try await shard.commit(plannedWith: workflow.number)
    }
    #expect(conflict?.code == .conflict)
    try await factory.shard(0, owner: "m1").commit(plannedWith: try await store.changes().newest)
    await factory.close()
  }

  private func checked(_ file: String, _ source: String) throws -> CheckedFile {
    let checked = CheckedFile(file: file, source: Array(source.utf8))
    try #require(checked.isValid)
    return checked
  }
}
