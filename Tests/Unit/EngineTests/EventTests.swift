import Engine
import Testing
import Values
import Workflow

@Suite struct EventTests {
  private func event(_ type: String, _ data: JSON = [:], id: String = "1") -> JSON {
    ["specversion": "1.0", "id": .string(id), "source": "/tests", "type": .string(type), "data": data]
  }

  // MARK: Emit

  @Test func anEmittedEventIsWhatItSays() throws {
    let bench = try Bench(
      """
      do:
        - tell:
            emit: {event: {with: {type: order.placed, source: /shop, data: {order: "${ .order }"}, priority: high}}}
      """, input: ["order": 17])
    let emitted = bench.entries.compactMap { if case .emitted(let emitted) = $0 { emitted } else { nil } }
    let event = try #require(emitted.first).event
    #expect(emitted.count == 1)
    #expect(event["type"] == "order.placed")
    #expect(event["source"] == "/shop")
    #expect(event["data"] == ["order": 17])
    #expect(event["priority"] == "high")
    #expect(event["id"] == .string("\(bench.state.id.text).1"))
    #expect(event["time"] == .string(start.rfc3339))
    #expect(bench.state.output == event)
  }

  @Test func anEventWithoutATypeFaults() throws {
    let bench = try Bench("do: [{tell: {emit: {event: {with: {type: '${ .none }', source: /shop}}}}}]")
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/validation") == true)
  }

  /// A broker that refuses it would lose it after its task has completed.
  @Test func anEventThatIsTooLargeFaults() throws {
    let text = "do: [{tell: {emit: {event: {with: {type: a, source: /shop, data: '${ . }'}}}}}]"
    for (input, isRefused) in [(JSON.string("x"), false), (.string(String(repeating: "x", count: 1_000_000)), true)] {
      let bench = try Bench(text, input: input)
      #expect(bench.state.status == (isRefused ? .faulted : .completed))
      #expect(bench.entries.contains { if case .emitted = $0 { true } else { false } } == !isRefused)
    }
  }

  // MARK: Listen

  @Test func oneEventIsAwaited() throws {
    var bench = try Bench(
      "do: [{hear: {listen: {to: {one: {with: {type: paid}}}}}}, {after: {set: {got: '${ . }'}}}]")
    #expect(bench.state.status == .waiting)
    #expect(bench.engine.waits(of: bench.state).map(\.key) == ["paid"])
    #expect(bench.event(event("shipped")) == .ignored(.unwanted))
    try bench.restart()
    #expect(bench.event(event("paid", ["amount": 3])) == .applied)
    #expect(bench.state.output == ["got": [["amount": 3]]])
    #expect(bench.engine.waits(of: bench.state).isEmpty)
    #expect(bench.event(event("paid")) == .ignored(.terminal))
  }

  @Test func eventsAreReadAsAsked() throws {
    for (read, expected) in [
      ("data", JSON.array([["a": 1]])), ("raw", ["{\"a\":1}"]), ("envelope", [event("paid", ["a": 1])]),
    ] {
      var bench = try Bench("do: [{hear: {listen: {read: \(read), to: {one: {with: {type: paid}}}}}}]")
      bench.event(event("paid", ["a": 1]))
      #expect(bench.state.output == expected)
    }
  }

  @Test func allFiltersNeedAnEvent() throws {
    var bench = try Bench(
      """
      do:
        - hear:
            listen:
              to:
                all:
                  - with: {type: temperature, data: "${ .value > 38 }"}
                  - with: {type: pulse}
      """)
    #expect(bench.event(event("temperature", ["value": 37])) == .ignored(.unwanted))
    bench.event(event("pulse", ["value": 100]))
    #expect(bench.engine.waits(of: bench.state).map(\.filter) == [0])
    #expect(bench.event(event("pulse", ["value": 101])) == .ignored(.unwanted))
    try bench.restart()
    bench.event(event("temperature", ["value": 39]))
    #expect(bench.state.output == [["value": 100], ["value": 39]])
  }

