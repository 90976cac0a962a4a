import Engine
import Testing
import Values
import Workflow

/// Other workflows, functions, extensions, compensation.
@Suite struct ComponentTests {
  // MARK: Other workflows

  private let parent = """
    do:
      - order: {run: {workflow: {namespace: shop, name: order, version: 1.0.0, input: {item: "${ .item }"}}}}
      - after: {set: {was: "${ . }"}}
    """

  private func child(_ bench: Bench) throws -> ChildStart {
    try #require(bench.entries.compactMap { if case .childStarted(let child) = $0 { child } else { nil } }.last)
  }

  @Test func anotherWorkflowIsAwaited() throws {
    var bench = try Bench(parent, input: ["item": "tea"])
    let child = try child(bench)
    #expect(child.namespace == "shop" && child.name == "order" && child.version == "1.0.0" && child.isAwaited)
    #expect(child.input == ["item": "tea"])
    #expect(bench.state.status == .running)
    try bench.restart()
    let step = bench.engine.child(child.id, .completed(["price": 3]), state: &bench.state, now: start)
    #expect(step.disposition == .applied)
    #expect(bench.state.output == ["was": ["price": 3]])
    let late = bench.engine.child(child.id, .cancelled, state: &bench.state, now: start)
    #expect(late.disposition == .ignored(.terminal))
  }

  @Test func itsErrorIsTheTasks() throws {
    var bench = try Bench(parent, input: ["item": "tea"])
    let problem = ProblemDetails(type: "a/b", status: 409, instance: "/do/3/inside")
    _ = bench.engine.child(try child(bench).id, .faulted(problem), state: &bench.state, now: start)
    #expect(bench.state.error?.status == 409)
    #expect(bench.state.error?.instance == "/do/0/order")
  }

  private let unawaited = """
    do:
      - order: {run: {await: false, workflow: {namespace: shop, name: order, version: latest, input: {x: 1}}}}
      - after: {call: oracle}
    """

  @Test func withoutAwaitingTheInputGoesOnOnceTheOtherBegins() throws {
    var bench = try Bench(unawaited, input: ["item": "tea"])
    let child = try child(bench)
    #expect(child.isAwaited == false)
    #expect(bench.state.status == .running)
    #expect(bench.requests.isEmpty)
    try bench.restart()
    bench.child(child.id, .started)
    #expect(bench.requests.map(\.data) == [[:]])
    #expect(bench.entries.contains(.taskCompleted(activity: 1, reference: "/do/0/order", output: ["item": "tea"])))
    // How it ends is nobody's business.
    #expect(bench.child(child.id, .faulted(ProblemDetails(type: "a/b", status: 409))) == .ignored(.stale))
  }

  @Test func whatCannotBeStartedFaultsItsTaskAlsoWhenItIsNotAwaited() throws {
    var bench = try Bench(unawaited)
    bench.child(try child(bench).id, .faulted(ProblemDetails(type: "a/b", status: 400)))
    #expect(bench.state.error?.status == 400)
    #expect(bench.state.error?.instance == "/do/0/order")
    #expect(!bench.entries.contains { if case .childCancelled = $0 { true } else { false } })
  }

  @Test func thatAnAwaitedOneHasBegunSaysNothing() throws {
    var bench = try Bench(parent, input: ["item": "tea"])
    let before = bench.state
    #expect(bench.child(try child(bench).id, .started) == .applied)
    #expect(bench.state == before)
  }

  /// It was only asked for, and goes on without its parent.
  @Test(arguments: ["{timeout: {after: PT1M}, ", "{"])
  func whatIsNotAwaitedIsNotCancelledWithItsTask(_ task: String) throws {
    var bench = try Bench(
      "do: [{order: \(task)run: {await: false, workflow: {namespace: shop, name: order, version: 1.0.0}}}}]")
    bench.wake(after: .seconds(60))
    _ = bench.engine.cancel("enough", compensating: false, state: &bench.state, now: start)
    #expect(bench.state.status.isTerminal)
    #expect(!bench.entries.contains { if case .childCancelled = $0 { true } else { false } })
  }

