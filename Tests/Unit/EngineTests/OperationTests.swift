import Engine
import Testing
import Values

/// Every operation on every status: done, or refused with a sentence that says what to do instead.
@Suite struct OperationTests {
  static let rerun = Operation.rerun(RerunStart(task: "/do/0/ask", input: [:], context: nil, nextActivity: 9))
  static let operations: [Operation] = [
    .suspend, .resume, .cancel(compensating: false), .cancel(compensating: true), .retry, rerun,
    .skip(task: nil, output: 1), .skip(task: "/do/0/ask", output: nil), .skip(task: "/do/9/no", output: nil),
    .override(.context, ["a": 1]), .override(.input(task: nil), 1), .override(.input(task: "/do/0/ask"), 1),
  ]

  /// What each status allows, by the place in ``operations``.
  static let allowed: [(status: String, places: [Int])] = [
    ("pending", [0, 2, 3]), ("pending suspended", [1, 2, 3]),
    ("requested", [0, 2, 3, 5, 7, 9]), ("requested suspended", [1, 2, 3, 7, 9]),
    ("retrying", [0, 2, 3, 4, 5, 7, 9, 10, 11]), ("retrying suspended", [1, 2, 3, 7, 9, 10, 11]),
    ("faulted", [4, 5, 6, 7, 9, 10, 11]), ("faulted and compensated", [5]), ("given up", [5]),
    ("completed", [5]), ("cancelled", [5]),
  ]

  private func bench(_ status: String) throws -> Bench {
    let tail = status == "faulted and compensated" ? ", metadata: {compensation: {use: undo}}" : ""
    var bench = try Bench(
      """
      use: {functions: {undo: {call: unpay}}}
      do: [{ask: {call: oracle\(tail)}}, {more: {call: oracle}}]
      """)
    switch status {
    case "pending", "pending suspended":
      (bench.state, _) = bench.engine.pending(id: bench.state.id, input: [:], now: start)
    case "retrying", "retrying suspended": bench.fail(retryable: true)
    case "faulted": bench.fail()
    case "faulted and compensated":
      bench.reply(.completed(1))
      bench.fail()
      bench.reply(.completed(1))
    case "given up": _ = bench.engine.abandon("no room", state: &bench.state, now: start)
    case "completed":
      bench.reply(.completed(1))
      bench.reply(.completed(1))
    case "cancelled": try bench.operate(.cancel(compensating: false))
    default: break
    }
    if status.hasSuffix("suspended") { try bench.operate(.suspend) }
    let expected: [String: InstanceStatus] = [
      "pending": .pending, "requested": .running, "retrying": .running, "completed": .completed,
      "cancelled": .cancelled,
    ]
    #expect(bench.state.status == (status.hasSuffix("suspended") ? .suspended : expected[status] ?? .faulted))
    return bench
  }

  @Test(arguments: allowed.indices)
  func whatAStatusAllows(_ index: Int) throws {
    let (status, places) = Self.allowed[index]
    for (place, operation) in Self.operations.enumerated() {
      var bench = try bench(status)
      let disposition = try bench.operate(operation)
      if places.contains(place) {
        #expect(disposition == .applied, "\(status): \(operation.json.text)")
      } else if case .refused(let sentence) = disposition {
        #expect(sentence.count > 30, "\(status): \(operation.json.text): \(sentence)")
      } else {
        Issue.record("\(status): \(operation.json.text) is \(disposition)")
      }
    }
  }

  @Test func nothingIsDoneTwice() throws {
    var bench = try bench("requested")
    try bench.operate(.suspend)
    #expect(try bench.refusal(of: .suspend).contains("suspended already"))
    try bench.operate(.resume)
    #expect(try bench.refusal(of: .resume).contains("nothing to resume"))
    try bench.operate(.cancel(compensating: false))
    #expect(try bench.refusal(of: .cancel(compensating: false)).contains("has ended as cancelled"))
  }

  @Test func aLateReplyToAFaultedInstanceIsIgnored() throws {
    var bench = try bench("faulted")
    #expect(bench.reply(.completed(1)) == .ignored(.terminal))
  }

  // MARK: Skip

