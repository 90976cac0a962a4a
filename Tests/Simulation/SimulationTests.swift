import Testing
import Workflow

/// The production loop under failures at every place that matters. `SIMULATION_SEED=n` replays one seed;
/// `SIMULATION_SEEDS=n` runs that many.
@Suite struct SimulationTests {
  static let threeCalls = """
    document: {dsl: 1.0.3, namespace: simulation, name: three-calls, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.event}}}}
    input: {from: "${ .[0].data }"}
    do:
      - store: {call: persistence, with: {fate: "${ .fate }"}}
      - check:
          call: alerts
          with: {stored: "${ .n }", fate: "${ $workflow.input[0].data.fate }"}
          export: {as: {checked: true}}
      - choose:
          switch:
            - odd: {when: "${ .channel == \\"nobody\\" }", then: end}
            - otherwise: {then: continue}
      - tell: {call: telegram, with: {checked: "${ $context.checked }"}}
    """

  /// Wants the same events.
  static let audit = """
    document: {dsl: 1.0.3, namespace: simulation, name: audit, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.event}}}}
    do:
      - note: {call: telegram, with: {seen: true}}
    """

  /// Deployed while the others run.
  static let late = """
    document: {dsl: 1.0.3, namespace: simulation, name: late, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.late}}}}
    do:
      - store: {call: persistence, with: {late: true}}
    """

  private func definition(_ text: String) throws -> WorkflowDefinition {
    let result = WorkflowParser.parse(text, file: "simulation.yaml")
    return try #require(result.definition, "\(result.diagnostics)")
  }

  @Test func everySeedConverges() async throws {
    let definitions = [try definition(Self.threeCalls), try definition(Self.audit)]
    let late = [try definition(Self.late)]
    var sums: [Int] = Array(repeating: 0, count: 6)
    let start = ContinuousClock.now
    for seed in Self.seeds {
      var simulation = Simulation(seed: seed, SimulatedEvents(), definitions: definitions, late: late)
      let outcome = await simulation.run(events: 9)
      let counts = [
        outcome.deaths, outcome.takeovers, outcome.parks, outcome.fencedCommits, outcome.conflicts, outcome.instances,
      ]
      for (index, count) in counts.enumerated() { sums[index] += count }
      #expect(
        outcome.problems.isEmpty, "replay with: SIMULATION_SEED=\(seed) swift test --filter SimulationTests")
      guard outcome.problems.isEmpty else { break }
    }
    print(
      "simulation: \(Self.seeds.count) seeds in \(ContinuousClock.now - start), \(sums[0]) deaths, \(sums[1]) takeovers, "
        + "\(sums[2]) interleavings, \(sums[3]) fenced commits, \(sums[4]) conflicts, \(sums[5]) instances")
    if Self.seeds.count >= 100 {
      // A simulation in which nothing goes wrong proves nothing.
      for sum in sums { #expect(sum > Self.seeds.count / 50) }
    }
  }

  static var seeds: [UInt64] {
    if let seed = Environment.value("SIMULATION_SEED").flatMap(UInt64.init) { return [seed] }
    let count = Environment.value("SIMULATION_SEEDS").flatMap(Int.init) ?? 2000
    return (0..<count).map { UInt64($0) }
  }
}
