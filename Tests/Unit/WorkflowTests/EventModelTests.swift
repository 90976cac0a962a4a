import Testing
import Values

@testable import Workflow

/// What becomes of filters, correlations, `listen`, `emit` and `schedule`.
struct EventModelTests {
  private func listen(_ text: String, foreach: String = "") throws -> Listen {
    let definition = try parsed(workflow("- a:\n    listen: \(text)\n" + foreach))
    guard case .listen(let listen)? = definition.tasks.first?.kind else {
      throw ExpressionError(code: .syntax, message: "no listen")
    }
    return listen
  }

  private func filter(_ text: String) throws -> EventFilter {
    guard case .one(let filter) = try listen("{to: {one: \(text)}}").to else {
      throw ExpressionError(code: .syntax, message: "no filter")
    }
    return filter
  }

  @Test func strategies() throws {
    let two = "[{with: {type: a}}, {with: {type: b}}]"
    guard case .all(let all) = try listen("{to: {all: \(two)}}").to,
      case .any(let any, nil) = try listen("{to: {any: \(two)}}").to,
      case .any(let every, nil) = try listen("{to: {any: []}}").to
    else { return note("other strategies") }
    #expect(all.map(\.type) == ["a", "b"] && any.map(\.type) == ["a", "b"] && every.isEmpty)
  }

  @Test func endsOfListening() throws {
    guard case .any(_, .condition(let condition)) = try listen("{to: {any: [], until: (. | length) > 3}}").to,
      case .any(_, .events(.one(let last))) = try listen("{to: {any: [], until: {one: {with: {type: z}}}}}").to,
      case .any(_, .events(.any(let some, nil))) = try listen("{to: {any: [], until: {any: [{with: {type: z}}]}}}").to
    else { return note("other ends") }
    #expect(condition.source == "(. | length) > 3" && last.type == "z" && some.count == 1)
  }

  @Test(arguments: [
    ("", Listen.Reading.data), (", read: data", .data), (", read: envelope", .envelope), (", read: raw", .raw),
  ])
  func readings(text: String, expected: Listen.Reading) throws {
    #expect(try listen("{to: {any: []}\(text)}").read == expected)
  }

  @Test func iterators() throws {
    let foreach = """
          foreach:
            item: message
            at: place
            do:
              - b: {set: {x: '${ [$message, $place] }'}}
            output: {as: '${ {n: $place, of: .} }'}
            export: {as: '$context + {last: $message, out: $output}'}
      """
    let listened = try listen("{to: {any: []}}", foreach: foreach)
    let iterator = try #require(listened.iterator)
    #expect(iterator.item == "message" && iterator.at == "place")
    #expect(iterator.tasks?.map(\.reference) == ["/do/0/a/foreach/do/0/b"])
    #expect(iterator.output?.as?.usedVariables == ["place"])
    #expect(iterator.export?.as?.usedVariables == ["context", "message", "output"])
  }

  @Test func correlations() throws {
    let filter = try filter(
      "{with: {type: t}, correlate: {b: {from: .data.order, expect: '${ $input.order }'}, a: {from: .subject}, c: {from: .x, expect: fixed}}}"
    )
    #expect(filter.correlations.map(\.name) == ["a", "b", "c"])
    #expect(filter.correlations[0].expect == nil && filter.correlations[1].from.source == ".data.order")
    #expect(try filter.correlations[1].expect?.evaluate(nil) { _ in ["order": 7] } == 7)
    #expect(try filter.correlations[2].expect?.evaluate(nil) { _ in nil } == "fixed")
  }

  /// A literal that begins with `^` or ends with `$` is a regular expression; all others are compared as they stand.
  @Test(arguments: [
    ("^com\\\\.example\\\\.", "com.example.ordered", true), ("^com\\\\.example\\\\.", "com-example-ordered", false),
    ("ordered$", "com.example.ordered", true), ("ordered$", "com.example.ordered.v2", false),
    ("com.example", "com.example", true), ("com.example", "com-example", false), ("com.*", "com.example", false),
    ("com.*", "com.*", true), ("^\\\"$", "\"", true),
  ])
  func regularExpressions(pattern: String, type: String, matches: Bool) throws {
    let filter = try filter("{with: {type: \"\(pattern)\"}}")
    #expect(try filter.matches(["type": .string(type)]) == matches)
    #expect(try !filter.matches(["subject": "x"]), "no attribute is a mismatch and no error")
  }