  @Test func theFailedTaskIsSkipped() throws {
    var bench = try Bench("do: [{ask: {call: oracle, output: {as: .n}}}, {last: {set: {was: \"${ . }\"}}}]")
    bench.fail()
    try bench.operate(.skip(task: "/do/0/ask", output: ["n": 7]))
    #expect(bench.state.output == ["was": 7])
    #expect(bench.state.checkpoint == nil)
  }

  @Test func anOpenTaskIsSkippedAndItsReplyIsStale() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {more: {call: oracle, with: {it: \"${ . }\"}}}]")
    let first = try bench.request(at: "ask")
    try bench.operate(.skip(task: "/do/0/ask", output: 7))
    #expect(try bench.request(at: "more").data == ["it": 7])
    #expect(bench.reply(.completed(8), to: first.id) == .ignored(.stale))
  }

  @Test func aSkippedTaskOfASuspendedInstanceWaits() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}, {more: {call: oracle}}]")
    try bench.operate(.suspend)
    try bench.operate(.skip(task: "/do/0/ask", output: 7))
    #expect(bench.requests.count == 1)
    #expect(bench.reply(.completed(8)) == .ignored(.stale))
    try bench.operate(.resume)
    #expect(bench.requests.count == 2)
  }

  @Test func skippingWhatRunsAnotherWorkflowCancelsIt() throws {
    var bench = try Bench("do: [{sub: {run: {workflow: {namespace: n, name: w, version: 1.0.0}}}}]")
    try bench.operate(.skip(task: "/do/0/sub", output: 7))
    #expect(bench.state.output == 7)
    #expect(bench.entries.contains { if case .childCancelled = $0 { true } else { false } })
  }

  @Test func theFailedOneIsTheOneThatIsNamed() throws {
    var bench = try bench("faulted")
    #expect(try bench.refusal(of: .skip(task: "/do/1/more", output: 1)).contains("/do/0/ask"))
  }

  // MARK: Override

  @Test func badDataIsRepairedAndTheTaskRetried() throws {
    var bench = try Bench(
      "do: [{ask: {input: {from: .order}, call: oracle, with: {id: \"${ .id }\", k: \"${ $context.k }\"}}}]",
      input: ["order": ["id": "bad"]])
    bench.fail()
    try bench.operate(.override(.input(task: nil), ["order": ["id": "good"]]))
    try bench.operate(.override(.context, ["k": 1]))
    try bench.operate(.retry)
    #expect(bench.requests.last?.data == ["id": "good", "k": 1])
  }

  @Test func whatPausesGetsItsNextAttemptWithOtherData() throws {
    var bench = try Bench("do: [{ask: {call: oracle, with: {n: \"${ .n }\"}}}]", input: ["n": 1])
    bench.fail(retryable: true)
    try bench.operate(.override(.input(task: "/do/0/ask"), ["n": 2]))
    try bench.operate(.retry)
    #expect(bench.requests.map(\.data) == [["n": 1], ["n": 2]])
    #expect(Set(bench.requests.map(\.idempotencyKey)).count == 1)
  }

  @Test func dataThatIsTooLargeIsRefused() throws {
    var bench = try Bench("do: [{ask: {call: oracle}}]", options: EngineOptions(maxStateBytes: 1_000, maxDepth: 5))
    #expect(try bench.refusal(of: .override(.context, .string(String(repeating: "x", count: 2_000)))).contains("limit"))
    #expect(try bench.refusal(of: .override(.context, [[[[[[1]]]]]])).contains("deeper"))
    #expect(try bench.refusal(of: .skip(task: "/do/0/ask", output: [[[[[[1]]]]]])).contains("deeper"))
  }

  // MARK: Coding

  @Test(arguments: [
    "{}", #"{"verb":"fly"}"#, #"{"verb":"cancel"}"#, #"{"verb":"skip"}"#, #"{"verb":"override","target":"context"}"#,
    #"{"verb":"override","target":"all","data":1}"#, #"{"verb":"rerun","from":"/do/0/a"}"#,
  ])
  func brokenOperationsAreErrors(text: String) throws {
    #expect(throws: CodingError.self) { try Operation(JSON.parse(text)) }
  }
}
