import Engine
import Testing
import Toolchain
import Values
import Workflow

@Suite struct RunEventTests {
  private let listening = """
    do:
      - wait: {listen: {to: {one: {with: {type: parcel}, correlate: {id: {from: .data.id, expect: "${ .id }"}}}}}}
    """

  @Test func anEventArrivesAtItsTime() async throws {
    let result = try await run(
      listening, input: ["id": 7],
      mocks: """
        events:
          - {at: PT1H, event: {type: parcel, data: {id: 8}}}
          - {at: PT2H, event: {type: parcel, data: {id: "${ .id }"}}}
        """)
    #expect(result.status == .completed)
    #expect(result.output == [["id": 7]])
    #expect(result.duration == .seconds(7_200))
    #expect(result.unusedEvents.map { $0["id"] ?? .null } == ["mock-1"])
  }

  @Test func anEventThatCameTooEarlyIsKeptForADay() async throws {
    func after(_ pause: String) async throws -> LocalRun {
      try await run(
        "do: [{sleep: {wait: \(pause)}}, {hear: {listen: {to: {one: {with: {type: parcel}}}}}}]",
        mocks: "events: [{event: {type: parcel, data: 1}}]")
    }
    #expect(try await after("PT23H").status == .completed)
    let late = try await after("PT25H")
    #expect(late.status == .waiting)
    #expect(late.obstacles.map(\.detail) == ["an event of type 'parcel'"])
    #expect(late.unusedEvents.count == 1)
  }

  @Test func whatIsEmittedReachesWhatListens() async throws {
    let result = try await run(
      """
      do:
        - both:
            fork:
              branches:
                - hear: {listen: {to: {one: {with: {type: ping}}}}}
                - say: {do: [{pause: {wait: PT1S}}, {emit: {emit: {event: {with: {type: ping, source: /me, data: {n: 1}}}}}}]}
      """)
    #expect(result.status == .completed)
    #expect(result.output?[0] == [["n": 1]])
    #expect(result.emitted.map { $0.event["type"] ?? .null } == ["ping"])
  }

  @Test func aTimeoutOfAListenerStrikes() async throws {
    let result = try await run("do: [{hear: {listen: {to: {one: {with: {type: ping}}}}, timeout: {after: P2D}}}]")
    #expect(result.status == .faulted)
    #expect(result.error?.status == 408)
    #expect(result.duration == .seconds(172_800))
  }

  // MARK: Other workflows

  private let parent = """
    do: [{child: {run: {workflow: {namespace: tests, name: other, version: 1.0.0, input: {n: "${ .n }"}}}}}]
    """

  @Test func otherWorkflowsRunToo() async throws {
    let other = try runnable("do: [{pause: {wait: PT1M}}, {double: {set: {twice: '${ .n * 2 }'}}}]", name: "other")
    let result = try await run(parent, input: ["n": 21], with: [other])
    #expect(result.output == ["twice": 42])
    #expect(result.duration == .seconds(60))
    #expect(result.instances.count == 2)
    #expect(result.json["workflows"]?[0]?["workflow"] == "tests/other")
  }

  @Test func whatIsNotAwaitedRunsOn() async throws {
    let other = try runnable(
      "do: [{pause: {wait: PT1M}}, {say: {emit: {event: {with: {type: t, source: /s}}}}}]", name: "other")
    let result = try await run(
      "do: [{child: {run: {await: false, workflow: {namespace: tests, name: other, version: latest}}}}]", with: [other])
    #expect(result.instances.map(\.state.status) == [.completed, .completed])
    #expect(result.emitted.count == 1)
    #expect(result.instances[0].endedAt == result.start)
  }

  @Test func whatIsNotAwaitedAndUnknownFaultsToo() async throws {
    let result = try await run(
      "do: [{child: {run: {await: false, workflow: {namespace: tests, name: nobody, version: latest}}}}]")
    #expect(result.status == .faulted)
    #expect(result.error?.type.hasSuffix("/configuration") == true)
  }

