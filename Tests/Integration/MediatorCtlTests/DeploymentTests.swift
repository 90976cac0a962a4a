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

    var plan = DeploymentPlan(files, deployed: try await queries.digests())
    #expect(plan.items.map(\.outcome) == [.deployed, .deployed])
    #expect(try await queries.digests().isEmpty)
    try await plan.carryOut(store)
    #expect(plan.items.map(\.outcome) == [.deployed, .deployed])

    let again = DeploymentPlan(files, deployed: try await queries.digests())
    #expect(again.items.map(\.outcome) == [.unchanged, .unchanged])

    let changed = try checked("a.yaml", Factory.source() + "\n# changed\n")
    let fresh = try checked("c.yaml", Factory.source(name: "return"))
    let refused = DeploymentPlan([changed, fresh], deployed: try await queries.digests())
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
    let plan = DeploymentPlan([file], deployed: ["shop/order 1.10.0": "x", "shop/refund 9.0.0": "y"])
    #expect(plan.items.first?.higher?.description == "1.10.0")
    #expect(plan.text(.plain(now: .earliest), isDryRun: true).contains("events start shop/order 1.10.0"))
  }

  private func checked(_ file: String, _ source: String) throws -> CheckedFile {
    let checked = CheckedFile(file: file, source: Array(source.utf8))
    try #require(checked.isValid)
    return checked
  }
}
