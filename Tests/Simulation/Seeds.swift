import Glibc
import Synchronization
import Workflow

/// What is simulated, by the name that a failing seed is printed with.
enum ScenarioName: String, CaseIterable, Sendable {
  case events, conversations, random

  /// How much happens at most in one world: from very little, in which much can be understood, to this.
  private var size: Int {
    switch self {
    case .events: 9
    case .conversations: 6
    case .random: 6
    }
  }

  /// One seed, from beginning to end.
  func run(_ seed: UInt64, _ library: Library) async -> SeedOutcome {
    var sizes = SeededGenerator(seed: seed ^ 0x5157)
    let size = 2 + sizes.below(size - 1)
    switch self {
    case .events:
      var simulation = Simulation(
        seed: seed, SimulatedEvents(), definitions: library.events.early, late: library.events.late)
      return SeedOutcome(await simulation.run(events: size))
    case .conversations:
      var simulation = Simulation(
        seed: seed, Conversations(), definitions: library.conversations.early, late: library.conversations.late,
        successors: library.conversations.successors)
      return SeedOutcome(await simulation.run(events: size))
    case .random:
      var generator = SeededGenerator(seed: seed ^ 0xabcd)
      var chosen: [Int] = []
      for _ in 0..<4 {
        let place = generator.below(library.random.count)
        if !chosen.contains(place) { chosen.append(place) }
      }
      let definitions = chosen.map { library.random[$0] }
      let successors = library.children.late + chosen.dropLast().map { library.successors[$0] }
      var simulation = Simulation(
        seed: seed, RandomWorkflows(types: definitions.map { $0.document.name }),
        definitions: library.children.early + definitions.dropLast(), late: definitions.suffix(1),
        successors: successors)
      return SeedOutcome(await simulation.run(events: size))
    }
  }

  /// What runs one seed again.
  func replay(_ seed: UInt64) -> String {
    "SIMULATION_SCENARIO=\(rawValue) SIMULATION_SEED=\(seed) swift test --filter SimulationTests.SimulationTests"
  }
}

/// What one seed came to, whatever was simulated.
struct SeedOutcome: Sendable {
  let problems: [String]
  let faults: [FaultKind: Int]
  let digest: UInt64
  let log: [String]
  let numbers: [String: Int]
  /// How often operators' verbs were applied.
  let commands: [String: Int]

  init<Story>(_ outcome: Simulation<Story>.Outcome) {
    problems = outcome.problems
    faults = outcome.faults
    digest = outcome.digest
    log = outcome.log
    commands = outcome.commands
    numbers = [
      "steps": outcome.steps, "takeovers": outcome.takeovers, "fenced commits": outcome.fencedCommits,
      "conflicts": outcome.conflicts, "commits behind a deployment": outcome.outdated, "instances": outcome.instances,
    ]
  }
}

/// What many seeds came to.
struct SeedSum: Sendable {
  struct Failure: Sendable {
    let scenario: ScenarioName
    let seed: UInt64
    let outcome: SeedOutcome
  }

  var seeds = 0
  var faults: [FaultKind: Int] = [:]
  var numbers: [String: Int] = [:]
  var commands: [String: Int] = [:]
  /// In any order.
  var digest: UInt64 = 0
  var failures: [Failure] = []

  mutating func add(_ outcome: SeedOutcome, _ scenario: ScenarioName, _ seed: UInt64) {
    seeds += 1
    faults.merge(outcome.faults, uniquingKeysWith: +)
    numbers.merge(outcome.numbers, uniquingKeysWith: +)
    commands.merge(outcome.commands, uniquingKeysWith: +)
    digest &+= outcome.digest
    if !outcome.problems.isEmpty { failures.append(Failure(scenario: scenario, seed: seed, outcome: outcome)) }
  }

  mutating func add(_ other: SeedSum) {
    seeds += other.seeds
    faults.merge(other.faults, uniquingKeysWith: +)
    numbers.merge(other.numbers, uniquingKeysWith: +)
    commands.merge(other.commands, uniquingKeysWith: +)
    digest &+= other.digest
    failures += other.failures
  }
}

/// Which seed comes next, and how many have failed.
private final class Progress: Sendable {
  private let state: Mutex<(next: UInt64, failures: Int)>

  init(next: UInt64) { state = Mutex((next, 0)) }

  func take(below end: UInt64, failureLimit: Int) -> UInt64? {
    state.withLock { state in
      guard state.next < end, state.failures < failureLimit else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  func fail() { state.withLock { $0.failures += 1 } }
}

/// Runs seeds on all cores: each is a world of its own.
enum Seeds {
  /// - Parameter failureLimit: after how many failures to stop.
  static func run(
    _ scenario: ScenarioName, _ seeds: Range<UInt64>, _ library: Library, failureLimit: Int = 1
  ) async -> SeedSum {
    let progress = Progress(next: seeds.lowerBound)
    return await withTaskGroup(of: SeedSum.self) { group in
      // More than there are cores: each is a chain of small jobs, and a core should always have one at hand.
      for _ in 0..<4 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) {
        group.addTask {
          var sum = SeedSum()
          while let seed = progress.take(below: seeds.upperBound, failureLimit: failureLimit) {
            let outcome = await scenario.run(seed, library)
            if !outcome.problems.isEmpty { progress.fail() }
            sum.add(outcome, scenario, seed)
          }
          return sum
        }
      }
      var sum = SeedSum()
      for await part in group { sum.add(part) }
      return sum
    }
  }
}