  @Test func anyEndsWithTheFirstOrWithWhatUntilSays() throws {
    let filters = "any: [{with: {type: a}}, {with: {type: b}}]"
    var first = try Bench("do: [{hear: {listen: {to: {\(filters)}}}}]")
    first.event(event("b", 1))
    #expect(first.state.output == [1])

    var counted = try Bench("do: [{hear: {listen: {to: {\(filters), until: '(. | length) >= 3'}}}}]")
    for number in 1...3 { counted.event(event(number == 2 ? "a" : "b", .number(JSONNumber(number)))) }
    #expect(counted.state.output == [1, 2, 3])

    var ended = try Bench("do: [{hear: {listen: {to: {\(filters), until: {one: {with: {type: stop}}}}}}}]")
    ended.event(event("a", 1))
    ended.event(event("b", 2))
    #expect(ended.state.status == .waiting)
    ended.event(event("stop", 3))
    #expect(ended.state.output == [1, 2])
  }

  @Test func everyEventIsMeantWithoutAFilter() throws {
    var bench = try Bench("do: [{hear: {listen: {to: {any: []}}}}]")
    #expect(bench.engine.waits(of: bench.state).map(\.key) == ["*"])
    bench.event(event("whatever", 1))
    #expect(bench.state.output == [1])
  }

  @Test func correlationsAreExpectedOrEstablished() throws {
    var expected = try Bench(
      """
      do:
        - hear:
            listen:
              to: {one: {with: {type: paid}, correlate: {order: {from: .data.order, expect: "${ .order }"}}}}
      """, input: ["order": 17])
    let filter = try #require(expected.engine.definition.awaited.first)
    let key = try #require(expected.engine.waits(of: expected.state).first?.key)
    #expect(filter.keys(of: event("paid", ["order": 17.0])).contains(key))
    #expect(!filter.keys(of: event("paid", ["order": 18])).contains(key))
    #expect(expected.event(event("paid", ["order": 18])) == .ignored(.unwanted))
    #expect(expected.event(event("paid", ["order": 17])) == .applied)

    var established = try Bench(
      """
      do:
        - hear:
            listen:
              to:
                all:
                  - {with: {type: a}, correlate: {room: {from: .data.room}}}
                  - {with: {type: b}, correlate: {room: {from: .data.room}}}
      """)
    #expect(established.event(event("a")) == .ignored(.unwanted))
    established.event(event("a", ["room": 5]))
    #expect(established.engine.waits(of: established.state).allSatisfy { $0.key != "b" })
    #expect(established.event(event("b", ["room": 6])) == .ignored(.unwanted))
    established.event(event("b", ["room": 5]))
    #expect(established.state.status == .completed)
  }

  @Test func eachEventIsIteratedOverInOrder() throws {
    var bench = try Bench(
      """
      do:
        - hear:
            listen: {to: {any: [{with: {type: a}}], until: '(. | length) >= 3'}}
            foreach:
              item: got
              at: place
              do: [{ask: {call: oracle, with: {n: "${ $got.n }", place: "${ $place }", room: "${ .room }"}}}]
              output: {as: {answer: "${ .x }", of: "${ $got.n }"}}
      """, input: ["room": "r"])
    for number in 1...3 { bench.event(event("a", ["n": .number(JSONNumber(number))])) }
    #expect(bench.requests.map(\.data) == [["n": 1, "place": 0, "room": "r"]])
    #expect(bench.event(event("a", ["n": 4])) == .ignored(.unwanted))
    for number in 1...3 {
      try bench.restart()
      bench.reply(.completed(["x": .number(JSONNumber(number * 10))]))
    }
    #expect(bench.requests.map(\.data).last == ["n": 3, "place": 2, "room": "r"])
    #expect(bench.state.output == [["answer": 10, "of": 1], ["answer": 20, "of": 2], ["answer": 30, "of": 3]])
  }

  @Test func oneEventGoesToEachBranchThatListens() throws {
    var bench = try Bench(
      """
      do:
        - both:
            fork:
              branches:
                - a: {listen: {to: {one: {with: {type: go}}}}}
                - b: {listen: {to: {one: {with: {type: go}}}}}
      """)
    bench.event(event("go", 1))
    #expect(bench.state.output == [[1], [1]])
  }
}
