import Engine
import Testing
import Values

/// A workflow runs again from one of its tasks on.
@Suite struct RerunTests {
  private let body = """
    input: {from: .order}
    do:
      - a: {set: {n: "${ .n + 1 }"}, export: {as: "${ {k: .n} }"}}
      - ask: {call: oracle, with: {n: "${ .n }", k: "${ $context.k }"}}
      - outer:
          input: {from: "${ {m: .n} }"}
          do:
            - first: {set: {m: "${ .m + 1 }"}, export: {as: "${ {k: 99} }"}}
            - tell: {call: alerts, with: {m: "${ .m }", k: "${ $context.k }"}}
      - last: {call: alerts}
    """

  private func completed() throws -> Bench {
    var bench = try Bench(body, input: ["order": ["n": 1]])
    bench.reply(.completed(["n": 10]))
    bench.reply(.completed(1))
    bench.reply(.completed("end"))
    #expect(bench.state.output == "end")
    return bench
  }

  private func start(_ bench: Bench, _ task: String) throws -> RerunStart {
    let derived = bench.engine.rerunStart(from: task, instance: bench.state, journal: bench.entries)
    guard case .start(let start) = derived else { throw Refused(text: "\(derived)") }
    return start
  }

  private struct Refused: Error { let text: String }

  @Test(arguments: ["/do/0/a", "/do/1/ask", "/do/2/outer", "/do/2/outer/do/0/first", "/do/2/outer/do/1/tell"])
  func theDataIsWhatItWas(task: String) throws {
    var bench = try completed()
    let before = bench.requests
    let first = bench.entries.count
    // An ended instance's state may have been dropped.
    let (input, ended) = (bench.state.input, bench.state)
    bench.state = InstanceState(id: ended.id, input: input, startedAt: ended.startedAt)
    bench.state.status = .completed
    let operation = Operation.rerun(try start(bench, task))
    #expect(bench.engine.operate(operation, reason: "", state: &bench.state, now: bench.now).disposition == .applied)
    bench = try completed()
    try bench.operate(operation)
    for reply: JSON in [["n": 10], 1, "end"] where !bench.state.status.isTerminal {
      // What comes first depends on where it began.
      bench.reply(.completed(bench.requests.last?.reference.hasSuffix("ask") == true ? ["n": 10] : reply))
    }
    while !bench.state.status.isTerminal { bench.reply(.completed("end")) }
    let again = bench.entries[first...].compactMap { if case .requested(let request) = $0 { request } else { nil } }
    #expect(again.map(\.data) == before.suffix(again.count).map(\.data))
    #expect(Set(again.map(\.idempotencyKey)).isDisjoint(with: before.map(\.idempotencyKey)))
    #expect(again.count == ["/do/0/a": 3, "/do/1/ask": 3][task] ?? 2)
  }

  @Test func aRerunOfARerunIsDerivedToo() throws {
    var bench = try completed()
    try bench.operate(.rerun(RerunStart(task: "/do/1/ask", input: ["n": 5], context: ["k": 7], nextActivity: 0)))
    #expect(bench.requests.last?.data == ["n": 5, "k": 7])
    #expect(try start(bench, "/do/1/ask").input == ["n": 5])
    #expect(try start(bench, "/do/1/ask").context == ["k": 7])
    try bench.operate(
      .rerun(
        RerunStart(
          task: "/do/2/outer/do/1/tell", input: ["m": 8], context: nil, enclosing: [["n": 3]], nextActivity: 0)))
    #expect(bench.requests.last?.data == ["m": 8, "k": 7])
    let derived = try start(bench, "/do/2/outer/do/1/tell")
    #expect(derived.input == ["m": 8])
    #expect(derived.enclosing == [["n": 3]])
  }

  @Test func whatIsOpenIsGivenUp() throws {
    var bench = try Bench("do: [{a: {set: {n: 1}}}, {ask: {call: oracle}}]")
    let first = bench.requests[0]
    try bench.operate(.rerun(try start(bench, "/do/0/a")))
    #expect(bench.trace.contains("x/do/1/ask"))
    #expect(bench.reply(.completed(1), to: first.id) == .ignored(.stale))
    #expect(bench.requests.count == 2)
  }

