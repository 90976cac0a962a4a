import Testing
import Toolchain
import Workflow

@Suite struct FlowGraphTests {
  @Test func tasksFollowOneAnother() throws {
    #expect(
      try graph("- a: { call: x }\n- b: { call: y }").steps == ["start → a", "a → b", "b → end"])
  }

  @Test func anIfLeadsPastItsTaskWhateverFollowsTheTask() throws {
    let graph = try graph("- a: { if: '${ .x }', call: x, then: end }\n- b: { call: y }")
    #expect(graph.steps == ["start → if", "if → a (yes)", "if → b (no)", "b → end", "a → end"])
    #expect(graph.nodes[1].details == [".x"])
  }

  @Test func aSwitchWithoutDefaultAlsoGoesOn() throws {
    let graph = try graph(
      """
      - a:
          switch:
            - small: { when: .n < 3, then: c }
            - large: { when: .n > 9, then: end }
      - b: { set: { x: 1 } }
      - c: { wait: PT1M }
      """)
    #expect(
      graph.steps == [
        "start → a", "a → b (otherwise)", "b → c", "a → c (small: .n < 3)", "c → end", "a → end (large: .n > 9)",
      ])
  }

  @Test func anExitEndsItsScopeAndAnEndTheWorkflow() throws {
    let graph = try graph(
      """
      - outer:
          do:
            - a: { if: .x, call: x, then: exit }
            - b: { call: y, then: end }
      - c: { call: z }
      """)
    #expect(
      graph.steps == ["start → if", "if → a (yes)", "if → b (no)", "a → c", "c → end", "b → end"])
    #expect(graph.groups.map(\.title) == ["", "outer · do"])
  }

  @Test func aJumpBackEntersTheScopeThatItNames() throws {
    let graph = try graph("- outer: { do: [ { a: { call: x } } ] }\n- b: { call: y, then: outer }")
    #expect(graph.steps == ["start → a", "a → b", "b → a"])
  }

  @Test func aLoopComesBackToWhatDecidesAboutIt() throws {
    let graph = try graph("- l: { for: { each: n, in: .all, at: i }, while: .on, do: [ { a: { call: x } } ] }")
    #expect(graph.steps == ["start → l", "l → a (each item)", "a → l (loop)", "l → end (done)"])
    #expect(graph.nodes[1].details == ["for n at i in .all", "while .on"])
  }

  @Test func branchesBeginAndMeet() throws {
    let graph = try graph(
      "- f: { fork: { compete: true, branches: [ { a: { call: x } }, { b: { if: .y, call: y } } ] } }")
    #expect(
      graph.steps == [
        "start → f", "f → a", "f → if", "if → b (yes)", "a → the first has ended", "b → the first has ended",
        "if → the first has ended (no)", "the first has ended → end",
      ])
  }

  @Test func errorsLeadFromAllThatIsTriedToTheCatch() throws {
    let graph = try graph(
      """
      - t:
          try:
            - a: { call: x }
            - b: { call: y }
          catch:
            errors: { with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout' } }
            when: .error.status > 1
            retry: { delay: PT1S, limit: { attempt: { count: 3 } } }
            do: [ { c: { call: z } } ]
      """)
    #expect(
      graph.steps == [
        "start → a", "a → b", "all of attempt → catch timeout (error, error)", "catch timeout → a (retry, retry)",
        "catch timeout → c", "b → end", "c → end",
      ])
    #expect(graph.nodes[3].details == ["when .error.status > 1", "retry ≤ 2 times after PT1S"])
  }

  @Test func anErrorThatNobodyCatchesFaultsTheWorkflow() throws {
    let raise = "raise: { error: { type: 'https://x.example/e', status: 400 } }"
    #expect(try graph("- a: { \(raise) }").steps == ["start → a", "a → faulted (error)"])
    let caught = try graph("- t: { try: [ { a: { \(raise) } } ], catch: { } }")
    #expect(
      caught.steps == ["start → a", "all of attempt → catch every error (error, error)", "catch every error → end"])
  }

  @Test func aFunctionIsDrawnOnce() throws {
    let graph = try graph(
      "- a: { call: f }\n- b: { call: f }", more: "use: { functions: { f: { call: x } } }")
    #expect(graph.steps == ["start → f", "f → b", "b → end"])
    #expect(graph.nodes[2].details == ["call function f"])
  }

  @Test func extensionsLieAroundTheirTask() throws {
    let graph = try graph(
      "- a: { call: x }",
      more: """
        use:
          extensions:
            - one: { extend: call, before: [ { b1: { set: { x: 1 } } } ], after: [ { a1: { set: { x: 1 } } } ] }
            - two: { extend: call, before: [ { b2: { set: { x: 1 } } } ], after: [ { a2: { set: { x: 1 } } } ] }
        """)
    #expect(graph.steps == ["start → b1", "b1 → b2", "b2 → a", "a → a2", "a2 → a1", "a1 → end"])
  }

  @Test func everyEventThatIsListenedToIsNamed() throws {
    let graph = try graph(
      "- l: { listen: { to: { one: { with: { type: a.b, subject: s } } } }, timeout: { after: PT1H } }")
    #expect(graph.nodes[1].details == ["listen to a.b, subject = \"s\"", "within PT1H"])
  }

  @Test func longTextsAreCutAndWhiteSpaceIsOneSpace() throws {
    let graph = try graph("- a: { if: '${ .a   == \"\(String(repeating: "x", count: 90))\" }', call: x }")
    #expect(graph.nodes[1].details == [".a == \"" + String(repeating: "x", count: 36) + "…"])
  }
}
