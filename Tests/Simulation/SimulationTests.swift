import Testing

/// The production loops under failures at every place that matters.
///
///     SIMULATION_SEEDS=10000 swift test --filter SimulationTests.SimulationTests
///     SIMULATION_SCENARIO=events SIMULATION_SEED=12 swift test --filter SimulationTests.SimulationTests
@Suite(.serialized) struct SimulationTests {
  /// How many seeds there are in all, and how they are shared out in parts of ten.
  private static var count: Int { Environment.value("SIMULATION_SEEDS").flatMap(Int.init) ?? 1000 }
  /// After how many failures of a scenario to stop.
  private static var failureLimit: Int { Environment.value("SIMULATION_FAILURES").flatMap(Int.init) ?? 1 }
  private static let shares: [ScenarioName: Int] = [.events: 4, .conversations: 1, .random: 5]

  @Test func everySeedConverges() async throws {
    let library = try Library.shared.get()
    if let seed = Environment.value("SIMULATION_SEED").flatMap(UInt64.init) { return await replay(seed, library) }
    let first = Environment.value("SIMULATION_FIRST").flatMap(UInt64.init) ?? 0
    var sum = SeedSum()
    for scenario in ScenarioName.allCases {
      let start = ContinuousClock.now
      let count = UInt64(Self.count * (Self.shares[scenario] ?? 0) / 10)
      let part = await Seeds.run(scenario, first..<first + count, library, failureLimit: Self.failureLimit)
      print("simulation: \(part.seeds) seeds of '\(scenario)' in \(ContinuousClock.now - start)")
      sum.add(part)
    }
    for failure in sum.failures { report(failure) }
    let numbers = sum.numbers.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    print("simulation: \(sum.seeds) seeds, digest \(String(sum.digest, radix: 16)), \(numbers.joined(separator: ", "))")
    for verb in Verb.allCases {
      let count = sum.commands[verb.rawValue] ?? 0
      print("simulation: verb \(verb.rawValue) applied \(count)")
      if sum.seeds >= 300 { #expect(count > 0, "\(verb) was never applied") }
    }
    for kind in FaultKind.allCases {
      let count = sum.faults[kind] ?? 0
      print("simulation: fault \(kind.rawValue) \(count)")
      // A fault that never strikes proves nothing.
      if sum.seeds >= 300 { #expect(count > sum.seeds / 200, "\(kind) struck \(count) times only") }
    }
  }

  private func report(_ failure: SeedSum.Failure) {
    Issue.record(
      """
      \(failure.outcome.problems.prefix(5).joined(separator: "\n"))
      replay with: \(failure.scenario.replay(failure.seed))
      """)
  }

  private func replay(_ seed: UInt64, _ library: Library) async {
    let wanted = Environment.value("SIMULATION_SCENARIO").flatMap(ScenarioName.init)
    for scenario in ScenarioName.allCases where wanted == nil || wanted == scenario {
      let outcome = await scenario.run(seed, library)
      print("simulation: seed \(seed) of '\(scenario)', digest \(String(outcome.digest, radix: 16))")
      for line in outcome.log { print("simulation: \(line)") }
      if !outcome.problems.isEmpty { report(SeedSum.Failure(scenario: scenario, seed: seed, outcome: outcome)) }
    }
  }

  /// A failing seed is worth something only when it fails again.
  @Test(arguments: ScenarioName.allCases) func aSeedReplaysExactly(_ scenario: ScenarioName) async throws {
    let library = try Library.shared.get()
    var digests: Set<UInt64> = []
    for seed in UInt64(0)..<15 {
      let first = await scenario.run(seed, library)
      let second = await scenario.run(seed, library)
      // Where they part is known when `SIMULATION_TRACE` is set.
      let parting = zip(first.log, second.log).first { $0 != $1 }
      #expect(
        first.digest == second.digest,
        "seed \(seed) of \(scenario) is not the same twice: \(parting.map { "\($0) | \($1)" } ?? "")")
      #expect(first.faults == second.faults)
      digests.insert(first.digest)
    }
    #expect(digests.count == 15, "different seeds give different histories")
  }
}
