import Testing
import Values

@testable import Workflow

/// What stands under `use`: functions and extensions. (Timeouts, retries and errors: `ControlFlowModelTests`;
/// authentications: `ProtocolCallTests`.)
struct ReusableModelTests {
  private static let functions = """
    use:
      functions:
        price:
          input: {from: '${ {sku: .sku} }'}
          call: prices
          with: {sku: '${ .sku }'}
        order/all:
          do:
            - each: {for: {in: .items}, do: [{ask: {call: price, with: {sku: '${ $item }'}}}]}
    """

  @Test func functionsAreTasksInThePlaceOfCalls() throws {
    let definition = try parsed(
      workflow(
        "- a: {call: price, with: {sku: '${ $input.x }'}}\n- b: {call: order/all}\n- c: {call: prices}",
        more: Self.functions))
    guard case .function(let price) = definition.tasks[0].kind, case .function(let order) = definition.tasks[1].kind,
      case .call = definition.tasks[2].kind
    else { return note("no functions") }
    #expect(price.name == "price" && price.body.reference == "/use/functions")
    #expect(price.body.map(\.reference) == ["/use/functions/price"] && price.body[0].index == 0)
    #expect(try price.with?.evaluate(nil) { _ in ["x": 1] } == ["sku": 1])
    #expect(order.with == nil && order.body[0].reference == "/use/functions/order~1all")
    #expect(definition.task(at: "/use/functions/order~1all/do/0/each/do/0/ask") != nil)
    #expect(definition.channels == ["prices"])
    #expect(definition.tasks[0].kind.keyword == "call")
  }

  @Test func aMistypedFunctionIsAWarning() throws {
    let found = diagnose(workflow("- a: {call: pirce}", more: Self.functions))
    #expect(found.map(\.severity) == [.warning] && found.first?.hint == "Did you mean 'price'?")
    #expect(diagnose(workflow("- a: {call: htpp}")).first?.hint == "Did you mean 'http'?")
  }

  /// Tasks in functions nest as deeply as a file can, and functions call one another: the whole stays within the stack.
  @Test(arguments: [false, true])
  func theDepthOfFunctionsIsBounded(innermostFirst: Bool) throws {
    func use(_ count: Int) -> String {
      let nested = (1...count).map { number in
        let call = number == count ? "set: {x: 1}" : "call: f\(number + 1)"
        return "    f\(number): " + String(repeating: "{do: [{a: ", count: 14) + "{\(call)}"
          + String(repeating: "}]}", count: 14)
      }
      return "use:\n  functions:\n" + (innermostFirst ? nested.reversed() : nested).joined(separator: "\n")
    }
    _ = try parsed(workflow("- a: {call: f1}", more: use(16)))
    for count in [17, 2_000] {
      let found = diagnose(workflow("- a: {call: f1}", more: use(count)))
      #expect(found.contains { $0.message == "functions call one another more than 16 deep" && $0.code == .conflict })
    }
  }

  private static let extensions = """
    use:
      extensions:
        - log/all:
            extend: all
            when: $task.call == "x" and $context.on and $input.y
            before: [{say: {call: logs, with: {at: '${ $task.reference }'}}}]
            after: [{say: {call: logs}}]
        - calls: {extend: call, after: [{count: {set: {n: 1}}}]}
        - steps: {extend: composite, before: [{note: {set: {n: 1}}}]}
    """

