import Engine
import Testing
import Values

@Suite struct ForkTests {
  private let two = """
    do:
      - both:
          fork:
            branches:
              - left: {call: oracle, with: {side: left}}
              - right: {call: oracle, with: {side: right}}
    """

  @Test func outputsKeepTheOrderOfTheBranches() throws {
    var bench = try Bench(two)
    #expect(bench.requests.map(\.data) == [["side": "left"], ["side": "right"]])
    bench.reply(.completed("R"), to: bench.requests[1].id)
    #expect(bench.state.status == .running)
    bench.reply(.completed("L"), to: bench.requests[0].id)
    #expect(bench.state.output == ["L", "R"])
  }

  @Test func nullIsAnOutputToo() throws {
    var bench = try Bench(two)
    bench.reply(.completed(nil), to: bench.requests[1].id)
    try bench.restart()
    #expect(bench.state.status == .running)
    bench.reply(.completed(1), to: bench.requests[0].id)
    #expect(bench.state.output == [1, nil])
  }

  @Test func anErrorCancelsTheOtherBranches() throws {
    var bench = try Bench(two)
    bench.reply(
      .failed(ProblemDetails(type: "x", status: 422), retryable: false, retryAfter: nil), to: bench.requests[0].id)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.instance == "/do/0/both/fork/branches/0/left")
    #expect(bench.trace.contains("x/do/0/both/fork/branches/1/right"))
    #expect(bench.reply(.completed("late"), to: bench.requests[1].id) == .ignored(.terminal))
  }

  @Test func theFirstOfARaceWins() throws {
    var bench = try Bench(
      """
      do:
        - race:
            fork:
              compete: true
              branches:
                - slow: {call: oracle}
                - fast: {do: [{a: {call: oracle}}, {b: {set: {fast: true}}}]}
        - after: {set: {won: "${ . }"}}
      """)
    bench.reply(.completed(1), to: bench.requests[1].id)
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == ["won": ["fast": true]])
    #expect(bench.trace.contains("x/do/0/race/fork/branches/0/slow"))
  }

  /// The kit: three branches that need no time.
  @Test func aRaceOfImmediateBranchesHasOneWinner() throws {
    let bench = try Bench(
      """
      do:
        - race:
            fork:
              compete: true
              branches:
                - red: {set: {colors: ["red"]}}
                - green: {set: {colors: ["green"]}}
      """)
    #expect(bench.state.output == ["colors": ["red"]])
    #expect(!bench.trace.contains("+/do/0/race/fork/branches/1/green"))
  }

  @Test func aBranchThatIsSkippedGivesItsInput() throws {
    let bench = try Bench(
      """
      do:
        - both:
            fork:
              branches:
                - a: {if: .no, set: {x: 1}}
                - b: {set: {x: 2}}
      """, input: ["no": false])
    #expect(bench.state.output == [["no": false], ["x": 2]])
  }

  @Test func endInABranchEndsTheWorkflow() throws {
    let bench = try Bench(
      """
      do:
        - both:
            fork:
              branches:
                - a: {call: oracle}
                - b: {set: {x: 2}, then: end}
        - after: {set: {x: 3}}
      """)
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == ["x": 2])
    #expect(bench.trace.contains("x/do/0/both/fork/branches/0/a"))
  }
}
