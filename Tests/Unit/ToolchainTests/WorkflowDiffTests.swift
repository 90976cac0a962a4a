import Testing
import Toolchain
import Values
import Workflow

@Suite struct WorkflowDiffTests {
  private let three = "- a: { call: x }\n- b: { call: y }\n- c: { wait: PT1M }"

  @Test func whatMeansTheSameIsNoDifference() throws {
    let old = try parsed(workflowText("- a: { call: x, with: { p: 1, q: 2 } }"))
    let new = try parsed(workflowText("# now with a comment\n- a:\n    with: { q: 2, p: 1 }\n    call: 'x'"))
    let diff = WorkflowDiff(old, new)
    #expect(diff.isEmpty)
    #expect(diff.verdict.succession == .conflicts)
    #expect(diff.verdict.notes.first?.text.hasPrefix("only the form of the text differs") == true)
    #expect(WorkflowDiff(old, old).verdict.succession == .same)
    #expect(WorkflowDiff(old, old).verdict.notes == [])
  }

  @Test func tasksComeAndGo() throws {
    #expect(
      try diff(three, "- a: { call: x }\n- n: { call: z }\n- c: { wait: PT1M }").brief == [
        "added n: · → /do/1/n", "removed b: /do/1/b → ·",
      ])
  }

  @Test func aTaskThatOnlyStandsElsewhereInTheListBecauseOfOthersIsNotMoved() throws {
    #expect(try diff(three, "- n: { call: z }\n\(three)").brief == ["added n: · → /do/0/n"])
  }

  @Test func theFewestTasksAreMoved() throws {
    #expect(
      try diff(three, "- c: { wait: PT1M }\n- a: { call: x }\n- b: { call: y }").brief == [
        "moved c: /do/2/c → /do/0/c"
      ])
  }

  @Test func membersAreToldWithBothValues() throws {
    let diff = try diff(
      "- a: { call: x, with: { p: 1, list: [1, 2, 3], 'a/b~c': old }, then: end }",
      "- a: { call: x, if: .y, with: { p: 2, list: [1, 9, 2, 3], 'a/b~c': new } }")
    #expect(
      diff.brief == [
        "changed a: /do/0/a → /do/0/a", "  + /if \".y\"", "  ~ /with/p 1 → 2", "  + /with/list/1 9",
        "  ~ /with/a~1b~0c \"old\" → \"new\"", "  - /then \"end\"",
      ])
  }

  @Test func casesOfASwitchAreToldByName() throws {
    let diff = try diff(
      "- s:\n    switch:\n      - one: { when: .a, then: end }\n      - two: { then: exit }",
      "- s:\n    switch:\n      - two: { then: exit }\n      - new: { when: .n, then: end }\n"
        + "      - one: { when: .b, then: end }")
    #expect(
      diff.brief == [
        "changed s: /do/0/s → /do/0/s", #"  + /switch/1/new {"when":".n","then":"end"}"#,
        #"  ~ /switch/2/one/when ".a" → ".b""#, #"  ~ /switch ["one","two"] → ["two","one"]"#,
      ])
  }

  @Test func aTaskThatIsWrappedIsMoved() throws {
    let diff = try diff(
      three,
      """
      - a: { call: x }
      - safe:
          try: [ { b: { call: y, if: .ok } } ]
          catch: { retry: { delay: PT1S }, do: [ { c: { wait: PT1M } } ] }
      """)
    #expect(
      diff.brief == [
        "added safe: · → /do/1/safe", "moved+changed b: /do/1/b → /do/1/safe/try/0/b", "  + /if \".ok\"",
        "moved c: /do/2/c → /do/1/safe/catch/do/0/c",
      ])
  }

  @Test func whatIsInsideOfAMovedTaskIsComparedInside() throws {
    let inner = "{ g: { do: [ { a: { call: x } }, { b: { wait: PT1M } } ] } }"
    let changed = "{ g: { do: [ { a: { call: x } }, { b: { wait: PT2M } } ] } }"
    #expect(
      try diff("- \(inner)\n- z: { call: z }", "- z: { call: z }\n- l: { for: { in: .n }, do: [ \(changed) ] }").brief
        == [
          "added l: · → /do/1/l", "moved g: /do/0/g → /do/1/l/do/0/g",
          "changed b: /do/0/g/do/1/b → /do/1/l/do/0/g/do/1/b", "  ~ /wait \"PT1M\" → \"PT2M\"",
        ])
  }

  @Test func theSameContentUnderAnotherNameIsRenamed() throws {
    #expect(
      try diff(three, "- a: { call: x }\n- better: { call: y }\n- c: { wait: PT1M }").brief == [
        "renamed better (from b): /do/1/b → /do/1/better"
      ])
  }

  @Test func anotherKindOfTaskIsAChange() throws {
    #expect(
      try diff(
        "- g: { do: [ { a: { call: x } } ] }", "- g: { for: { in: .n }, do: [ { a: { call: x } } ] }"
      ).brief == ["changed g: /do/0/g → /do/0/g", #"  + /for {"in":".n"}"#])
  }

  @Test func everyPlaceWithTasksIsLookedInto() throws {
    func text(_ n: Int) -> String {
      """
      - f: { fork: { branches: [ { b: { set: { n: \(n) } } } ] } }
      - t: { try: [ { b: { set: { n: \(n) } } } ], catch: { do: [ { b: { set: { n: \(n) } } } ] } }
      - l: { listen: { to: { any: [], until: .x } }, foreach: { do: [ { b: { set: { n: \(n) } } } ] } }
      """
    }
    func more(_ n: Int) -> String {
      """
      use:
        functions: { f1: { set: { n: \(n) } } }
        extensions: [ { e: { extend: set, before: [ { b: { set: { n: \(n) } } } ] } } ]
      """
    }
    let diff = WorkflowDiff(
      try workflow(text(1), more: more(1)), try workflow(text(2), version: "1.1.0", more: more(2)))
    #expect(
      diff.tasks.map(\.newReference) == [
        "/do/0/f/fork/branches/0/b", "/do/1/t/try/0/b", "/do/1/t/catch/do/0/b", "/do/2/l/foreach/do/0/b",
        "/use/functions/f1", "/use/extensions/0/e/before/0/b",
      ])
    #expect(diff.tasks.allSatisfy { $0.kinds == [.changed] && $0.members.map(\.brief) == ["~ /set/n 1 → 2"] })
  }

  @Test func whatIsOutsideOfTasksIsToldByPointer() throws {
    let old = try workflow("- a: { call: x }", more: "timeout: { after: PT1H }")
    let new = try workflow(
      "- a: { call: x }", version: "2.0.0",
      more: "input: { from: .a }\nschedule: { on: { one: { with: { type: t } } } }\nuse: { secrets: [ key ] }")
    let diff = WorkflowDiff(old, new)
    #expect(
      diff.members.map(\.brief) == [
        "~ /document/version \"1.0.0\" → \"2.0.0\"", "+ /input {\"from\":\".a\"}",
        #"+ /schedule {"on":{"one":{"with":{"type":"t"}}}}"#, #"+ /use {"secrets":["key"]}"#,
        #"- /timeout {"after":"PT1H"}"#,
      ])
    #expect(diff.tasks == [])
    #expect(diff.verdict.secrets.added == ["key"])
    #expect(diff.verdict.changesSchedule)
  }

  @Test func theVerdictTellsWhatNeedsAProcessor() throws {
    let verdict = try diff("- a: { call: x }", "- a: { call: z }").verdict
    #expect(verdict.succession == .replaces)
    #expect(verdict.channels.added == ["z"] && verdict.channels.removed == ["x"])
    #expect(
      verdict.notes.map(\.subject) == ["running instances", "new instances", "new channels", "old channels"])
  }

  @Test func theVerdictKnowsHowVersionsStandToEachOther() throws {
    let (one, two) = (try workflow(three), try workflow(three, version: "1.1.0"))
    #expect(WorkflowDiff(two, one).verdict.succession == .older)
    let other = try parsed(workflowText(three).replacing("name: example", with: "name: other"))
    #expect(WorkflowDiff(one, other).verdict.succession == .unrelated)
    let same = try workflow("- a: { call: x }")
    #expect(WorkflowDiff(one, same).verdict.succession == .conflicts)
  }

  @Test func jsonHasWhatIsThereAndNothingElse() throws {
    let json = try diff("- a: { call: x, with: { n: null } }", "- a: { call: x }").json
    #expect(
      json["tasks"]?[0] == [
        "changes": ["changed"], "name": "a", "oldName": nil, "summary": "call x", "oldReference": "/do/0/a",
        "newReference": "/do/0/a", "members": [["pointer": "/with", "old": ["n": nil]]],
      ])
  }

  @Test(arguments: 0..<60)
  func aDefinitionDoesNotDifferFromItself(seed: UInt64) throws {
    var random = RandomTasks(seed: seed)
    let text = random.scope(depth: 4).joined(separator: "\n")
    #expect(try diff(text, text).tasks == [], "\(text)")
  }
}
