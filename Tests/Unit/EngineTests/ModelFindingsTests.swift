import Engine
import Testing
import Values

/// What the comparison with a second interpreter (ModelTests) brought to light, in the smallest form.
@Suite struct ModelFindingsTests {
  private static let traced =
    "use: {extensions: [{log: {extend: all, before: [{note: {set: {noted: true}}}]}}]}\n"

  @Test func whatExtensionsAddIsNotSpokenOf() throws {
    let skipped = try Bench(Self.traced + "do: [{a: {if: .no, set: {x: 1}}}]")
    #expect(skipped.trace == ["~/do/0/a"])
    let failed = try Bench(Self.traced + "do: [{a: {if: .a.b.c, set: {x: 1}}}]", input: ["a": [1]])
    #expect(failed.trace == ["+/do/0/a", "!/do/0/a"])
    #expect(failed.state.error?.instance == "/do/0/a")
  }

  @Test func whetherAnExtensionAppliesCanFail() throws {
    let bench = try Bench(
      """
      use: {extensions: [{log: {extend: all, when: .a.b.c, before: [{note: {set: {noted: true}}}]}}]}
      do: [{a: {set: {x: 1}}}]
      """, input: ["a": [1]])
    #expect(bench.trace == ["+/do/0/a", "!/do/0/a"])
    #expect(bench.state.error?.instance == "/do/0/a")
  }

  @Test func whatUndoesIsNotUndone() throws {
    let bench = try Bench(
      """
      use:
        functions:
          inner: {set: {x: 1}}
          outer: {set: {x: 2}, metadata: {compensation: {use: inner}}}
      do:
        - a: {set: {x: 3}, metadata: {compensation: {use: outer}}}
        - b: {raise: {error: {type: about:blank, status: 500}}}
      """)
    #expect(bench.trace.suffix(2) == ["+/use/functions/outer", "-/use/functions/outer"])
    #expect(bench.state.status == .faulted)
  }

  @Test func anExtendedSwitchLeadsToItsSiblings() throws {
    func run(_ then: String) throws -> Bench {
      var bench = try Bench(
        """
        use: {extensions: [{log: {extend: switch, after: [{pause: {wait: PT1S}}]}}]}
        do:
          - inner:
              do:
                - choose: {switch: [{only: {then: \(then)}}]}
                - left: {set: {at: left}}
                - right: {set: {at: right}}
          - after: {set: {was: "${ .at }"}}
        """)
      // A crash between the two forgets nothing of where the flow goes.
      try bench.restart()
      bench.wake(after: .seconds(1))
      return bench
    }
    #expect(try run("right").trace.filter { $0.hasSuffix("left") }.isEmpty)
    #expect(try run("right").state.output == ["was": "right"])
    #expect(try run("exit").state.output == ["was": nil])
    #expect(try run("continue").trace.filter { $0.hasSuffix("left") }.count == 2)
    #expect(try run("end").trace.filter { $0.hasPrefix("+") }.count == 3)
  }

  @Test func aSwitchWhoseOutputFailsIsStartedOnce() throws {
    let bench = try Bench(
      "do: [{choose: {switch: [{only: {then: continue}}], output: {as: .a.b.c}}}]", input: ["a": [1]])
    #expect(bench.trace == ["+/do/0/choose", "!/do/0/choose"])
  }

  @Test func anInputThatIsLeftAsItIsStaysTheTasksInput() throws {
    let bench = try Bench(
      "do: [{a: {input: {from: .}, wait: PT0S, output: {as: $task.input}}}]", input: ["n": 3])
    #expect(bench.state.output == ["n": 3])
  }

  /// Several things are due at once, and each has more to do than a step may.
  @Test func whatOneStepLeavesAnotherDoesNotForget() throws {
    let branch = "do: [{pause: {wait: PT1S}}, {a: {set: {x: 1}}}, {b: {set: {x: 2}}}, {c: {set: {x: 3}}}]"
    var bench = try Bench(
      "do: [{both: {fork: {branches: [{left: {\(branch)}}, {right: {\(branch)}}]}}}]",
      options: EngineOptions(maxTransitionsPerStep: 2))
    _ = bench.finishUnfinished()
    bench.wake(after: .seconds(1))
    #expect(bench.state.unfinished.count == 2)
    #expect(bench.state.status == .running)
    try bench.restart()
    _ = bench.finishUnfinished()
    #expect(bench.state.output == [["x": 3], ["x": 3]])
  }

  @Test func aCompensationSeesTheContextThatItsTaskLeft() throws {
    let bench = try Bench(
      """
      use: {functions: {undo: {call: stock, with: {id: "${ .id }"}}}}
      do:
        - reserve:
            set: {id: 7}
            export: {as: "{reservation: .id}"}
            metadata: {compensation: {use: undo, with: {id: "${ $context.reservation }"}}}
        - stop: {raise: {error: {type: about:blank, status: 500}}}
      """)
    #expect(bench.requests.map(\.data) == [["id": 7]])
  }

  /// The index finds no instance for such an event, and an instance that sees it all the same does as if it had not.
  @Test func anEventThatCannotBeCorrelatedIsForNobody() throws {
    var bench = try Bench(
      """
      do:
        - hear:
            listen:
              to:
                one:
                  with: {type: paid, data: "${ .sum + 1 > 2 }"}
                  correlate: {order: {from: .data.order, expect: "${ .order }"}}
      """, input: ["order": 7])
    #expect(bench.event(["type": "paid", "data": [1, 2]]) == .ignored(.unwanted))
    #expect(bench.event(["type": "paid", "data": ["order": 8, "sum": [1]]]) == .ignored(.unwanted))
    #expect(bench.state.status == .waiting)
    bench.event(["type": "paid", "data": ["order": 7, "sum": 3]])
    #expect(bench.state.output == [["order": 7, "sum": 3]])
  }

  @Test func aStateThatWasReadWeighsAsMuchAsBefore() throws {
    var bench = try Bench("do: [{a: {set: {x: 1}, export: {as: '{notes: .}'}}}, {pause: {wait: PT1S}}]")
    let bytes = bench.state.approximateBytes
    try bench.restart()
    #expect(bench.state.approximateBytes == bytes)
  }
}
