import Engine
import Testing
import Values

/// What a definition and its data can make of an instance has bounds: data that the store cannot take, or could not
/// give back, faults the task that made it.
@Suite struct LimitTests {
  private func nested(_ depth: Int) -> JSON { (0..<depth).reduce(JSON.null) { value, _ in [value] } }

  private func depth(_ json: JSON) -> Int {
    var depth = 0
    var rest = json
    while let next = rest[0] {
      depth += 1
      rest = next
    }
    return depth
  }

  @Test func aLoopThatNestsItsDataIsStopped() throws {
    let bench = try Bench(
      """
      do:
        - wrap: {set: "${ [.] }", then: wrap}
      """, input: nil)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/validation") == true)
    #expect(bench.state.error?.instance == "/do/0/wrap")
    #expect(bench.state.error?.detail?.contains("256") == true)
  }

  /// The same, one step at a time.
  @Test func aLoopThatNestsItsContextIsStopped() throws {
    var bench = try Bench(
      """
      do:
        - ask: {call: oracle, export: {as: {inner: "${ $context }"}}, then: ask}
      """, options: EngineOptions(maxDepth: 10))
    for _ in 0..<10 { bench.reply(.completed(nil)) }
    #expect(bench.state.status == .running)
    bench.reply(.completed(nil))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.detail?.contains("context") == true)
  }

  @Test func everyStageIsBounded() throws {
    let options = EngineOptions(maxDepth: 10)
    let stages = [
      "do: [{a: {set: {x: 1}, output: {as: {deep: \"${ $workflow.input }\"}}}}]",
      "do: [{a: {set: {x: 1}, export: {as: {deep: \"${ $workflow.input }\"}}}}]",
      "do: [{a: {input: {from: {deep: \"${ $workflow.input }\"}}, call: oracle}}]",
      "do: [{a: {call: oracle, with: {deep: \"${ $workflow.input }\"}}}]",
      "output: {as: {deep: \"${ $workflow.input }\"}}\ndo: [{a: {set: {x: 1}}}]",
    ]
    for stage in stages {
      var options = options
      options.maxRequestDepth = 10
      #expect(try Bench(stage, input: nested(9), options: options).state.status != .faulted)
      let bench = try Bench(stage, input: nested(10), options: options)
      #expect(bench.state.status == .faulted, "\(stage)")
      #expect(bench.state.error?.status == 400)
    }
  }

  /// An event may nest 128 levels deep; what the engine wraps around it is no reason to refuse it.
  @Test func theDeepestEventIsTaken() throws {
    let bench = try Bench("do: [{a: {set: \"${ . }\"}}]", input: [["data": nested(128)]])
    #expect(bench.state.status == .completed)
    #expect(bench.state.output?[0]?["data"].map(depth) == 128)
  }

  @Test func aProcessingEventIsNoDeeperThanItsReadersTake() throws {
    let body = "do: [{a: {call: oracle, with: {data: \"${ . }\"}}}]"
    #expect(try Bench(body, input: nested(127)).requests.count == 1)
    let bench = try Bench(body, input: nested(128))
    #expect(bench.requests.isEmpty)
    #expect(bench.state.error?.detail?.contains("128 levels") == true)
  }

  /// Ten thousand tasks may run in one step, and each may have a large output: the rest is left to the next step.
  @Test func oneStepsOutputsAreBounded() throws {
    var bench = try Bench(
      """
      do:
        - copy: {set: "${ . }", then: copy}
      """, input: ["text": .string(String(repeating: "x", count: 1000))], options: EngineOptions(maxStepBytes: 100_000))
    #expect(bench.state.status == .running)
    #expect(bench.state.wakeAt == start)
    #expect(bench.entries.count < 250)
    #expect(bench.finishUnfinished() == 100)
    #expect(bench.state.status == .faulted)
  }

  @Test func anAbandonedInstanceEnds() throws {
    var bench = try Bench("do: [{outer: {do: [{a: {call: oracle}}]}}]")
    let step = bench.engine.abandon("nobody can store it", state: &bench.state, now: start)
    #expect(step.disposition == .applied)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.detail == "nobody can store it")
    #expect(bench.state.activities.isEmpty)
    #expect(bench.state.wakeAt == nil)
    #expect(step.entries.last == .workflowFaulted(problem: try #require(bench.state.error)))
    #expect(bench.engine.abandon("again", state: &bench.state, now: start).disposition == .ignored(.terminal))
  }
}