  @Test func whatLooksLikeARegularExpressionIsAWarning() throws {
    let found = diagnose(workflow("- a: {listen: {to: {one: {with: {type: 'com.*'}}}}}"))
    #expect(found.map(\.severity) == [.warning] && found[0].hint?.contains("begins with '^'") == true)
  }

  @Test func filtersOfAListenSeeTheInstance() throws {
    let filter = try filter("{with: {data: '${ .order == $input.order and $context.x == $workflow.id }', plant: 3}}")
    #expect(filter.attributes.map(\.name) == ["plant", "data"], "literals first")
    #expect(try filter.matches(["plant": 3, "data": ["order": 1]]) { $0 == "input" ? ["order": 1] : nil })
  }

  @Test func emissions() throws {
    let text =
      "- a: {emit: {event: {with: {type: t, source: 'https://x.example', subject: '${ .s }', plant: 7, data: {x: '${ .x }'}}}}}"
    guard case .emit(let emission) = try parsed(workflow(text)).tasks[0].kind else { return note("no emit") }
    let event = try emission.attributes.evaluate(["s": "S", "x": [1]]) { _ in nil }
    #expect(event == ["type": "t", "source": "https://x.example", "subject": "S", "plant": 7, "data": ["x": [1]]])
  }

  @Test func schedules() throws {
    let text =
      "schedule: {every: {minutes: 5}, after: PT1H, on: {all: [{with: {type: a}, correlate: {k: {from: .k}}}, {with: {type: b}}]}}"
    let schedule = try #require(try parsed(workflow("- a: {wait: PT1S}", more: text)).schedule)
    #expect(schedule.every == .seconds(300) && schedule.after == .seconds(3600))
    guard case .all(let filters)? = schedule.on else { return note("no events") }
    #expect(filters[0].correlations.map(\.name) == ["k"])
  }

