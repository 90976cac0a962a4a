import Testing
import Values

@testable import Workflow

/// Which variables exist where. Source: dsl.md, the table at the end of "Runtime expression arguments".
struct VariableTests {
  private static let names = ["context", "input", "output", "secrets.s", "task", "workflow", "runtime"]

  /// A task or a key of the workflow with `EXPR` in it  ⇒  the variables that exist there.
  private static let table = #"""
    input: {from: EXPR}  ⇒  secrets.s workflow runtime
    output: {as: EXPR}  ⇒  context secrets.s workflow runtime
    timeout: {after: '${ EXPR }'}  ⇒  context workflow runtime
    schedule: {on: {one: {with: {data: '${ EXPR }'}}}}  ⇒  none
    schedule: {on: {one: {with: {type: t}, correlate: {k: {from: EXPR}}}}}  ⇒  none
    - a: {set: {x: 1}, if: EXPR}  ⇒  context task workflow runtime
    - a: {set: {x: 1}, input: {from: EXPR}}  ⇒  context secrets.s task workflow runtime
    - a: {set: {x: '${ EXPR }'}}  ⇒  context input secrets.s task workflow runtime
    - a: {call: x, with: {x: '${ EXPR }'}}  ⇒  context input secrets.s task workflow runtime
    - a: {call: http, with: {method: get, endpoint: '${ EXPR }'}}  ⇒  context input secrets.s task workflow runtime
    - a: {switch: [{b: {when: EXPR, then: end}}]}  ⇒  context input task workflow runtime
    - a: {emit: {event: {with: {type: '${ EXPR }'}}}}  ⇒  context input secrets.s task workflow runtime
    - a: {wait: '${ EXPR }'}  ⇒  context input task workflow runtime
    - a: {set: {x: 1}, timeout: {after: '${ EXPR }'}}  ⇒  context input task workflow runtime
    - a: {raise: {error: {type: '${ EXPR }', status: 1}}}  ⇒  context input secrets.s task workflow runtime
    - a: {run: {workflow: {namespace: n, name: w, input: {x: '${ EXPR }'}}}}  ⇒  context input secrets.s task workflow runtime
    - a: {for: {in: EXPR}, do: []}  ⇒  context input secrets.s task workflow runtime
    - a: {for: {in: .x}, while: EXPR, do: []}  ⇒  context input task workflow runtime item index
    - a: {for: {in: .x, each: e, at: i}, do: [{b: {set: {x: '${ EXPR }'}}}]}  ⇒  context input secrets.s task workflow runtime e i
    - a: {try: [], catch: {when: EXPR}}  ⇒  context input task workflow runtime error
    - a: {try: [], catch: {as: e, exceptWhen: EXPR}}  ⇒  context input task workflow runtime error e
    - a: {try: [], catch: {as: e, retry: {when: EXPR}}}  ⇒  context input task workflow runtime error e
    - a: {try: [], catch: {as: e, retry: {delay: '${ EXPR }'}}}  ⇒  context input task workflow runtime error e
    - a: {try: [], catch: {as: e, retry: {limit: {duration: '${ EXPR }'}}}}  ⇒  context input task workflow runtime
    - a: {try: [], catch: {as: e, do: [{b: {set: {x: '${ EXPR }'}}}]}}  ⇒  context input secrets.s task workflow runtime e
    - a: {try: [{b: {set: {x: '${ EXPR }'}}}], catch: {as: e}}  ⇒  context input secrets.s task workflow runtime
    - a: {listen: {to: {one: {with: {data: '${ EXPR }'}}}}}  ⇒  context input task workflow runtime
    - a: {listen: {to: {one: {with: {type: t}, correlate: {k: {from: .k, expect: '${ EXPR }'}}}}}}  ⇒  context input task workflow runtime
    - a: {for: {in: .x}, do: [{b: {listen: {to: {one: {with: {type: t}, correlate: {k: {from: EXPR}}}}}}}]}  ⇒  none
    - a: {for: {in: .x, at: i}, do: [{b: {listen: {to: {one: {with: {type: t, data: '${ EXPR }'}}}}}}]}  ⇒  context input task workflow runtime item i
    - a: {listen: {to: {any: [], until: EXPR}}, foreach: {item: e}}  ⇒  context input task workflow runtime
    - a: {listen: {to: {any: []}}, foreach: {item: e, do: [{b: {set: {x: '${ EXPR }'}}}]}}  ⇒  context input secrets.s task workflow runtime e index
    - a: {listen: {to: {any: []}}, foreach: {at: i, output: {as: EXPR}}}  ⇒  context input secrets.s task workflow runtime item i
    - a: {listen: {to: {any: []}}, foreach: {at: i, export: {as: EXPR}}}  ⇒  context input output secrets.s task workflow runtime item i
    - a: {set: {x: 1}, output: {as: EXPR}}  ⇒  context input secrets.s task workflow runtime
    - a: {set: {x: 1}, export: {as: EXPR}}  ⇒  context input output secrets.s task workflow runtime
    - a: {set: {x: 1}, metadata: {compensation: {use: f, with: {x: '${ EXPR }'}}}}  ⇒  context input output secrets.s task workflow runtime
    - a: {for: {in: .x, each: e}, do: [], output: {as: EXPR}}  ⇒  context input secrets.s task workflow runtime
    """#

  @Test(arguments: Table.rows(of: table))
  func existWhereTheTableSays(template: String, expected: String) {
    let expected = expected == "none" ? [] : expected.split(separator: " ").map(String.init)
    var found: [String] = []
    // Without a variable, there is nothing wrong anywhere.
    for name in Self.names + ["error", "e", "i", "item", "index", ""] {
      let text = template.replacing("EXPR", with: name.isEmpty ? "." : "$" + name)
      let use = "use: {secrets: [s], functions: {f: {set: {y: 1}}}}"
      let source =
        text.hasPrefix("- ") ? workflow(text, more: use) : workflow("- a: {set: {x: 1}}", more: "\(text)\n\(use)")
      let errors = diagnose(source).filter { $0.severity == .error }
      if errors.isEmpty { found.append(name) }
    }
    #expect(Set(found) == Set(expected + [""]), "\(template)")
  }

  @Test func scopesInsideSeeWhatSurroundsThem() throws {
    let tasks = """
      - a:
          for: {in: .x, each: outer}
          do:
            - b:
                for: {in: .y, each: inner, at: place}
                do:
                  - c:
                      fork:
                        branches:
                          - d: {set: {v: '${ [$outer, $index, $inner, $place] }'}}
            - e: {set: {v: '${ $outer }'}}
      """
    let definition = try parsed(workflow(tasks))
    let reference = "/do/0/a/do/0/b/do/0/c/fork/branches/0/d"
    guard case .set(let template)? = definition.task(at: reference)?.kind else { return note("no task") }
    #expect(template.usedVariables == ["outer", "index", "inner", "place"])
    try expectOnlyError(
      diagnose(workflow(tasks.replacing("- e: {set: {v: '${ $outer }'}}", with: "- e: {set: {v: '${ $inner }'}}"))),
      "17:28 unresolved | $inner does not exist here |")
  }

  /// A name  ⇒  place and code, a part of the message, a part of the hint.
  @Test(arguments: [
    ("'$item'", "7:21 invalidValue | '$item' cannot be a variable | without the '$'"),
    ("a-b", "7:21 invalidValue | 'a-b' cannot be a variable | letters, digits"),
    ("'1a'", "7:21 invalidValue | '1a' cannot be a variable |"),
    ("''", "7:21 invalidValue | '' cannot be a variable |"),
    ("ENV", "7:21 invalidValue | 'ENV' cannot be a variable |"),
    ("__loc__", "7:21 invalidValue | cannot be a variable |"),
    ("input", "7:21 conflict | $input is a variable of the standard | another name"),
    ("secrets", "7:21 conflict | $secrets is a variable of the standard |"),
    ("index", "7:21 conflict | the item and its index cannot both be $index |"),
  ])
  func namesOfVariables(name: String, expected: String) throws {
    try expectOnlyError(diagnose(workflow("- a: {for: {each: \(name), in: .x}, do: []}")), expected)
  }
}
