#if DEBUG
  // In a release build nothing can be taken away.
  import Safeguards
  import Testing

  /// The simulation notices when a safeguard is missing: each of them, one by one.
  ///
  ///     PLANTED_BUG=markContiguous swift test --filter SimulationTests.PlantedBugTests
  @Suite(.serialized) struct PlantedBugTests {
    /// So many seeds of each scenario have to be enough.
    static let limit = Environment.value("PLANTED_SEEDS").flatMap(UInt64.init) ?? 1000
    static let planted = Environment.value("PLANTED_BUG").flatMap(Safeguard.init).map { [$0] } ?? Safeguard.allCases

    @Test(arguments: PlantedBugTests.planted) func isFound(_ safeguard: Safeguard) async throws {
      let library = try Library.shared.get()
      let found = await Safeguard.$removed.withValue(safeguard) { await Self.search(library) }
      guard let found else {
        Issue.record("nobody notices that \(safeguard) is missing")
        return
      }
      print(
        "planted bug: \(safeguard.rawValue) | \(found.scenario.rawValue) | \(found.seeds) | \(found.problem.prefix(110))"
      )
    }

    private struct Found {
      let scenario: ScenarioName
      let seeds: UInt64
      let problem: String
    }

    /// A few seeds of each scenario, then more of each.
    private static func search(_ library: Library) async -> Found? {
      var seed: UInt64 = 0
      while seed < limit {
        let next = min(limit, max(10, seed * 2))
        for scenario in ScenarioName.allCases {
          let sum = await Seeds.run(scenario, seed..<next, library)
          guard let failure = sum.failures.min(by: { $0.seed < $1.seed }) else { continue }
          return Found(
            scenario: scenario, seeds: failure.seed + 1, problem: failure.outcome.problems.first ?? "")
        }
        seed = next
      }
      return nil
    }
  }
#endif
