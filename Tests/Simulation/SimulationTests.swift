import Testing
import Workflow

/// The production loop under crashes at every place that matters. `SIMULATION_SEED=n` replays one seed;
/// `SIMULATION_SEEDS=n` runs that many.
@Suite struct SimulationTests {
  static let workflow = """
    document: {dsl: 1.0.3, namespace: simulation, name: three-calls, version: 1.0.0}
    schedule:
      on:
        one:
          with: {type: sim.event}
    input: {from: "${ .[0] }"}
    do:
      - store:
          call: persistence
          with: {row: "${ .data }"}
      - check:
          call: alerts
          with: {stored: "${ .n }"}
          export: {as: {checked: true}}
      - choose:
          switch:
            - odd: {when: "${ .channel == \\"nobody\\" }", then: end}
            - otherwise: {then: continue}
      - tell:
          call: telegram
          with: {checked: "${ $context.checked }"}
    """

  @Test func everySeedConverges() async throws {
    let result = WorkflowParser.parse(Self.workflow, file: "simulation.yaml")
    let definition = try #require(result.definition, "\(result.diagnostics)")
    var crashes = 0
    var takeovers = 0
    var fenced = 0
    for seed in Self.seeds {
      var simulation = Simulation(seed: seed, definition: definition)
      let outcome = await simulation.run(events: 12)
      crashes += outcome.crashes
      takeovers += outcome.takeovers
      fenced += outcome.fencedCommits
      #expect(
        outcome.problems.isEmpty,
        "replay with: SIMULATION_SEED=\(seed) swift test --filter SimulationTests")
      guard outcome.problems.isEmpty else { break }
    }
    print("simulation: \(Self.seeds.count) seeds, \(crashes) crashes, \(takeovers) takeovers, \(fenced) fenced commits")
    if Self.seeds.count >= 100 {
      // A simulation in which nothing goes wrong proves nothing.
      #expect(crashes > Self.seeds.count)
      #expect(fenced > 0)
    }
  }

  static var seeds: [UInt64] {
    if let seed = Environment.value("SIMULATION_SEED").flatMap(UInt64.init) { return [seed] }
    let count = Environment.value("SIMULATION_SEEDS").flatMap(Int.init) ?? 2000
    return (0..<count).map { UInt64($0) }
  }
}
