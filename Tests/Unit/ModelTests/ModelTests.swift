import Engine
import Foundation
import Testing
import Values
import Workflow

/// Random definitions in random worlds, run by the engine and by a second, naive interpreter.
///
///     MODEL_CASES=100000 swift test --filter ModelTests
///     MODEL_SEED=1234 swift test --filter ModelTests
@Suite struct ModelTests {
  @Test func theEngineDoesWhatTheStandardSays() async throws {
    // The naive interpreter calls what comes after each task, and that is deeper than the stacks of a pool's threads.
    let failures = try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<[String], any Error>) in
      let thread = Thread { continuation.resume(with: Result { try Self.run() }) }
      thread.stackSize = 256 << 20
      thread.start()
    }
    for failure in failures { Issue.record("\(failure)") }
  }

  /// - Returns: a text per seed that failed.
  private static func run() throws -> [String] {
    let environment = ProcessInfo.processInfo.environment
    if let seed = environment["MODEL_SEED"].flatMap({ UInt64($0) }) {
      var tally = Tally()
      let scenario = Scenario(seed: seed)
      print(scenario.text)
      return try Self.differences(scenario, &tally)
    }
    let cases = environment["MODEL_CASES"].flatMap { Int($0) } ?? 10_000
    let first = environment["MODEL_FIRST"].flatMap { UInt64($0) } ?? 1
    var tally = Tally()
    var failures: [String] = []
    let started = ContinuousClock.now
    for seed in first..<first + UInt64(cases) {
      let scenario = Scenario(seed: seed)
      let differences = try Self.differences(scenario, &tally)
      if differences.isEmpty { continue }
      failures.append(
        """
        MODEL_SEED=\(seed) swift test --filter ModelTests
        \(differences.joined(separator: "\n"))
        \(failures.count < 2 ? scenario.text : "")
        """)
      if failures.count == 10 { break }
    }
    print("model: \(tally.description)\nmodel: \(ContinuousClock.now - started)")
    // A few definitions say nothing of how often a construct turns up.
    if failures.isEmpty, cases >= 5_000 { failures = tally.gaps(atLeast: cases / 200) }
    return failures
  }

  static func differences(_ scenario: Scenario, _ tally: inout Tally) throws -> [String] {
    let result = WorkflowParser.parse(scenario.text, file: "model-\(scenario.seed).yaml")
    guard let definition = result.definition else {
      return ["the parser refuses it: \(result.errors)"]
    }
    tally.cases += 1
    tally.countConstructs(scenario.definition)
    var driver = EngineDriver(definition: definition, scenario: scenario)
    let observed = try driver.run()
    var complaints = driver.complaints
    if scenario.seed % 8 == 0 {
      // Of what is due at the same time anything may come first, so only what always holds is looked at.
      var late = EngineDriver(definition: definition, scenario: scenario.late)
      _ = try late.run()
      tally.late += 1
      complaints += late.complaints.map { "late: \($0)" }
    }
    let model = NaiveInterpreter(
      definition: definition, world: scenario.world, options: scenario.options, jitters: driver.jitters)
    let expected = model.run(input: scenario.input)
    if model.isTooLong {
      tally.tooLong += 1
      return complaints
    }
    if model.isAmbiguous || model.isShared && scenario.options.maxTransitionsPerStep < 5_000 {
      tally.ambiguous += 1
      return complaints
    }
    if scenario.seed % 3 == 0 {
      var suspended = EngineDriver(definition: definition, scenario: scenario, isSuspending: true)
      let differences = observed.differences(from: try suspended.run())
      complaints += (suspended.complaints + differences).map { "suspended: \($0)" }
      tally.suspensions += suspended.tally.suspensions
    }
    tally.add(driver.tally)
    tally.endings[observed.status, default: 0] += 1
    return complaints + observed.differences(from: expected)
  }
}
