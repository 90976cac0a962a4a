import Testing
import Values

@testable import Workflow

/// What becomes of a file without mistakes.
struct WorkflowModelTests {
  private static let full = """
    document:
      dsl: '1.0.3'
      namespace: factory
      name: readings
      version: 2.1.0-rc.1+build
      title: Readings
      summary: Stores *readings*.
      tags: {team: line-4}
      metadata: {owner: ops, orderBy: [1, {a: null}]}
    input: {from: '$workflow.input[0].data'}
    output: {as: '${ {done: .state} }'}
    timeout: {after: PT1H}
    schedule:
      on:
        one:
          with:
            type: equipment.status
            source: https://factory.example/line
            data: ${ .percent > 10 }
            plant: north
    use: {}
    evaluate: {language: jq, mode: strict}
    do:
      - prepare:
          set: {n: '${ .count }', fixed: [1, {a: b}]}
          metadata: {note: first}
      - outer:
          if: .n > 0
          input: {from: {n: '${ .n }'}}
          do:
            - inner/one~two:
                call: persistence
                with: {table: t, row: {n: '${ $input.n }'}}
                timeout: {after: {minutes: 1, milliseconds: 500}}
                output: {as: .result}
                export: {as: '$context + {last: .}'}
                then: exit
      - decide:
          switch:
            - high: {when: .n > 5, then: tell}
            - low: {then: end}
      - tell:
          call: telegram
          then: prepare
    """

  @Test func document() throws {
    let document = try parsed(Self.full).document
    #expect(document.namespace == "factory" && document.name == "readings" && document.dsl == "1.0.3")
    #expect(document.version.description == "2.1.0-rc.1+build")
    #expect(document.title == "Readings" && document.summary == "Stores *readings*.")
    #expect(document.tags == ["team": "line-4"])
    #expect(document.metadata == ["owner": "ops", "orderBy": [1, ["a": nil]]])
  }

  @Test func theSourceIsKeptAndItsDigestTaken() throws {
    let definition = try parsed(Self.full)
    #expect(definition.source == Self.full)
    #expect(definition.digest == SHA256.hex(Self.full))
    #expect(definition.digest != (try parsed(Self.full + "\n")).digest)
    #expect(definition.json["document"]?["name"] == "readings")
  }

  @Test func tasksAreFoundByReference() throws {
    let definition = try parsed(Self.full)
    #expect(definition.tasks.map(\.reference) == ["/do/0/prepare", "/do/1/outer", "/do/2/decide", "/do/3/tell"])
    let inner = try #require(definition.task(at: "/do/1/outer/do/0/inner~1one~0two"))
    #expect(inner.name == "inner/one~two" && inner.index == 0)
    #expect(inner.location == SourceLocation(file: "test.yaml", line: 31, column: 11))
    #expect(definition.task(at: "/do/1/prepare") == nil)
    #expect(definition.tasks.index(ofTaskNamed: "decide") == 2)
    #expect(definition.tasks.index(ofTaskNamed: "inner/one~two") == nil)
    #expect(definition.channels == ["persistence", "telegram"])
    #expect(definition.tasks[1].scopes.map(\.reference) == ["/do/1/outer/do"])
  }

  @Test func everyPartOfATask() throws {
    let definition = try parsed(Self.full)
    let prepare = definition.tasks[0]
    #expect(prepare.metadata == ["note": "first"] && prepare.then == nil && prepare.timeout == nil)
    #expect(prepare.json["metadata"] == ["note": "first"])
    let outer = definition.tasks[1]
    #expect(outer.condition?.source == ".n > 0")
    #expect(try outer.input?.from?.evaluate(["n": 4]) { _ in nil } == ["n": 4])
    let inner = try #require(definition.task(at: "/do/1/outer/do/0/inner~1one~0two"))
    #expect(inner.then == .exit && definition.tasks[3].then == .task("prepare"))
    guard case .constant(let timeout)? = inner.timeout, case .constant(let whole)? = definition.timeout else {
      Issue.record("no timeouts")
      return
    }
    #expect(timeout == .milliseconds(60_500) && whole == .seconds(3600))
    #expect(try inner.output?.as?.evaluate(["result": 1]) { _ in nil } == 1)
    #expect(inner.export?.as?.usedVariables == ["context"])
    guard case .call(let call) = inner.kind else {
      Issue.record("no call")
      return
    }
    #expect(call.channel == "persistence")
    let data = try call.with?.evaluate(nil) { $0 == "input" ? ["n": 7] : nil }
    #expect(data == ["table": "t", "row": ["n": 7]])
  }