  @Test func anOverriddenInputIsTheOne() throws {
    var bench = try Bench("do: [{ask: {call: oracle, with: {n: \"${ .n }\"}}}]", input: ["n": 1])
    bench.fail()
    try bench.operate(.override(.input(task: nil), ["n": 2]))
    try bench.operate(.retry)
    #expect(try start(bench, "/do/0/ask").input == ["n": 2])
  }

  @Test func placesThatHaveNoInputOfTheirOwnAreRefused() throws {
    var bench = try Bench(
      """
      do:
        - each: {for: {each: n, in: "${ [1] }"}, do: [{inside: {call: oracle}}]}
        - later: {set: {x: 1}}
      """)
    func refusal(_ task: String) throws -> String {
      try bench.refusal(of: .rerun(RerunStart(task: task, input: 1, context: nil, nextActivity: 5)))
    }
    #expect(try refusal("/do/0/each/do/0/inside").contains("rerun from /do/0/each"))
    #expect(try refusal("/do/7/none").contains("/do/1/later"))
    let derived = bench.engine.rerunStart(from: "/do/1/later", instance: bench.state, journal: bench.entries)
    guard case .refused(let sentence) = derived else {
      Issue.record("\(derived)")
      return
    }
    #expect(sentence.contains("has not begun"))
    let shortened = Array(bench.entries.dropFirst())
    let late = bench.engine.rerunStart(from: "/do/0/each", instance: bench.state, journal: shortened)
    guard case .refused = late else {
      Issue.record("\(late)")
      return
    }
  }

  @Test(arguments: [(task: "/do/1/later", dropped: 0), ("/do/0/each", 1)])
  func anInputThatIsGivenNeedNotBeTold(task: String, dropped: Int) throws {
    let bench = try Bench(
      "do: [{each: {for: {each: n, in: '${ [1] }'}, do: [{a: {call: x}}]}}, {later: {set: {x: 1}}}]")
    let derived = bench.engine.rerunStart(
      from: task, instance: bench.state, journal: Array(bench.entries.dropFirst(dropped)), given: ["n": 7])
    guard case .start(let start) = derived else {
      Issue.record("\(derived)")
      return
    }
    #expect(start.task == task)
    #expect(start.input == ["n": 7])
    #expect(start.context == Optional.none)
  }

  @Test func aContextThatNobodyKeptIsNotGuessed() throws {
    var bench = try Bench(
      "do: [{a: {set: {n: 1}, export: {as: .}}}, {ask: {call: oracle}}]",
      options: EngineOptions(maxJournalledContextBytes: 3))
    #expect(throws: Refused.self) { try start(bench, "/do/1/ask") }
    // Of a version that did not journal it.
    bench.entries.removeAll { if case .contextExported = $0 { true } else { false } }
    #expect(throws: Refused.self) { try start(bench, "/do/1/ask") }
    #expect(try start(bench, "/do/0/a").context == .null)
  }

  @Test func effectsAreThoseThatTheFlowCanReach() throws {
    let definition = try definition(
      """
      do:
        - a: {call: one}
        - choose: {switch: [{back: {when: .again, then: a}}, {on: {when: .on, then: c}}]}
        - b: {emit: {event: {with: {type: red, source: https://example.com}}}}
        - c: {do: [{d: {call: two}}, {e: {run: {workflow: {namespace: n, name: w, version: 1.0.0}}}}], then: end}
        - f: {call: three}
      """)
    #expect(
      definition.effects(from: "/do/3/c/do/1/e") == [TaskEffect(task: "/do/3/c/do/1/e", kind: .run(workflow: "n/w"))])
    #expect(definition.effects(from: "/do/2/b").map(\.task) == ["/do/2/b", "/do/3/c/do/0/d", "/do/3/c/do/1/e"])
    #expect(
      definition.effects(from: "/do/1/choose").map(\.kind) == [
        .call(channel: "one"), .emit, .call(channel: "two"), .run(workflow: "n/w"),
      ])
    #expect(definition.effects(from: "/do/4/f").map(\.task) == ["/do/4/f"])
  }
}
