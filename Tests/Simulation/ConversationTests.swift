import Testing
import Workflow

/// The production loop with workflows that talk to each other, under failures at every place that matters.
/// `CONVERSATION_SEED=n` replays one seed; `CONVERSATION_SEEDS=n` runs that many.
@Suite struct ConversationTests {
  private func definition(_ text: String) throws -> WorkflowDefinition {
    let result = WorkflowParser.parse(text, file: "conversation.yaml")
    return try #require(result.definition, "\(result.diagnostics)\n\(text)")
  }

  @Test func everySeedConverges() async throws {
    let definitions = try ConversationWorkflows.early.map(definition)
    let late = try ConversationWorkflows.late.map(definition)
    var sums: [Int] = Array(repeating: 0, count: 7)
    let start = ContinuousClock.now
    for seed in Self.seeds {
      var simulation = Simulation(seed: seed, Conversations(), definitions: definitions, late: late)
      let outcome = await simulation.run(events: 5)
      let counts = [
        outcome.deaths, outcome.takeovers, outcome.parks, outcome.fencedCommits, outcome.conflicts, outcome.instances,
        outcome.outdated,
      ]
      for (index, count) in counts.enumerated() { sums[index] += count }
      #expect(
        outcome.problems.isEmpty,
        "replay with: CONVERSATION_SEED=\(seed) swift test --filter SimulationTests.ConversationTests")
      guard outcome.problems.isEmpty else { break }
    }
    print(
      "conversations: \(Self.seeds.count) seeds in \(ContinuousClock.now - start), \(sums[0]) deaths, "
        + "\(sums[1]) takeovers, \(sums[2]) interleavings, \(sums[3]) fenced commits, \(sums[4]) conflicts, "
        + "\(sums[5]) instances, \(sums[6]) commits behind a deployment")
    if Self.seeds.count >= 100 {
      for sum in sums { #expect(sum > Self.seeds.count / 200) }
    }
  }

  static var seeds: [UInt64] {
    if let seed = Environment.value("CONVERSATION_SEED").flatMap(UInt64.init) { return [seed] }
    let count = Environment.value("CONVERSATION_SEEDS").flatMap(Int.init) ?? 1000
    return (0..<count).map { UInt64($0) }
  }
}
