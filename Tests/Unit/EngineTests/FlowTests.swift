import Engine
import Testing
import Values

@Suite struct FlowTests {
  @Test func setTasksRunInOrderAndHandTheirOutputOn() throws {
    let bench = try Bench(
      """
      do:
        - a: {set: {x: 1}}
        - b: {set: {y: "${ .x }"}}
      """)
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == ["y": 1])
    #expect(bench.trace == ["+/do/0/a", "-/do/0/a", "+/do/1/b", "-/do/1/b"])
    #expect(bench.entries.first == .workflowStarted)
    #expect(bench.entries.last == .workflowCompleted(output: ["y": 1]))
    #expect(bench.state.activities.isEmpty)
    #expect(bench.state.wakeAt == nil)
  }

  @Test func nestedScopesContinueInTheirParent() throws {
    let bench = try Bench(
      """
      do:
        - outer:
            do:
              - inner: {set: {v: 1}}
              - leave: {set: {v: 2}, then: exit}
              - never: {set: {v: 3}}
        - after: {set: {w: "${ .v }"}}
      """)
    #expect(bench.state.output == ["w": 2])
    #expect(
      bench.trace == [
        "+/do/0/outer", "+/do/0/outer/do/0/inner", "-/do/0/outer/do/0/inner", "+/do/0/outer/do/1/leave",
        "-/do/0/outer/do/1/leave", "-/do/0/outer", "+/do/1/after", "-/do/1/after",
      ])
  }

  @Test func endLeavesEveryScope() throws {
    let bench = try Bench(
      """
      do:
        - outer:
            do:
              - stop: {set: {v: 1}, then: end}
        - never: {set: {v: 2}}
      """)
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == ["v": 1])
    #expect(bench.state.activities.isEmpty)
  }

  @Test(arguments: [(5, "high"), (1, "low"), (0, "none")])
  func switchTakesTheFirstMatch(value: Int, expected: String) throws {
    let bench = try Bench(
      """
      do:
        - choose:
            switch:
              - default: {then: none}
              - high: {when: "${ .v > 3 }", then: high}
              - positive: {when: "${ .v > 0 }", then: low}
        - none: {set: {r: none}, then: end}
        - high: {set: {r: high}, then: end}
        - low: {set: {r: low}, then: end}
      """, input: ["v": .number(JSONNumber(value))])
    #expect(bench.state.output == ["r": .string(expected)])
  }

  @Test func aSwitchWithoutMatchContinues() throws {
    let bench = try Bench(
      """
      do:
        - choose:
            switch:
              - never: {when: "${ false }", then: end}
        - next: {set: {r: 1}}
      """)
    #expect(bench.state.output == ["r": 1])
  }

  @Test func aFalseIfSkipsTheTaskAndHandsItsInputOn() throws {
    let bench = try Bench(
      """
      do:
        - a: {if: "${ .on }", set: {x: 1}}
        - b: {set: {got: "${ . }"}}
      """, input: ["on": false])
    #expect(bench.trace.first == "~/do/0/a")
    #expect(bench.state.output == ["got": ["on": false]])
  }

  @Test func dataStagesShapeInputOutputAndContext() throws {
    let bench = try Bench(
      """
      input: {from: "${ .payload }"}
      output: {as: {final: "${ . }", context: "${ $context.kept }"}}
      do:
        - a:
            input: {from: {narrow: "${ .n }"}}
            set: {sum: "${ $input.narrow }", raw: "${ $workflow.input.payload.n }"}
            output: {as: "${ .sum }"}
            export: {as: {kept: "${ . }"}}
      """, input: ["payload": ["n": 7]])
    #expect(bench.state.output == ["final": 7, "context": 7])
  }

  @Test func aBackwardJumpWithoutACallIsStopped() throws {
    var bench = try Bench(
      """
      do:
        - a: {set: {x: 1}}
        - b: {set: {x: 2}, then: a}
      """, options: EngineOptions(maxTransitionsPerStep: 50, maxStepsWithoutWaiting: 7))
    #expect(bench.finishUnfinished() == 7)
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/runtime") == true)
    #expect(bench.state.error?.detail?.contains("loop") == true)
  }

  @Test func anExpressionErrorFaultsItsTask() throws {
    let bench = try Bench(
      """
      do:
        - a: {set: {x: "${ .a.b.c }"}}
      """, input: ["a": "text"])
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/expression") == true)
    #expect(bench.state.error?.status == 400)
    #expect(bench.state.error?.instance == "/do/0/a")
    #expect(bench.trace == ["+/do/0/a", "!/do/0/a"])
  }

  @Test func variablesDescribeWorkflowTaskAndRuntime() throws {
    let bench = try Bench(
      """
      do:
        - a:
            set:
              id: "${ $workflow.id }"
              name: "${ $task.name }"
              reference: "${ $task.reference }"
              started: "${ $workflow.startedAt.epoch.seconds }"
              runtime: "${ $runtime.name }"
              document: "${ $workflow.definition.document.name }"
      """)
    #expect(
      bench.state.output == [
        "id": .string(bench.state.id.text), "name": "a", "reference": "/do/0/a", "started": 1_700_000_000,
        "runtime": "mediator", "document": "example",
      ])
  }

  @Test func numbersBeyondADoubleAreCarriedUnaltered() throws {
    let big: JSON = .number(try #require(try JSON.parse("9007199254740993").number))
    let bench = try Bench("do: [{a: {set: {n: \"${ .n }\"}}}]", input: ["n": big])
    #expect(bench.state.output?.text == #"{"n":9007199254740993}"#)
  }
}

extension JSON {
  fileprivate var number: JSONNumber? { if case .number(let number) = self { number } else { nil } }
}
