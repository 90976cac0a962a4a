import Testing
import Values

@testable import Workflow

/// Mistakes in loops, branches, handlers, errors, waits and other workflows. Tasks begin on line 7, two columns in.
struct ControlFlowMistakeTests {
  /// Tasks (`⏎` is a line end)  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes = #"""
    - a: {for: {each: x}, do: []}  ⇒  7:14 missingKey | 'in' is missing in 'for' |
    - a: {for: {in: .x}}  ⇒  7:8 missingKey | 'do' is missing in 'a' |
    - a: {for: {in: .x, ech: y}, do: []}  ⇒  7:23 unknownKey | 'ech' | Did you mean 'each'?
    - a: {for: {in: [1]}, do: []}  ⇒  7:19 invalidValue | 'in' must be text, not a list |
    - a: {for: {in: .x, while: .y}, do: []}  ⇒  7:23 unknownKey | 'while' is no key of 'for' |
    - a: {for: {in: '.x ['}, do: []}  ⇒  7:24 expression | expected |
    - a: {for: {in: $item}, do: []}  ⇒  7:19 unresolved | $item does not exist here |
    - a: {for: {in: .x}, do: [{b: {set: {x: 1}, then: c}}]}⏎- c: {set: {x: 1}}  ⇒  7:53 unresolved | no task 'c' in this scope |
    - a: {fork: {branches: []}}  ⇒  7:26 missingKey | 'fork' has no branch |
    - a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}  ⇒  7:51 conflict | 'then' cannot lead from one branch to another | a task with a 'do'
    - a: {fork: {branches: [{b: {switch: [{d: {then: b}}]}}]}}  ⇒  7:52 conflict | from one branch to another |
    - a: {fork: {branches: [{b: {do: [{c: {set: {x: 1}, then: d}}]}}, {d: {set: {x: 1}}}]}}  ⇒  7:61 unresolved | no task 'd' in this scope |
    - a: {fork: {branches: [{b: {set: {x: 1}}}], compete: 1}}  ⇒  7:57 invalidValue | 'compete' must be true or false |
    - a: {fork: {branch: [{b: {set: {x: 1}}}], branches: [{b: {set: {x: 1}}}]}}  ⇒  7:16 unknownKey | 'branch' | Did you mean 'branches'?
    - a: {try: [{b: {set: {x: 1}}}]}  ⇒  7:8 missingKey | 'catch' is missing in 'a' |
    - a: {try: [{b: {set: {x: 1}, then: c}}], catch: {do: [{c: {set: {x: 1}}}]}}  ⇒  7:39 unresolved | no task 'c' in this scope |
    - a: {try: [], catch: {do: [{c: {set: {x: 1}, then: d}}]}}⏎- d: {set: {x: 1}}  ⇒  7:55 unresolved | no task 'd' in this scope |
    - a: {try: {cal: x}, catch: {}}  ⇒  7:15 unknownKey | 'cal' is no key of 'try' | Did you mean 'call'?
    - a: {try: [], catch: {errors: {with: {}}}}  ⇒  7:41 missingKey | names at least one member |
    - a: {try: [], catch: {errors: {with: {status: '500'}}}}  ⇒  7:50 invalidValue | 'status' must be a whole number |
    - a: {try: [], catch: {errors: {with: {type: '${ .x }'}}}}  ⇒  7:48 invalidValue | compares with constants | catch.when
    - a: {try: [], catch: {errors: {with: {detail: a, details: b}}}}  ⇒  7:53 conflict | two spellings |
    - a: {try: [], catch: {as: $e}}  ⇒  7:30 invalidValue | '$e' cannot be a variable | without the '$'
    - a: {try: [], catch: {when: $err.status == 1}}  ⇒  7:32 unresolved | $err does not exist here |
    - a: {try: [], catch: {retry: {delay: soon}}}  ⇒  7:41 invalidValue | 'soon' is no duration |
    - a: {try: [], catch: {retry: {backoff: {}}}}  ⇒  7:43 missingKey | needs one of: constant, exponential, linear |
    - a: {try: [], catch: {retry: {backoff: {linear: {by: 1}}}}}  ⇒  7:53 unsupported | 'by' of a backoff |
    - a: {try: [], catch: {retry: {jitter: {from: PT1S}}}}  ⇒  7:42 missingKey | 'to' is missing |
    - a: {try: [], catch: {retry: {jitter: {from: PT2S, to: PT1S}}}}  ⇒  7:59 invalidValue | 'to' is less than 'from' |
    - a: {try: [], catch: {retry: {limit: {attempt: {count: 0}}}}}  ⇒  7:59 invalidValue | at least 1 |
    - a: {try: [], catch: {retry: {limit: {count: 3}}}}  ⇒  7:42 unknownKey | 'count' is no key of 'limit' | known keys: attempt, duration
    - a: {raise: {}}  ⇒  7:16 missingKey | 'error' is missing |
    - a: {raise: {error: {type: 'https://e.example'}}}  ⇒  7:24 missingKey | 'status' is missing |
    - a: {raise: {error: {type: '', status: 1}}}  ⇒  7:31 invalidValue | not an empty text |
    - a: {raise: {error: {type: 'https://e.example', status: '${ .s }'}}}  ⇒  7:60 invalidValue | 'status' must be a whole number |
    - a: {raise: {error: {type: 'https://e.example/{', status: 1}}}  ⇒  7:50 invalidValue | no URI template |
    - a: {raise: {error: {type: 'https://e.example', status: 1, details: x}}}  ⇒  7:63 unknownKey | 'details' | Did you mean 'detail'?
    - a: {wait: }  ⇒  7:15 invalidValue | 'wait' must be text or a mapping, not nothing |
    - a: {wait: {}}  ⇒  7:15 invalidValue | at least one unit |
    - a: {wait: 5}  ⇒  7:15 invalidValue | not a number |
    - a: {wait: PT5}  ⇒  7:15 invalidValue | 'PT5' is no duration |
    - a: {run: {}}  ⇒  7:14 missingKey | needs one of: container, script, shell, workflow |
    - a: {run: {workflow: {name: w}}}  ⇒  7:25 missingKey | 'namespace' is missing |
    - a: {run: {workflow: {namespace: n, name: w w}}}  ⇒  7:46 invalidValue | 'w w' cannot be a name |
    - a: {run: {workflow: {namespace: n, name: w, version: '1'}}}  ⇒  7:58 invalidValue | '1' is no version of a workflow | 'latest'
    - a: {run: {workflow: {namespace: n, name: w, input: .x}}}  ⇒  7:56 invalidValue | 'input' must be a mapping |
    """#

  @Test(arguments: Table.rows(of: mistakes))
  func mistakesInTasks(tasks: String, expected: String) throws {
    try expectOnlyError(diagnose(workflow(tasks.replacing("⏎", with: "\n"))), expected)
  }

  /// Each scope has its own unreachable tasks; branches all begin.
  @Test(arguments: [
    ("- a: {for: {in: .x}, do: [{b: {set: {x: 1}, then: exit}}, {c: {set: {x: 1}}}]}", ["c"]),
    ("- a: {fork: {branches: [{b: {set: {x: 1}, then: end}}, {c: {set: {x: 1}}}]}}", []),
    ("- a: {fork: {branches: [{b: {do: [{d: {set: {x: 1}, then: exit}}, {e: {set: {x: 1}}}]}}]}}", ["e"]),
    (
      "- a: {try: [{b: {raise: {error: {type: 'https://e', status: 1}}}}, {c: {set: {x: 1}}}], catch: {do: [{d: {wait: PT1S, then: end}}, {e: {wait: PT1S}}]}}",
      ["e"]
    ),
    ("- a: {listen: {to: {any: []}}, foreach: {do: [{b: {wait: PT1S, then: exit}}, {c: {wait: PT1S}}]}}", ["c"]),
  ])
  func unreachableTasks(tasks: String, names: [String]) {
    let found = diagnose(workflow(tasks)).filter { $0.code == .unreachable }
    #expect(found.map(\.message) == names.map { "nothing leads to the task '\($0)'" })
  }

  @Test func loopsAndBranchesLeadWithinThemselves() throws {
    let definition = try parsed(
      workflow(
        "- a: {for: {in: .x}, do: [{b: {set: {x: 1}, then: d}}, {c: {set: {x: 1}, then: exit}}, {d: {set: {x: 1}, then: c}}]}"
      ))
    #expect(definition.task(at: "/do/0/a/do/0/b")?.then == .task("d"))
  }

  /// What several tasks use is wrong once.
  @Test func aMistakeUnderUseIsToldOnce() {
    let found = diagnose(
      workflow(
        "- a: {try: [], catch: {retry: r}}\n- b: {try: [], catch: {retry: r}}\n- c: {wait: PT1S, timeout: t}\n- d: {wait: PT1S, timeout: t}",
        more: "use: {retries: {r: {when: '.x |'}}, timeouts: {t: {after: '${ .y | }'}}}"))
    #expect(found.map(\.code) == [.expression, .expression])
  }
}