  /// Its mock may say that it fails: nobody waits for that.
  @Test func whatIsNotAwaitedMayBeMocked() async throws {
    let result = try await run(
      "do: [{child: {run: {await: false, workflow: {namespace: tests, name: other, version: latest}}}}]",
      input: ["n": 1], mocks: "workflows: {tests/other: {after: PT5S, fail: {status: 500}}}")
    #expect(result.output == ["n": 1])
  }

  @Test func otherWorkflowsMayBeMocked() async throws {
    let result = try await run(
      parent, input: ["n": 1], mocks: "workflows: {tests/other: {after: PT5S, reply: {seen: '${ .n }'}}}")
    #expect(result.output == ["seen": 1])
    #expect(result.duration == .seconds(5))
  }

  @Test func unknownOnesFaultAsInTheMediator() async throws {
    let result = try await run(parent)
    #expect(result.status == .faulted)
    #expect(result.error?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/configuration")
    #expect(result.error?.instance == "/do/0/child")
  }

  @Test func aChildIsStoppedWithItsParent() async throws {
    let other = try runnable("do: [{pause: {wait: PT1H}}]", name: "other")
    let result = try await run("timeout: {after: PT1M}\n" + parent, input: ["n": 1], with: [other])
    #expect(result.status == .faulted)
    #expect(result.instances[1].state.status == .cancelled)
  }

  @Test func aParentWaitsWithTheCallThatItsChildMakesInVain() async throws {
    let other = try runnable("do: [{ask: {call: oracle}}]", name: "other")
    let result = try await run("timeout: {after: PT1M}\n" + parent, input: ["n": 1], with: [other])
    #expect(result.status == .waiting)
    #expect(result.obstacles.map(\.task) == ["ask"])
  }

  // MARK: Starting by an event

  private func scheduled(_ on: String) throws -> WorkflowDefinition {
    try runnable("schedule: {on: \(on)}\ndo: [{a: {set: {x: 1}}}]")
  }

  @Test func dataAloneGetsWhatTheScheduleNames() throws {
    let input = try scheduled("{one: {with: {type: order.placed, source: /shop}}}").input(
      startedBy: ["order": 1], at: LocalRun.defaultStart)
    #expect(
      input == [
        [
          "specversion": "1.0", "id": "event-1", "source": "/shop", "type": "order.placed",
          "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json", "data": ["order": 1],
        ]
      ])
  }

  @Test func anEventStaysAsItIs() throws {
    let event: JSON = [
      "specversion": "1.0", "id": "7", "source": "/x", "type": "order.placed", "time": "2026-02-01T00:00:00Z",
      "datacontenttype": "application/json", "data": ["order": 1],
    ]
    let input = try scheduled("{any: [{with: {type: a}}, {with: {type: order.placed}}]}").input(
      startedBy: event, at: LocalRun.defaultStart)
    #expect(input == [event])
  }

  @Test func anotherEventIsRefused() throws {
    let definition = try scheduled("{one: {with: {type: order.placed}}}")
    let problem = #expect(throws: StartProblem.self) {
      try definition.input(startedBy: ["type": "order.paid", "data": 1], at: LocalRun.defaultStart)
    }
    #expect(
      problem?.description
        == #"this event does not start the workflow: its type is "order.paid", and the schedule wants "order.placed""#)
    #expect(throws: StartProblem.self) {
      try runnable("do: [{a: {set: {x: 1}}}]").input(startedBy: 1, at: LocalRun.defaultStart)
    }
  }

  @Test func severalEventsStartTogether() throws {
    let definition = try scheduled("{all: [{with: {type: a}}, {with: {type: b}}]}")
    let input = try definition.input(startedBy: [["x": 1], ["y": 2]], at: LocalRun.defaultStart)
    #expect(input.array?.map { $0["type"] ?? .null } == ["a", "b"])
    #expect(throws: StartProblem.self) { try definition.input(startedBy: [["x": 1]], at: LocalRun.defaultStart) }
  }
}