  /// What an older version stored: the task of one that was not awaited had completed at once.
  @Test func whatAnOlderVersionStoredGoesOn() throws {
    var bench = try Bench(unawaited)
    let child = try child(bench)
    bench.child(child.id, .started)
    try bench.restart()
    #expect(bench.child(child.id, .completed("late")) == .ignored(.stale))
    bench.reply(.completed("well"))
    #expect(bench.state.output == "well")
  }

  @Test func whatFollowsCanBeLeftToTheNextStep() throws {
    var bench = try Bench(parent, input: ["item": "tea"])
    bench.child(try child(bench).id, .completed(["price": 3]), isLater: true)
    #expect(bench.state.status == .running)
    #expect(bench.state.wakeAt == start)
    try bench.restart()
    bench.wake(after: .zero)
    #expect(bench.state.output == ["was": ["price": 3]])
  }

  /// Meanwhile somebody else may have given the task up.
  @Test func aFaultThatWasLeftIsNobodysOnceItsTaskIsGivenUp() throws {
    var bench = try Bench(
      """
      do:
        - race:
            fork:
              compete: true
              branches:
                - a: {run: {workflow: {namespace: shop, name: order, version: 1.0.0}}}
                - b: {call: oracle}
      """)
    bench.child(try child(bench).id, .faulted(ProblemDetails(type: "a/b", status: 409)), isLater: true)
    bench.reply(.completed("first"))
    bench.wake(after: .zero)
    #expect(bench.state.output == "first")
  }

  @Test func anAwaitedWorkflowIsCancelledWithItsTask() throws {
    var bench = try Bench(
      "do: [{order: {timeout: {after: PT1M}, run: {workflow: {namespace: shop, name: order, version: 1.0.0}}}}]")
    let id = try child(bench).id
    bench.wake(after: .seconds(60))
    #expect(bench.state.status == .faulted)
    // It is the task itself that ends, and what it waits for with it.
    #expect(bench.entries.contains(.childCancelled(id)))
  }

  // MARK: Functions

  @Test func aFunctionSeesItsArgumentsOnly() throws {
    var bench = try Bench(
      """
      use:
        functions:
          ask: {call: oracle, with: {question: "${ .text }"}, output: {as: .answer}}
      do:
        - first: {call: ask, with: {text: "${ .q + \\"?\\" }"}}
        - second: {set: {was: "${ . }"}}
      """, input: ["q": "why"])
    #expect(bench.requests.map(\.data) == [["question": "why?"]])
    bench.reply(.completed(["answer": "because"]))
    #expect(bench.state.output == ["was": "because"])
  }

  // MARK: Extensions

  @Test func extensionsRunAroundTheTask() throws {
    var bench = try Bench(
      """
      use:
        extensions:
          - log:
              extend: call
              when: $task.call == "oracle"
              before: [{note: {call: log, with: {at: "${ $task.reference }", in: "${ . }"}}}]
              after: [{done: {call: log, with: {out: "${ . }"}}}]
      do:
        - ask: {call: oracle, with: {q: "${ .q }"}, output: {as: .a}}
        - other: {call: elsewhere}
      """, input: ["q": 1])
    #expect(bench.requests.last?.channel == "log")
    #expect(bench.requests.last?.data == ["at": "/do/0/ask", "in": ["q": 1]])
    bench.reply(.completed("dropped"))
    try bench.restart()
    #expect(bench.requests.last?.channel == "oracle")
    #expect(bench.requests.last?.data == ["q": 1])
    bench.reply(.completed(["a": 42]))
    #expect(bench.requests.last?.data == ["out": 42])
    bench.reply(.completed("dropped"))
    #expect(bench.requests.last?.channel == "elsewhere")
    bench.reply(.completed(7))
    #expect(bench.state.output == 7)
    #expect(bench.trace.contains("+/do/0/ask") && bench.trace.contains("-/do/0/ask"))
    #expect(!bench.trace.contains { $0.contains("#") })
  }

  @Test func exitBeforeATaskLeavesItOut() throws {
    let bench = try Bench(
      """
      use:
        extensions:
          - mock:
              extend: call
              before: [{answer: {set: {mocked: true}, then: exit}}]
      do:
        - ask: {call: oracle}
        - after: {set: {was: "${ . }"}}
      """)
    #expect(bench.requests.isEmpty)
    #expect(bench.state.output == ["was": ["mocked": true]])
  }

