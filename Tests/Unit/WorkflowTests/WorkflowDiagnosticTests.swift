import Testing
import Values

@testable import Workflow

/// Every mistake: where it is said to be, of which kind, and what helps. Tasks begin on line 7, two columns in.
struct WorkflowDiagnosticTests {
  /// Tasks (`⏎` is a line end)  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes = #"""
    - a: {sett: {x: 1}}  ⇒  7:9 unknownKey | 'sett' is no key of 'a' | Did you mean 'set'?
    - a: {set: {x: 1}, iff: .x}  ⇒  7:22 unknownKey | 'iff' is no key | Did you mean 'if'?
    - a: {call: x, With: {}}  ⇒  7:18 unknownKey | 'With' is no key | Did you mean 'with'?
    - a: {call: x, body: {}}  ⇒  7:18 unknownKey | 'body' is no key of 'a' | known keys:
    - a: {call: x, output: {form: .}}  ⇒  7:27 unknownKey | 'form' is no key of 'output' | known keys: as, schema
    - a: {switch: [{b: {wen: .x, then: end}}]}  ⇒  7:23 unknownKey | 'wen' is no key of 'b' | Did you mean 'when'?
    - a: {set: {x: 1}, call: b}  ⇒  7:22 conflict | 'set' and 'call' exclude one another | two tasks
    - a: {set: {x: 1}}⏎  b: {set: {x: 1}}  ⇒  8:5 conflict | a second one: 'b' | begin a new item ('- b:')
    - a: {}  ⇒  7:8 missingKey | the task 'a' does nothing | it needs one of: call, do
    - a: {then: end}  ⇒  7:8 missingKey | the task 'a' does nothing | switch
    - a: {if: .x, metadata: {}}  ⇒  7:8 missingKey | does nothing |
    - a: {switch: [{b: {when: .x}}]}  ⇒  7:22 missingKey | 'then' is missing in 'b' |
    - a: {switch: []}  ⇒  7:17 missingKey | no case |
    - a: {set: {}}  ⇒  7:14 missingKey | sets nothing |
    - a: {switch: [{b: {then: end}}, {c: {then: end}}]}  ⇒  7:37 conflict | 'b' has no 'when' either |
    - a: text  ⇒  7:8 invalidValue | 'a' must be a mapping, not text |
    - a  ⇒  7:5 invalidValue | must be a mapping | write '- aName:'
    - a: {set: {x: 1}, if: true}  ⇒  7:26 invalidValue | 'if' must be text, not true or false | quote it: 'true'
    - a: {call: 5}  ⇒  7:15 invalidValue | 'call' must be text, not a number | quote it: '5'
    - a: {call: [x]}  ⇒  7:15 invalidValue | not a list |
    - a: {call: x, with: [1]}  ⇒  7:24 invalidValue | 'with' must be a mapping, not a list |
    - a: {set: [1]}  ⇒  7:14 invalidValue | 'set' must be text or a mapping, not a list |
    - a: {set: .x}  ⇒  7:14 invalidValue | 'set' is a mapping or an expression | ${ }
    - a: {call: x y}  ⇒  7:15 invalidValue | 'x y' cannot be a channel | letters
    - a: {set: {x: 1}, timeout: {after: PT}}  ⇒  7:39 invalidValue | 'PT' is no duration | PT15M
    - a: {set: {x: 1}, timeout: {after: P1M}}  ⇒  7:39 invalidValue | 'P1M' is no duration | without years and months
    - a: {set: {x: 1}, timeout: {after: {minute: 1}}}  ⇒  7:40 unknownKey | 'minute' | Did you mean 'minutes'?
    - a: {set: {x: 1}, timeout: {after: {minutes: 1.5}}}  ⇒  7:49 invalidValue | a whole number |
    - a: {set: {x: 1}, timeout: {after: {seconds: -1}}}  ⇒  7:49 invalidValue | between zero and a hundred years |
    - a: {set: {x: 1}, timeout: {after: {days: 99999999999}}}  ⇒  7:46 invalidValue | a hundred years |
    - a: {set: {x: 1}, timeout: {after: {}}}  ⇒  7:39 invalidValue | at least one unit |
    - a: {set: {x: 1}, timeout: {}}  ⇒  7:31 missingKey | 'after' is missing in 'timeout' |
    - a: {set: {x: 1}, metadata: 5}  ⇒  7:32 invalidValue | 'metadata' must be a mapping |
    - a: {set: {x: 1}, then: b}  ⇒  7:28 unresolved | no task 'b' in this scope | beside this one
    - ask: {set: {x: 1}, then: aks}  ⇒  7:30 unresolved | no task 'aks' | Did you mean 'ask'?
    - a: {set: {x: 1}, then: End}  ⇒  7:28 unresolved | no task 'End' | Did you mean 'end'?
    - a: {switch: [{b: {then: nowhere}}]}  ⇒  7:29 unresolved | no task 'nowhere' |
    - a: {do: [{b: {set: {x: 1}, then: c}}]}⏎- c: {set: {x: 1}}  ⇒  7:38 unresolved | no task 'c' in this scope |
    - a: {set: {x: 1}, then: b}⏎- b: {set: {x: 1}}⏎- b: {set: {x: 1}}  ⇒  7:28 conflict | name of 2 tasks |
    - a: {set: {x: '${ .y | lenght }'}}  ⇒  7:27 unresolved | no function 'lenght' | Did you mean 'length'?
    - a: {set: {x: '${ $contxt.y }'}}  ⇒  7:22 unresolved | $contxt does not exist here | Did you mean '$context'?
    - a: {set: {x: '${ .y + }'}}  ⇒  7:26 expression | expected a value |
    - a: {set: {x: '${ }'}}  ⇒  7:22 expression | empty |
    - a: {set: {x: '${ now }'}}  ⇒  7:22 unsupported | 'now' cannot be used: |
    - a: {set: {x: '${ env.HOME }'}}  ⇒  7:22 unsupported | environment |
    - a: {set: {x: '${ def f: f; f }'}}  ⇒  7:29 unsupported | calls itself |
    - a: {set: {x: 1}, if: $input.x}  ⇒  7:26 unresolved | $input does not exist here | known here:
    - a: {set: {x: 1}, input: {from: $output}}  ⇒  7:36 unresolved | $output |
    - a: {set: {x: 1}, output: {as: $output}}  ⇒  7:35 unresolved | $output |
    - a: {set: {x: $item}}⏎- b: {set: {x: '${ $item }'}}  ⇒  8:22 unresolved | $item |
    """#

  @Test(arguments: Table.rows(of: mistakes))
  func mistakesInTasks(tasks: String, expected: String) throws {
    try expectOnlyError(diagnose(workflow(tasks.replacing("⏎", with: "\n"))), expected)
  }

  /// What the standard has and this engine refuses, by name, whatever is inside.
  private static let refused = #"""
    - a: {call: grpc, with: {proto: {endpoint: 'file:///x'}, service: {name: s, host: h}, method: m}}  ⇒  7:15 | call: grpc | call: <channel>
    - a: {call: a2a, with: {method: message/send}}  ⇒  7:15 | call: a2a | call: <channel>
    - a: {call: mcp, with: {method: tools/list, transport: {}}}  ⇒  7:15 | call: mcp | call: <channel>
    - a: {call: 'log:1.0.0@global'}  ⇒  7:15 | functions from catalogs and addresses | use.functions
    - a: {call: 'https://x.example/f'}  ⇒  7:15 | functions from catalogs and addresses | use.functions
    - a: {run: {container: {image: i}}}  ⇒  7:15 | run: container | call: <channel>
    - a: {run: {script: {language: js, code: x}, return: code}}  ⇒  7:15 | run: script | call: <channel>
    - a: {run: {await: false, shell: {command: ls}}}  ⇒  7:29 | run: shell | call: <channel>
    - a: {run: {workflow: {namespace: n, name: w, version: 1.0.0}, return: none}}  ⇒  7:66 | 'return' of a workflow | output: {as: …}
    - a: {set: {x: '${ $authorization }'}}  ⇒  7:22 | $authorization | by the processor
    """#

  @Test(arguments: Table.rows(of: refused))
  func refusedByName(tasks: String, expected: String) throws {
    try expectRefusal(diagnose(workflow(tasks)), expected)
  }

  private static let refusedAround = #"""
    evaluate: {language: javascript}  ⇒  8:22 | expressions in 'javascript' | jq
    evaluate: {mode: loose}  ⇒  8:18 | loose expressions | plain words
    use: {catalogs: {c: {endpoint: 'https://x.example'}}}  ⇒  8:7 | use.catalogs | use.functions
    use: {extensions: [{e: {extend: extension, after: []}}]}  ⇒  8:33 | extend: extension | never extended
    use: {retries: {r: {backoff: {linear: {increment: 1}}}}}  ⇒  8:40 | 'increment' of a backoff | linear: {}
    schedule: {on: {any: [{with: {type: a}}], until: .x}}  ⇒  8:43 | 'until' in 'schedule.on' | 'listen' task
    schedule: {on: {one: {with: {data: {a: '${ . }'}}}}}  ⇒  8:36 | expressions inside the data of an event filter | one expression
    """#

  @Test(arguments: Table.rows(of: refusedAround))
  func refusedByNameAroundTheTasks(more: String, expected: String) throws {
    try expectRefusal(diagnose(workflow("- a: {set: {x: 1}}", more: more)), expected)
  }

  private func expectRefusal(_ errors: [Diagnostic], _ expected: String) throws {
    let parts = expected.split(separator: "|", maxSplits: 2).map { $0.trimmed }
    #expect(errors.map(\.message) == ["not supported: \(parts[1])"])
    let error = try #require(errors.first)
    #expect(error.brief == "\(parts[0]) unsupported")
    #expect(error.hint?.contains(parts[2]) == true, "\(error.hint ?? "no hint")")
  }

  /// Mistakes inside of what is refused are told all the same.
  @Test func whatIsRefusedIsStillChecked() {
    let tasks = """
      - a:
          for: {in: .x, each_: y}
          do:
            - b: {wait: {second: 1}}
      - c: {try: [], catch: {errors: {with: {state: 1}}, retry: {backoff: {linear: {}, constant: {}}}}}
      - d: {call: http, with: {methd: get, endpoint: {uri: x, auth: {}}}}
      - e: {run: {shell: {command: ls}, script: {language: js, code: x}, return: everything}}
      - f: {listen: {to: {one: {with: {type: x}}, any: []}}}
      - g: {emit: {event: {with: {type: 5}}}}
      """
    let found = diagnose(workflow(tasks)).filter { $0.code != .unsupported }.map(\.brief)
    for brief in [
      "8:21 unknownKey", "10:22 unknownKey", "11:42 unknownKey", "11:84 conflict", "12:27 missingKey",
      "12:28 unknownKey", "12:59 unknownKey", "13:37 conflict", "13:78 invalidValue", "14:47 conflict",
      "15:37 invalidValue",
    ] {
      #expect(found.contains(brief), "\(brief) is not among \(found)")
    }
  }

  private static let around = #"""
    do: []  ⇒  1:1 missingKey | 'document' is missing |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}  ⇒  1:1 missingKey | 'do' is missing |
    document: {dsl: 1.0.3, namespace: a, name: b}⏎do: []  ⇒  1:11 missingKey | 'version' is missing in 'document' |
    document: {dsl: 1.0, namespace: a, name: b, version: 1.0.0}⏎do: []  ⇒  1:17 invalidValue | must be text | quote it: '1.0'
    document: {dsl: 2.0.0, namespace: a, name: b, version: 1.0.0}⏎do: []  ⇒  1:17 unsupported | 2.0.0 | 1.0.3
    document: {dsl: one, namespace: a, name: b, version: 1.0.0}⏎do: []  ⇒  1:17 invalidValue | no version | 1.0.3
    document: {dsl: 1.0.3, namespace: a b, name: b, version: 1.0.0}⏎do: []  ⇒  1:35 invalidValue | cannot be a namespace | letters
    document: {dsl: 1.0.3, namespace: a, name: -b, version: 1.0.0}⏎do: []  ⇒  1:44 invalidValue | cannot be a name | hyphen
    document: {dsl: 1.0.3, namespace: a, name: b, version: v1}⏎do: []  ⇒  1:56 invalidValue | no semantic version | 1.0.0
    document: {dsl: 1.0.3, namespace: a, name: b, version: 01.0.0}⏎do: []  ⇒  1:56 invalidValue | no semantic version |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0, titel: x}⏎do: []  ⇒  1:63 unknownKey | titel | title
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: {a: 1}  ⇒  2:5 invalidValue | must be a list, not a mapping | - aName:
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do:  ⇒  2:4 invalidValue | not nothing |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎tasks: []  ⇒  3:1 unknownKey | 'tasks' is no key of 'the workflow' | known keys:
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎schedule: {on: {}}  ⇒  3:16 missingKey | needs one of: all, any, one |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎schedule: {on: {one: {}}}  ⇒  3:22 missingKey | 'with' is missing |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎schedule: {on: {one: {with: {}}}}  ⇒  3:29 missingKey | at least one attribute |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎schedule: {on: {one: {with: {Type: x}}}}  ⇒  3:30 invalidValue | 'Type' cannot be | Did you mean 'type'?
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎schedule: {on: {one: {with: {type: '${ $context }'}}}}  ⇒  3:40 unresolved | $context | no variable can be used here
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎input: {from: $context.x}  ⇒  3:15 unresolved | $context does not exist here |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎output: {as: $task.x}  ⇒  3:14 unresolved | $task |
    document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}⏎do: []⏎evaluate: {mode: lose}  ⇒  3:18 invalidValue | strict, loose | Did you mean 'loose'?
    []  ⇒  1:1 invalidValue | 'the workflow' must be a mapping, not a list |
    just text  ⇒  1:1 invalidValue | not text |
    """#

  @Test(arguments: Table.rows(of: around))
  func mistakesAroundTheTasks(text: String, expected: String) throws {
    try expectOnlyError(diagnose(text.replacing("⏎", with: "\n")), expected)
  }

  @Test func allMistakesAtOnceInTheOrderOfTheFile() {
    let tasks = """
      - a: {sett: 1}
      - b: {set: {x: '${ .y | }'}, then: c}
      - d: {wait: PT}
      """
    let result = WorkflowParser.parse(workflow(tasks, more: "metadata: {}\ntimeout: {after: soon}"), file: "f.yaml")
    #expect(result.definition == nil)
    #expect(
      result.diagnostics.map(\.brief) == [
        "7:9 unknownKey", "8:26 expression", "8:38 unresolved", "9:15 invalidValue", "10:1 unknownKey",
        "11:18 invalidValue",
      ])
  }

  @Test func warningsDoNotRefuse() {
    let tasks = """
      - a: {set: {greeting: 'Hello ${ .name }'}, then: end}
      - b: {set: {x: 1}}
      - b: {set: {x: 1}}
      - end: {set: {x: 1}}
      """
    let result = WorkflowParser.parse(workflow(tasks), file: "f.yaml")
    #expect(result.definition != nil)
    #expect(
      result.warnings.map(\.code) == [.expression, .unreachable, .conflict, .unreachable, .conflict, .unreachable])
    #expect(result.errors.isEmpty)
  }

  @Test(arguments: [
    ("- a: {set: {x: 1}, then: end}\n- b: {set: {x: 1}}", ["b"]),
    ("- a: {set: {x: 1}, if: .x, then: end}\n- b: {set: {x: 1}}", []),
    ("- a: {switch: [{c: {when: .x, then: end}}]}\n- b: {set: {x: 1}}", []),
    ("- a: {switch: [{c: {then: end}}]}\n- b: {set: {x: 1}}", ["b"]),
    ("- a: {switch: [{c: {then: continue}}]}\n- b: {set: {x: 1}}", []),
    ("- a: {set: {x: 1}, then: c}\n- b: {set: {x: 1}}\n- c: {set: {x: 1}, then: b}", []),
    ("- a: {set: {x: 1}, then: c}\n- b: {set: {x: 1}, then: b}\n- c: {set: {x: 1}, then: exit}", ["b"]),
    ("- a: {do: [{x: {set: {y: 1}, then: exit}}, {z: {set: {y: 1}}}]}\n- b: {set: {x: 1}}", ["z"]),
  ])
  func unreachableTasks(tasks: String, names: [String]) {
    let found = diagnose(workflow(tasks)).filter { $0.code == .unreachable }
    #expect(found.map { $0.message } == names.map { "nothing leads to the task '\($0)'" })
  }

  @Test func aDiagnosticShowsTheLine() {
    let diagnostic = diagnose(workflow("- a: {set: {x: '${ .y | lenght }'}}")).first
    #expect(
      diagnostic?.rendered == """
        test.yaml:7:27: error: there is no function 'lenght'
            - a: {set: {x: '${ .y | lenght }'}}
                                    ^
          hint: Did you mean 'length'?
        """)
  }

  @Test func yamlMistakesAreDiagnostics() {
    let found = diagnose("document: {}\ndo:\n  - a:\n      if: !.x\n      if: .y\n")
    #expect(found.map(\.brief) == ["4:11 yaml", "5:7 yaml"])
    #expect(WorkflowParser.parse([0x61, 0xFF], file: "x").diagnostics.map(\.brief) == ["1:2 yaml"])
    #expect(diagnose("").map(\.brief) == ["1:1 yaml"])
  }

  @Test func aFileOfNonsenseIsBounded() {
    let keys = (0..<5_000).map { "nonsense\($0): 1" }.joined(separator: "\n")
    #expect(diagnose(keys).count == 200)
  }
}