  @Test func extensionsStandAroundTasks() throws {
    let task =
      "- a: {call: x, if: .b, input: {from: .c}, output: {as: .d}, timeout: {after: PT1S}, then: end, metadata: {m: 1}}"
    let definition = try parsed(workflow(task, more: Self.extensions))
    let outer = definition.tasks[0]
    guard case .extended(let extended) = outer.kind, let inner = extended.body.first else {
      return note("not extended")
    }
    #expect(outer.name == "a" && outer.reference == "/do/0/a#extended" && outer.index == 0)
    #expect(outer.condition != nil && outer.then == .end && outer.json["call"] == "x")
    #expect(outer.input == nil && outer.output == nil && outer.export == nil && outer.timeout == nil)
    #expect(inner.name == "a" && inner.reference == "/do/0/a" && inner.condition == nil && inner.then == nil)
    #expect(inner.input != nil && inner.output != nil && inner.timeout != nil && inner.metadata == ["m": 1])
    #expect(extended.extensions.map(\.name) == ["log/all", "calls"])
    let log = extended.extensions[0]
    #expect(log.when?.usedVariables == ["task", "context", "input"])
    #expect(log.before?.reference == "/use/extensions/0/log~1all/before")
    #expect(log.before?.map(\.reference) == ["/use/extensions/0/log~1all/before/0/say"])
    #expect(log.after?.map(\.reference) == ["/use/extensions/0/log~1all/after/0/say"])
    #expect(outer.kind.keyword == "call")
    #expect(definition.task(at: "/do/0/a")?.kind.keyword == "call" && definition.channels == ["x", "logs"])
  }

  @Test func aTaskInAListKeepsItsPlace() throws {
    let definition = try parsed(workflow("- a: {set: {x: 1}}\n- b: {set: {x: 1}, then: a}", more: Self.extensions))
    #expect(definition.tasks.map(\.index) == [0, 1] && definition.tasks.index(ofTaskNamed: "b") == 1)
    guard case .extended(let extended) = definition.tasks[1].kind else { return note("not extended") }
    #expect(extended.body[0].index == 0, "alone in its own scope")
  }

  /// The standard has no word for `do` and `fork` but that of its drafts.
  @Test(arguments: [
    ("call", ["call: channel"]), ("composite", ["do: []", "fork: {branches: [{b: {set: {x: 1}}}]}"]),
    ("emit", ["emit: {event: {with: {type: t}}}"]), ("for", ["for: {in: .x}, do: []"]),
    ("listen", ["listen: {to: {any: []}}"]), ("raise", ["raise: {error: {type: 'https://e.example', status: 1}}"]),
    ("run", ["run: {workflow: {namespace: n, name: w}}"]), ("set", ["set: {x: 1}"]),
    ("switch", ["switch: [{d: {then: end}}]"]), ("try", ["try: [], catch: {}"]), ("wait", ["wait: PT1S"]),
  ])
  func kindsOfExtensions(kind: String, tasks: [String]) throws {
    for extend in ["call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all"]
    {
      for task in tasks {
        let definition = try parsed(
          workflow("- a: {\(task)}", more: "use: {extensions: [{e: {extend: \(extend), after: [{z: {set: {x: 1}}}]}}]}")
        )
        let isExtended = if case .extended = definition.tasks[0].kind { true } else { false }
        #expect(isExtended == (extend == kind || extend == "all"), "\(extend) \(task)")
      }
    }
  }

  /// They would never end.
  @Test func tasksOfExtensionsAreNotExtended() throws {
    let more = """
      use:
        functions: {f: {do: [{g: {call: logs}}]}}
        extensions: [{e: {extend: all, before: [{x: {call: f}}, {y: {do: [{z: {set: {n: 1}}}]}}]}}]
      """
    let definition = try parsed(workflow("- a: {call: f}", more: more))
    guard case .extended(let extended) = definition.tasks[0].kind, let before = extended.extensions[0].before,
      case .function(let inside) = before[0].kind, case .function(let outside)? = extended.body.first?.kind
    else { return note("not extended") }
    #expect(before.map(\.reference) == ["/use/extensions/0/e/before/0/x", "/use/extensions/0/e/before/1/y"])
    #expect(inside.body.map(\.reference) == ["/use/functions/f#extension"])
    #expect(outside.body.map(\.reference) == ["/use/functions/f#extended"])
    #expect(definition.task(at: "/use/functions/f/do/0/g#extended") != nil)
    #expect(definition.task(at: "/use/functions/f#extension/do/0/g#extended") == nil)
  }

