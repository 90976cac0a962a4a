import Engine
import Foundation
import Testing
import Values
import Workflow

/// Long loops: no cost and no state grows with what has finished.
@Suite struct LongLoopTests {
  @Test(arguments: [false, true]) func aLoopTakesTimeInProportionToItsItems(calls: Bool) throws {
    // The fewer are measured again and again, so that a pause of the machine does not count.
    let short = try (0..<3).map { _ in try Self.run(items: 2_000, calls: calls) }
    let long = try (0..<2).map { _ in try Self.run(items: 20_000, calls: calls) }
    let ratio = long.map(\.time).min()! / short.map(\.time).min()!
    print(
      "loop \(calls ? "with" : "without") a call: \(long.map(\.time).min()!) for 20,000 items, \(ratio) times that of 2,000"
    )
    #expect(ratio < 25, "ten times the items took \(ratio) times the time")
    // The items themselves rest in the state, and nothing of what was done with them.
    for measurement in [short[0], long[0]] {
      #expect(measurement.largestState < measurement.itemBytes + 500)
      #expect(measurement.mostActivities == (calls ? 3 : 2))
      #expect(measurement.largestStep < 2_100)
    }
  }

  /// Of this thread, in seconds: others share the machine.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private struct Measurement {
    var time = 0.0
    var largestState = 0
    var itemBytes = 0
    var mostActivities = 0
    /// The most entries of one step.
    var largestStep = 0
  }

  private static func run(items: Int, calls: Bool) throws -> Measurement {
    let body = calls ? "{call: oracle, with: {n: \"${ $item }\"}}" : "{set: {n: \"${ $item }\"}}"
    let text = """
      document: {dsl: 1.0.3, namespace: tests, name: loop, version: 1.0.0}
      do: [{loop: {for: {in: "[range(\(items))]"}, do: [{step: \(body)}]}}]
      """
    let definition = try #require(WorkflowParser.parse(text, file: "loop.yaml").definition)
    let engine = Engine(definition: definition, options: EngineOptions(maxTransitionsPerStep: 1_000))
    var measurement = Measurement()
    measurement.itemBytes = JSON.array((0..<items).map { .number(JSONNumber($0)) }).text.utf8.count
    var completed = 0
    let started = processorTime()
    var (state, step) = engine.start(id: World.instance, input: [:], now: World.start)
    while !state.status.isTerminal {
      measurement.mostActivities = max(measurement.mostActivities, state.activities.count)
      measurement.largestStep = max(measurement.largestStep, step.entries.count)
      if completed % 1_000 == 0 { measurement.largestState = max(measurement.largestState, state.approximateBytes) }
      completed += step.entries.count { if case .taskCompleted = $0 { true } else { false } }
      var request: Request?
      for case .requested(let last) in step.entries { request = last }
      if let request {
        step = engine.reply(
          .completed(["n": request.data["n"] ?? .null]), to: request.id, state: &state, now: World.start)
      } else {
        #expect(state.wakeAt == state.updatedAt)
        step = engine.wake(&state, now: World.start)
      }
      guard step.disposition == .applied else { break }
    }
    measurement.time = processorTime() - started
    #expect(state.status == .completed)
    #expect(state.output == ["n": .number(JSONNumber(items - 1))])
    return measurement
  }
}