  @Test func switches() throws {
    guard case .switch(let cases) = try parsed(Self.full).tasks[2].kind else {
      Issue.record("no switch")
      return
    }
    #expect(cases.map(\.name) == ["high", "low"])
    #expect(cases.map(\.then) == [.task("tell"), .end])
    #expect(cases[0].when?.source == ".n > 5" && cases[1].when == nil)
  }

  @Test func aScheduleFiltersEvents() throws {
    guard case .one(let filter)? = try parsed(Self.full).schedule?.on else {
      Issue.record("no schedule")
      return
    }
    #expect(filter.type == "equipment.status")
    let event: JSON = [
      "type": "equipment.status", "source": "https://factory.example/line", "plant": "north", "data": ["percent": 11],
    ]
    #expect(try filter.matches(event))
    for (name, value) in [
      ("type", "equipment.other"), ("source", "https://factory.example"), ("plant", nil), ("data", ["percent": 10]),
    ] as [(String, JSON)] {
      var other = try #require(event.object)
      other[name] = value
      #expect(try !filter.matches(.object(other)), "\(name)")
    }
  }

  @Test func anAttributeCanBeAnExpression() throws {
    func filter(_ with: String) throws -> EventFilter {
      let schedule = "schedule: {on: {one: {with: \(with)}}}"
      guard case .one(let filter)? = try parsed(workflow("[]", more: schedule)).schedule?.on else {
        throw ExpressionError(code: .syntax, message: "no schedule")
      }
      return filter
    }
    let event: JSON = ["type": "a.b", "n": 1, "data": ["x": 1.0, "y": [1, 2]]]
    #expect(try filter("{type: '${ startswith(\"a.\") }'}").matches(event))
    #expect(try filter("{type: '${ \"a.b\" }'}").matches(event), "a value is compared")
    #expect(try !filter("{type: '${ \"b\" }'}").matches(event))
    #expect(try filter("{data: {x: 1, y: [1, 2.0]}}").matches(event), "numbers are compared by value")
    #expect(try !filter("{data: {x: 1}}").matches(event))
    #expect(try filter("{missing: '${ . == null }'}").matches(event))
    #expect(throws: ExpressionError.self) { try filter("{data: '${ .x.y > 1 }'}").matches(event) }
    #expect(try filter("{type: '${ test(\"b$\") }'}").type == nil)
  }

  @Test func jsonIsAWorkflowToo() throws {
    let text = """
      {"document": {"dsl": "1.0.3", "namespace": "n", "name": "a", "version": "1.0.0"},
       "do": [{"one": {"set": {"x": "${ .y }"}}}]}
      """
    #expect(try parsed(text).tasks[0].name == "one")
  }

  @Test(arguments: ["PT0S", "P1D", "P1DT2H3M4.5S", "PT15M", "P2W", "${ .wait }", "${ \"PT\\(.n)S\" }"])
  func durations(text: String) throws {
    let definition = try parsed(workflow("- a: {set: {x: 1}, timeout: {after: '\(text)'}}"))
    #expect(definition.tasks[0].timeout != nil)
  }

  @Test func everyVersionOfTheLanguageSoFar() throws {
    for version in ["1.0.0", "1.0.1", "1.0.2", "1.0.3"] {
      _ = try parsed(workflow("- a: {set: {x: 1}}").replacing("1.0.3", with: version))
    }
  }
}