  @Test func compensations() throws {
    let definition = try parsed(
      workflow(
        "- a: {call: book, metadata: {compensation: {use: undo, with: {id: '${ .id }', in: '${ $input.x }', out: '${ $output }'}}}}",
        more: "use: {functions: {undo: {call: cancel}}}"))
    let compensation = try #require(definition.tasks[0].compensation)
    #expect(
      compensation.function.name == "undo" && compensation.function.body.map(\.reference) == ["/use/functions/undo"])
    #expect(compensation.function.with?.usedVariables == ["input", "output"])
    #expect(definition.channels == ["book", "cancel"])
  }

  @Test func orderKeys() throws {
    let text = workflow("- a: {set: {x: 1}}").replacing(
      "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {orderKey: .data.customer}")
    #expect(try parsed(text).orderKey?.source == ".data.customer")
  }

  @Test func priorities() throws {
    func text(_ priority: String) -> String {
      workflow("- a: {set: {x: 1}}").replacing(
        "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {priority: \(priority)}")
    }
    #expect(try parsed(text("7")).priority == 7)
    #expect(try parsed(workflow("- a: {set: {x: 1}}")).priority == 1)
    for wrong in ["0", "11", "-1", "1.5", "high", "'5'", "[1]", "null"] {
      #expect(diagnose(text(wrong)).map(\.code) == [.invalidValue], "\(wrong)")
    }
  }

  @Test func limits() throws {
    func text(_ limit: String) -> String {
      workflow("- a: {set: {x: 1}}").replacing(
        "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {maxInFlight: \(limit)}")
    }
    #expect(try parsed(text("50")).maxInFlight == 50)
    #expect(try parsed(workflow("- a: {set: {x: 1}}")).maxInFlight == nil)
    for wrong in ["0", "-1", "1.5", "many", "'5'", "[1]", "null"] {
      #expect(diagnose(text(wrong)).map(\.code) == [.invalidValue], "\(wrong)")
    }
  }

  @Test func aMistypedLimitIsAWarning() throws {
    let text = workflow("- a: {set: {x: 1}}").replacing(
      "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {maxInflight: 5}")
    #expect(diagnose(text).map(\.hint) == ["Did you mean 'maxInFlight'?"])
  }

  @Test(arguments: ["orderkey", "order_key", "oderKey", "OrderKey", "timezone", "time-zone", "timeZon"])
  func aMistypedKeyOfOursIsAWarning(key: String) throws {
    let text = workflow("- a: {set: {x: 1}}").replacing(
      "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {\(key): x}")
    let found = diagnose(text)
    #expect(found.map(\.brief) == ["6:14 unknownKey"] && found[0].severity == .warning)
    #expect(found[0].hint == "Did you mean '\(key.lowercased().hasPrefix("t") ? "timeZone" : "orderKey")'?")
  }

  @Test func otherMetadataIsFree() throws {
    let text = workflow("- a: {set: {x: '${ 1 }'}, metadata: {owner: '${ not read', undo: 1, x: {y: []}}}")
      .replacing("version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {orderBy: x, zone: y, template: '${ . '}")
    #expect(diagnose(text).isEmpty)
  }

  /// Tasks  ⇒  what is under `use` and around  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes: [(String, String, String)] = [
    (
      "{wait: PT1S, timeout: son}", "timeouts: {soon: {after: PT1S}}",
      "7:30 unresolved | no timeout 'son' under use.timeouts | Did you mean 'soon'?"
    ),
    ("{wait: PT1S, timeout: soon}", "timeouts: {soon: {after: P}}", "8:32 invalidValue | 'P' is no duration |"),
    ("{wait: PT1S}", "timeouts: {soon: {after: P}}", "8:32 invalidValue | 'P' is no duration |"),
    ("{raise: {error: gone}}", "errors: {}", "7:24 unresolved | no error 'gone' under use.errors | defines no error"),
    (
      "{raise: {error: gon}}", "errors: {gone: {type: 'https://e.example', status: 410}}",
      "7:24 unresolved | no error 'gon' | Did you mean 'gone'?"
    ),
    ("{wait: PT1S}", "errors: {gone: {type: 'https://e.example'}}", "8:22 missingKey | 'status' is missing |"),
    (
      "{wait: PT1S}", "errors: {gone: {type: 'https://e.example', status: 1, title: '${ $item }'}}",
      "8:72 unresolved | $item |"
    ),
    (
      "{try: [], catch: {retry: ofen}}", "retries: {often: {}}",
      "7:33 unresolved | no retry policy 'ofen' under use.retries | Did you mean 'often'?"
    ),
    (
      "{try: [], catch: {as: e, retry: often}}", "retries: {often: {when: $e.status == 1}}",
      "8:31 unresolved | $e does not exist here |"
    ),
    ("{call: f}", "functions: {f: {call: f}}", "8:29 conflict | the function 'f' calls itself: f → f | run: workflow"),
    (
      "{call: f}", "functions: {f: {do: [{x: {call: g}}]}, g: {call: f}}",
      "8:56 conflict | the function 'f' calls itself: f → g → f |"
    ),
    (
      "{wait: PT1S}", "functions: {f: {call: g, metadata: {compensation: {use: f}}}}",
      "8:63 conflict | 'f' calls itself |"
    ),
    (
      "{wait: PT1S}", "functions: {f: {sett: {x: 1}}}",
      "8:23 unknownKey | 'sett' is no key of 'f' | Did you mean 'set'?"
    ),
    ("{wait: PT1S}", "functions: {f: {set: {x: '${ $item }'}}}", "8:36 unresolved | $item does not exist here |"),
    (
      "{for: {in: .x}, do: [{b: {call: f}}]}", "functions: {f: {set: {x: '${ $item }'}}}",
      "8:36 unresolved | $item does not exist here |"
    ),
    ("{wait: PT1S}", "functions: {http: {set: {x: 1}}}", "8:19 conflict | 'http' is a call of the standard |"),
    (
      "{wait: PT1S}", "functions: {f: {set: {x: 1}, then: g}, g: {set: {x: 1}}}",
      "8:42 unresolved | no task 'g' in this scope |"
    ),
    (
      "{call: b, metadata: {compensation: {use: undoo}}}", "functions: {undo: {call: c}}",
      "7:49 unresolved | no function 'undoo' | Did you mean 'undo'?"
    ),
    (
      "{call: b, metadata: {compensation: {with: {}}}}", "functions: {}",
      "7:43 missingKey | names a function under 'use' |"
    ),
    (
      "{call: b, metadata: {compensation: undo}}", "functions: {undo: {call: c}}",
      "7:43 invalidValue | must be a mapping | compensation: {use:"
    ),
    (
      "{call: b, metadata: {compensation: {use: undo, wth: {}}}}", "functions: {undo: {call: c}}",
      "7:55 unknownKey | 'wth' | Did you mean 'with'?"
    ),
    (
      "{wait: PT1S}", "extensions: [{e: {extend: calls, after: []}}]",
      "8:33 invalidValue | call, composite | Did you mean 'call'?"
    ),
    (
      "{wait: PT1S}", "extensions: [{e: {extend: all, when: $tsk.x, after: []}}]",
      "8:44 unresolved | $tsk | Did you mean '$task'?"
    ),
    (
      "{for: {in: .x}, do: [{b: {set: {x: 1}}}]}",
      "extensions: [{e: {extend: all, after: [{z: {set: {x: '${ $item }'}}}]}}]", "8:64 unresolved | $item |"
    ),
    ("{wait: PT1S}", "secrets: [a, a]", "8:20 conflict | the secret 'a' is named twice |"),
    ("{wait: PT1S}", "secret: [a]", "8:7 unknownKey | 'secret' | Did you mean 'secrets'?"),
  ]

  @Test(arguments: mistakes.indices)
  func mistakesInReusableParts(index: Int) throws {
    let (task, use, expected) = Self.mistakes[index]
    let found = diagnose(workflow("- a: \(task)", more: "use: {\(use)}"))
    try expectOnlyError(found, expected)
  }

  @Test func anOrderKeyIsAnExpression() throws {
    for (value, expected) in [
      ("[1]", "6:24 invalidValue | 'orderKey' is an expression |"), (".x |", "6:28 expression | expected |"),
      ("$context.x", "6:24 unresolved | $context |"),
    ] {
      let text = workflow("- a: {set: {x: 1}}").replacing(
        "version: '1.0.0'", with: "version: '1.0.0'\n  metadata: {orderKey: \(value)}")
      try expectOnlyError(diagnose(text), expected)
    }
  }
}