  /// Tasks (`⏎` is a line end)  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes = #"""
    - a: {listen: {to: {one: {with: {type: x}}, until: .y}}}  ⇒  7:47 conflict | 'until' ends a listening to 'any' | end by themselves
    - a: {listen: {to: {any: [], until: {any: [], until: .x}}}}  ⇒  7:49 conflict | no 'until' of their own |
    - a: {listen: {to: {all: []}}}  ⇒  7:28 missingKey | 'all' names no event |
    - a: {listen: {to: {one: {with: {}}}}}  ⇒  7:35 missingKey | at least one attribute |
    - a: {listen: {to: {one: {with: {Type: x}}}}}  ⇒  7:36 invalidValue | 'Type' cannot be an attribute | Did you mean 'type'?
    - a: {listen: {to: {one: {with: {type: '^('}}}}}  ⇒  7:42 invalidValue | no regular expression |
    - a: {listen: {to: {one: {with: {data: {x: '${ .y }'}}}}}}  ⇒  7:42 unsupported | inside the data | one expression
    - a: {listen: {to: {one: {with: {type: x}, correlate: {k: {expect: y}}}}}}  ⇒  7:61 missingKey | 'from' is missing |
    - a: {listen: {to: {one: {with: {type: x}, correlate: {k: {from: '.x ||'}}}}}}  ⇒  7:73 expression | expected |
    - a: {listen: {to: {one: {with: {type: x}, correlate: {k: {from: .x, form: y}}}}}}  ⇒  7:72 unknownKey | 'form' | Did you mean 'from'?
    - a: {listen: {to: {one: {with: {data: '${ $output }'}}}}}  ⇒  7:46 unresolved | $output does not exist here |
    - a: {listen: {to: {any: []}, read: body}}  ⇒  7:39 invalidValue | data, envelope, raw |
    - a: {listen: {to: {any: []}}, foreach: {item: x, at: x}}  ⇒  7:57 conflict | cannot both be $x |
    - a: {listen: {to: {any: []}}, foreach: {do: [{b: {set: {x: '${ $itm }'}}}]}}  ⇒  7:67 unresolved | $itm does not exist here | Did you mean '$item'?
    - a: {emit: {event: {with: {source: 'https://x.example'}}}}  ⇒  7:30 missingKey | 'type' is missing | what happened
    - a: {emit: {event: {}}}  ⇒  7:23 missingKey | 'with' is missing in 'event' |
    - a: {emit: {event: {with: {type: t}, type: x}}}  ⇒  7:41 unknownKey | 'type' is no key of 'event' | known keys: with
    - a: {emit: {event: {with: {type: t, data_base64: x}}}}  ⇒  7:40 invalidValue | 'data_base64' cannot be an attribute |
    - a: {emit: {event: {with: {type: t, plant: {x: 1}}}}}  ⇒  7:47 invalidValue | 'plant' is text, a number | only 'data'
    - a: {emit: {event: {with: {type: ''}}}}  ⇒  7:37 invalidValue | empty text |
    - a: {emit: {event: {with: {type: t, time: yesterday}}}}  ⇒  7:46 invalidValue | 'yesterday' is no time | RFC 3339
    - a: {emit: {event: {with: {type: t, specversion: '0.3'}}}}  ⇒  7:53 unsupported | CloudEvents 0.3 |
    """#

  @Test(arguments: Table.rows(of: mistakes))
  func mistakesInTasks(tasks: String, expected: String) throws {
    let found = diagnose(workflow(tasks.replacing("⏎", with: "\n")))
    try expectOnlyError(found, expected)
  }

  private static let scheduleMistakes = #"""
    schedule: {}  ⇒  8:11 missingKey | needs one of: after, cron, every, on |
    schedule: {every: PT0S}  ⇒  8:19 invalidValue | 'every' must be more than zero |
    schedule: {after: {seconds: 0}}  ⇒  8:19 invalidValue | 'after' must be more than zero |
    schedule: {every: '${ .x }'}  ⇒  8:19 invalidValue | 'every' must be a constant | PT15M
    schedule: {every: P1M}  ⇒  8:19 invalidValue | no duration | without years and months
    schedule: {evry: PT1M}  ⇒  8:12 unknownKey | 'evry' | Did you mean 'every'?
    schedule: {on: {one: {with: {type: '${ $input }'}}}}  ⇒  8:40 unresolved | $input does not exist here | no variable
    schedule: {on: {one: {with: {type: x}, correlate: {k: {from: $workflow.id}}}}}  ⇒  8:62 unresolved | $workflow does not exist here |
    schedule: {on: {one: {with: {type: x}}, any: []}}  ⇒  8:41 conflict | exclude one another |
    schedule: {on: {any: [], until: $context.x}}  ⇒  8:26 unsupported | 'until' in 'schedule.on' | 'listen' task
    """#

  @Test(arguments: Table.rows(of: scheduleMistakes))
  func mistakesInSchedules(more: String, expected: String) throws {
    try expectOnlyError(diagnose(workflow("- a: {set: {x: 1}}", more: more)), expected)
  }
}

/// `schedule.cron`, and the time zone that is this engine's addition.
struct CronModelTests {
  private func text(_ cron: String, metadata: String = "{}") -> String {
    workflow("- a: {set: {x: 1}}", more: "schedule: {cron: \(cron)}")
      .replacing("version: '1.0.0'", with: "version: '1.0.0'\n  metadata: \(metadata)")
  }

  @Test func schedules() throws {
    let utc = try #require(try parsed(text("'0 0 * * *'")).schedule?.cron)
    let berlin = try #require(try parsed(text("'0 0 * * *'", metadata: "{timeZone: Europe/Berlin}")).schedule?.cron)
    #expect(utc.expression.text == "0 0 * * *" && utc.timeZone == "UTC" && berlin.timeZone == "Europe/Berlin")
    let now = try #require(Timestamp(rfc3339: "2026-01-15T12:00:00Z"))
    #expect(utc.next(after: now) == Timestamp(rfc3339: "2026-01-16T00:00:00Z"))
    #expect(berlin.next(after: now) == Timestamp(rfc3339: "2026-01-15T23:00:00Z"))
  }

  /// Cron, metadata  ⇒  place and code, a part of the message, a part of the hint.
  @Test(arguments: [
    ("'0 0 * *'", "{}", "9:26 invalidValue | no cron schedule: a schedule has five fields | minute, hour"),
    ("'0 25 * * *'", "{}", "9:21 invalidValue | no cron schedule |"),
    ("'0 0 30 2 *'", "{}", "9:18 invalidValue | names a day that no year has |"),
    ("'@never'", "{}", "9:19 invalidValue | @never is no schedule | @daily"),
    ("'0 0 * * *'", "{timeZone: Europe/Berln}", "6:24 invalidValue | Europe/Berln | spelling"),
    ("'0 0 * * *'", "{timeZone: 2}", "6:24 invalidValue | 'timeZone' must be text | Europe/Berlin"),
  ])
  func mistakes(cron: String, metadata: String, expected: String) throws {
    try expectOnlyError(diagnose(text(cron, metadata: metadata)), expected)
  }
}
