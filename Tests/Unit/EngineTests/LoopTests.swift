import Engine
import Testing
import Values

@Suite struct LoopTests {
  /// The scenario of the conformance kit, in our words: passes build on one another.
  @Test func eachPassStartsWithWhatTheLastOneGave() throws {
    let bench = try Bench(
      """
      do:
        - loop:
            for: {each: number, in: .numbers}
            do:
              - add: {set: {sum: "${ .sum + $number }", places: "${ .places + [$index] }"}}
      """, input: ["numbers": [5, 7, 11]])
    #expect(bench.state.status == .completed)
    #expect(bench.state.output == ["sum": 23, "places": [0, 1, 2]])
    #expect(
      bench.trace == ["+/do/0/loop"] + (0..<3).flatMap { _ in ["+/do/0/loop/do/0/add", "-/do/0/loop/do/0/add"] } + [
        "-/do/0/loop"
      ])
  }

  @Test func noItemsGiveTheInput() throws {
    let bench = try Bench(
      "do: [{loop: {for: {in: .none}, do: [{a: {set: {x: 1}}}]}}]", input: ["none": [], "kept": true])
    #expect(bench.state.output == ["none": [], "kept": true])
  }

  @Test func whatIsNoArrayFaults() throws {
    let bench = try Bench("do: [{loop: {for: {in: .none}, do: [{a: {set: {x: 1}}}]}}]", input: ["none": 3])
    #expect(bench.state.status == .faulted)
    #expect(bench.state.error?.type.hasSuffix("/expression") == true)
    #expect(bench.state.error?.instance == "/do/0/loop")
  }

  @Test func aConditionEndsTheLoop() throws {
    let bench = try Bench(
      """
      do:
        - loop:
            for: {each: n, in: .numbers}
            while: .sum == null or .sum < 10
            do:
              - add: {set: {sum: "${ .sum + $n }"}}
      """, input: ["numbers": [5, 7, 11]])
    #expect(bench.state.output == ["sum": 12])
  }

  @Test func callsInALoopGoOneAfterAnother() throws {
    var bench = try Bench(
      """
      do:
        - loop:
            for: {each: item, at: place, in: .items}
            do:
              - ask: {call: oracle, with: {item: "${ $item }", place: "${ $place }"}}
      """, input: ["items": ["a", "b"]])
    #expect(bench.requests.map(\.data) == [["item": "a", "place": 0]])
    bench.reply(.completed(["answer": 1]))
    #expect(bench.requests.map(\.data).last == ["item": "b", "place": 1])
    bench.reply(.completed(["answer": 2]))
    #expect(bench.state.output == ["answer": 2])
    #expect(Set(bench.requests.map(\.idempotencyKey)).count == 2)
  }

  @Test func exitEndsThePassAndEndTheWorkflow() throws {
    let exit = try Bench(
      """
      do:
        - loop:
            for: {each: n, in: .numbers}
            do:
              - a: {set: {n: "${ $n }"}, then: exit}
              - b: {set: {n: never}}
        - after: {set: {last: "${ .n }"}}
      """, input: ["numbers": [1, 2]])
    #expect(exit.state.output == ["last": 2])
    let end = try Bench(
      """
      do:
        - loop:
            for: {each: n, in: .numbers}
            do:
              - a: {set: {n: "${ $n }"}, then: end}
        - after: {set: {last: "${ .n }"}}
      """, input: ["numbers": [1, 2]])
    #expect(end.state.output == ["n": 1])
  }

  @Test func theLoopsVariablesAreThoseOfTheInnermostLoop() throws {
    let bench = try Bench(
      """
      do:
        - outer:
            for: {each: row, in: .rows}
            do:
              - inner:
                  for: {each: cell, at: column, in: $row}
                  do:
                    - note: {set: {seen: "${ .seen + [[$index, $column, $cell]] }"}}
      """, input: ["rows": [["a"], ["b", "c"]]])
    #expect(bench.state.output == ["seen": [[0, 0, "a"], [1, 0, "b"], [1, 1, "c"]]])
  }
}