  // MARK: Compensation

  private let saga = """
    use:
      functions:
        release: {call: stock, with: {release: "${ .item }"}}
        refund: {call: bank, with: {refund: "${ .payment }"}}
    do:
      - reserve:
          call: stock
          with: {reserve: tea}
          metadata: {compensation: {use: release, with: {item: "${ .item }"}}}
      - charge:
          call: bank
          with: {charge: 3}
          metadata: {compensation: {use: refund, with: {payment: "${ .payment }"}}}
      - ship: {call: carrier}
    """

  private func failed() throws -> Bench {
    var bench = try Bench(saga)
    bench.reply(.completed(["item": "i-1"]))
    bench.reply(.completed(["payment": "p-1"]))
    bench.reply(.failed(ProblemDetails(type: "a/b", status: 500, title: "no van"), retryable: false, retryAfter: nil))
    return bench
  }

  @Test func completedTasksAreCompensatedInReverse() throws {
    var bench = try failed()
    #expect(bench.state.status == .running)
    #expect(bench.requests.last?.data == ["refund": "p-1"])
    try bench.restart()
    bench.reply(.completed(true))
    #expect(bench.requests.last?.data == ["release": "i-1"])
    try bench.restart()
    bench.reply(.completed(true))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.title == "no van")
    #expect(bench.entries.last == .workflowFaulted(problem: try #require(bench.state.error)))
  }

  @Test func aFailedCompensationAsksForAnOperator() throws {
    var bench = try failed()
    bench.reply(.failed(ProblemDetails(type: "a/b", status: 418), retryable: false, retryAfter: nil))
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.title == "no van")
    #expect(bench.state.error?.extensions["compensation"]?["error"]?["status"] == 418)
    #expect(bench.state.error?.extensions["compensation"]?["open"] == ["/do/0/reserve"])
  }

  @Test func cancellingCompensatesWhenAsked() throws {
    for compensating in [true, false] {
      var bench = try Bench(saga)
      bench.reply(.completed(["item": "i-1"]))
      let step = bench.engine.cancel("operator", compensating: compensating, state: &bench.state, now: start)
      bench.entries += step.entries
      #expect(bench.trace.last == "+/use/functions/release" || !compensating)
      if compensating { bench.reply(.completed(true)) }
      #expect(bench.state.status == .cancelled)
      #expect(bench.state.compensations.isEmpty)
      #expect(ends(bench) == [.workflowCancelled(reason: "operator")])
    }
  }

  @Test func aCancellationThatCannotBeUndoneEndsOnceAsFaulted() throws {
    var bench = try Bench(saga)
    bench.reply(.completed(["item": "i-1"]))
    bench.entries += bench.engine.cancel("operator", compensating: true, state: &bench.state, now: start).entries
    #expect(ends(bench).isEmpty)
    bench.reply(.failed(ProblemDetails(type: "a/b", status: 418), retryable: false, retryAfter: nil))
    #expect(bench.state.status == .faulted)
    #expect(ends(bench).count == 1)
    // An operator sees to it, and what was asked for first comes true.
    try bench.operate(.retry)
    bench.reply(.completed(true))
    #expect(bench.state.status == .cancelled)
    #expect(ends(bench).last == .workflowCancelled(reason: "operator"))
  }

  private func ends(_ bench: Bench) -> [JournalEntry] {
    bench.entries.filter {
      switch $0 {
      case .workflowCompleted, .workflowFaulted, .workflowCancelled: true
      default: false
      }
    }
  }

  @Test func aCompensationHasRetriesOfItsOwn() throws {
    var bench = try failed()
    bench.reply(.failed(ProblemDetails(type: "a/b", status: 503), retryable: true, retryAfter: nil))
    #expect(bench.state.status == .running)
    bench.wake(after: .seconds(2))
    #expect(bench.requests.last?.attempt == 2)
    #expect(bench.requests.last?.data == ["refund": "p-1"])
  }
}
