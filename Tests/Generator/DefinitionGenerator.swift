import Values

/// Draws definitions in which every construct of the language turns up, and which end.
package struct DefinitionGenerator {
  var dice: Dice
  /// How many tasks may still be made.
  private(set) var budget = 0
  /// The names of loop variables and of errors that exist at the place.
  var locals: [String] = []
  private var count = 0
  /// Whether something leads to the name that was kept for it.
  private var isAimed = false
  private var hasSecret = false
  private var functions: [String] = []
  private var retries: [String] = []
  private var timeouts: [String] = []
  private var errors: [String] = []

  package init(dice: Dice) { self.dice = dice }

  /// Of the errors that tasks raise and processors answer with.
  package static let errorTypes = [
    "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
    "https://serverlessworkflow.io/spec/1.0.0/errors/runtime", "https://example.com/errors/stock", "about:blank",
  ]

  package mutating func workflow() -> JSON {
    budget = 2 + dice.roll(14)
    var root: JSONObject = [
      "document": ["dsl": "1.0.3", "namespace": "tests", "name": "model", "version": "1.0.0"]
    ]
    if dice.chance(20) { root["input"] = stage("from", transform(.workflow)) }
    if dice.chance(15) { root["output"] = stage("as", transform(.output)) }
    if dice.chance(12) { root["timeout"] = ["after": ["milliseconds": .number(JSONNumber(1 + dice.roll(40_000)))]] }
    let use = components()
    if !use.isEmpty { root["use"] = .object(use) }
    root["do"] = scope(depth: 0)
    return .object(root)
  }

  private mutating func components() -> JSONObject {
    var use: JSONObject = [:]
    if dice.chance(8) {
      use["secrets"] = ["token"]
      hasSecret = true
    }
    if dice.chance(30) {
      let name = "soon"
      use["timeouts"] = [name: timeout(upTo: 9_000)]
      timeouts = [name]
    }
    if dice.chance(30) {
      use["errors"] = ["stock": error()]
      errors = ["stock"]
    }
    if dice.chance(30) {
      use["retries"] = ["often": retry()]
      retries = ["often"]
    }
    if dice.chance(40) {
      var bodies: JSONObject = [:]
      let outer = budget
      for name in ["undo", "fetch"] {
        budget = 3
        bodies[name] = task(depth: 3, isAlone: true)
        functions.append(name)
      }
      budget = outer
      use["functions"] = .object(bodies)
    }
    if dice.chance(20) {
      let outer = budget
      var rules: [JSON] = []
      for place in 0...dice.roll(2) {
        budget = 2
        rules.append([dice.pick(["log", "guard", "trace"]) + "\(place)": rule()])
      }
      budget = outer
      use["extensions"] = .array(rules)
    }
    return use
  }

  private mutating func rule() -> JSON {
    let kinds = [
      "all", "all", "call", "set", "composite", "for", "try", "switch", "wait", "raise", "emit", "run", "listen",
    ]
    var rule: JSONObject = ["extend": .string(dice.pick(kinds))]
    if dice.chance(50) { rule["when"] = .string(condition(.definition)) }
    let isBefore = dice.chance(60)
    if isBefore { rule["before"] = scope(depth: 4) }
    if !isBefore || dice.chance(50) { rule["after"] = scope(depth: 4) }
    return .object(rule)
  }

  // MARK: Scopes

  mutating func name(_ kind: String) -> String {
    count += 1
    return "\(kind)\(count)"
  }

  mutating func scope(depth: Int) -> JSON {
    var tasks: [JSON] = []
    let wanted = 1 + dice.roll(depth == 0 ? 5 : 3)
    repeat {
      if dice.chance(6), budget > 3 {
        tasks += circle(depth: depth)
        continue
      }
      // A name that a task before can lead to, so that a jump goes forward and the definition ends.
      let later = name("t")
      var body = task(depth: depth, isAlone: false)
      isAimed = false
      if case .object(var members) = body {
        if let kind = members["switch"]?.array { members["switch"] = .array(kind.map { aim($0, at: later) }) }
        if dice.chance(9) { members["then"] = .string(directive(later)) }
        body = .object(members)
      }
      tasks.append([name(Self.kind(of: body)): body])
      if isAimed {
        if dice.chance(60) { tasks.append([name("over"): task(depth: 9, isAlone: false)]) }
        tasks.append([later: ["set": value()]])
      }
    } while tasks.count < wanted && budget > 0
    return .array(tasks)
  }

  private static func kind(of body: JSON) -> String {
    for key in ["for", "do", "set", "call", "switch", "fork", "try", "raise", "wait", "run", "emit", "listen"]
    where body[key] != nil { return key }
    return "task"
  }

  private mutating func directive(_ later: String) -> String {
    let directive = dice.pick([later, later, "continue", "exit", "exit", "end"])
    if directive == later { isAimed = true }
    return directive
  }

  private mutating func aim(_ option: JSON, at later: String) -> JSON {
    guard case .object(let members) = option, let (name, body) = members.first(where: { _ in true }),
      case .object(var target) = body
    else { return option }
    target["then"] = .string(directive(later))
    return [name: .object(target)]
  }

  /// A head, something in between, and a case that goes back to the head a few times.
  private mutating func circle(depth: Int) -> [JSON] {
    budget -= 1
    let head = name("head")
    let again: JSON = [
      "switch": [["again": ["when": "(.turn | type) == \"number\" and .turn < 3", "then": .string(head)]]]
    ]
    var middle = task(depth: depth + 1, isAlone: false)
    if case .object(var members) = middle, members["switch"] == nil {
      members["output"] = ["as": "{turn: ($input.turn // 9), n: 1}"]
      members["input"] = nil
      middle = .object(members)
    }
    return [
      [head: ["set": ["turn": "${ if (.turn | type) == \"number\" then .turn + 1 else 0 end }", "n": 2]]],
      [name("between"): middle], [name("again"): again],
    ]
  }

  // MARK: Tasks

  /// - Parameter isAlone: whether no other task stands beside it that it could lead to.
  mutating func task(depth: Int, isAlone: Bool) -> JSON {
    budget -= 1
    var members = kind(depth: depth)
    if dice.chance(12) { members["if"] = .string(condition(.raw)) }
    if dice.chance(15) { members["input"] = stage("from", transform(.raw)) }
    if members["output"] == nil, dice.chance(15) { members["output"] = stage("as", transform(.output)) }
    if dice.chance(22) { members["export"] = stage("as", export()) }
    if dice.chance(9) { members["timeout"] = timeout(upTo: 15_000) }
    if let undo = functions.randomElement(using: &dice), dice.chance(25) {
      var compensation: JSONObject = ["use": .string(undo)]
      if dice.chance(70) { compensation["with"] = ["done": "${ .n? }", "k": "${ $context.k? }", "n": 4] }
      members["metadata"] = ["compensation": .object(compensation)]
    }
    if isAlone, dice.chance(8) { members["then"] = .string(dice.pick(["exit", "continue", "end"])) }
    return .object(members)
  }

  private mutating func kind(depth: Int) -> JSONObject {
    let leaf = depth >= 4 || budget <= 0
    switch dice.roll(leaf ? 46 : 100) {
    case 0..<14: return ["set": dice.chance(80) ? value() : .string("${ \(dice.pick(Self.data)) }")]
    case 14..<27: return call()
    case 27..<31: return ["wait": duration(upTo: 8_000)]
    case 31..<34: return ["raise": ["error": raised()]]
    case 34..<37: return emission()
    case 37..<41: return run()
    case 41..<46: return ["switch": cases()]
    case 46..<56: return ["do": scope(depth: depth + 1)]
    case 56..<68: return loop(depth)
    case 68..<78: return fork(depth)
    case 78..<93: return attempt(depth)
    default: return listen(depth)
    }
  }

  private mutating func call() -> JSONObject {
    if let name = functions.randomElement(using: &dice), dice.chance(35) {
      return dice.chance(70) ? ["call": .string(name), "with": value()] : ["call": .string(name)]
    }
    if dice.chance(10) {
      return [
        "call": "http",
        "with": ["method": "get", "endpoint": "https://example.com/items/{n}", "query": ["s": "${ .s }"]],
      ]
    }
    var members: JSONObject = ["call": .string(dice.pick(["oracle", "store"]))]
    if hasSecret, dice.chance(60) {
      members["with"] = [
        "n": "${ .n }", "token": dice.pick(["${ $secrets.token }", "${ \"Bearer \\($secrets.token)\" }"]),
      ]
    } else if dice.chance(75) {
      members["with"] = value()
    }
    return members
  }

  private mutating func raised() -> JSON {
    if let name = errors.first, dice.chance(50) { return .string(name) }
    return error()
  }

  private mutating func error() -> JSON {
    var error: JSONObject = [
      "type": .string(dice.pick(Self.errorTypes + ["https://example.com/{s}/{n}", "${ \"urn:\\(.n)\" }"])),
      "status": .number(JSONNumber(dice.pick([400, 409, 503]))),
    ]
    if dice.chance(60) { error["title"] = dice.pick(["Gone", "${ \"Number \\(.n)\" }"]) }
    if dice.chance(40) { error["detail"] = dice.pick(["for good", "${ .s // \"none\" }"]) }
    return .object(error)
  }

  private mutating func emission() -> JSONObject {
    var event: JSONObject = [
      "type": dice.chance(85) ? "org.example.noted" : dice.pick(["${ .s }", "${ \"noted.\\(.n)\" }"])
    ]
    if dice.chance(50) { event["id"] = dice.pick(["fixed", "${ \"id-\\(.n)\" }"]) }
    if dice.chance(60) { event["source"] = "https://example.com/source" }
    if dice.chance(30) { event["time"] = "2026-01-31T12:00:00Z" }
    if dice.chance(30) { event["subject"] = "${ .s // \"none\" }" }
    if dice.chance(80) { event["data"] = value() }
    var members: JSONObject = ["emit": ["event": ["with": .object(event)]]]
    // What the engine makes up is not passed on: nobody can tell it beforehand.
    members["output"] = [
      "as": event["id"] == nil
        ? dice.pick(["{n: 5, s: .type}", ".data"]) : dice.pick([".", ".data", "{n: 1, at: .time}"])
    ]
    return members
  }

  private mutating func run() -> JSONObject {
    var workflow: JSONObject = ["namespace": "tests", "name": dice.pick(["child", "other"])]
    if dice.chance(50) { workflow["version"] = "1.2.3" }
    if dice.chance(60) { workflow["input"] = value() }
    var run: JSONObject = ["workflow": .object(workflow)]
    if dice.chance(40) { run["await"] = .bool(dice.chance(50)) }
    return ["run": .object(run)]
  }

  private mutating func cases() -> JSON {
    var cases: [JSON] = (0...dice.roll(3)).map { place in
      ["case\(place)": ["when": .string(condition(.definition)), "then": "continue"]]
    }
    if dice.chance(50) { cases.insert(["otherwise": ["then": "continue"]], at: dice.roll(cases.count + 1)) }
    return .array(cases)
  }

  private mutating func loop(_ depth: Int) -> JSONObject {
    var loop: JSONObject = ["in": .string(dice.pick(Self.lists))]
    let each = dice.chance(60) ? name("item") : "item"
    let at = dice.chance(40) ? name("at") : "index"
    if each != "item" { loop["each"] = .string(each) }
    if at != "index" { loop["at"] = .string(at) }
    let outer = locals
    locals += [each, at]
    var members: JSONObject = ["for": .object(loop)]
    if dice.chance(25) { members["while"] = .string(dice.chance(50) ? "$\(at) < 2" : condition(.definition)) }
    members["do"] = scope(depth: depth + 1)
    locals = outer
    return members
  }

  private mutating func fork(_ depth: Int) -> JSONObject {
    let branches: [JSON] = (0...(1 + dice.roll(2))).map { _ in
      let body = task(depth: depth + 1, isAlone: true)
      return [name(Self.kind(of: body)): body]
    }
    var fork: JSONObject = ["branches": .array(branches)]
    if dice.chance(45) { fork["compete"] = .bool(dice.chance(80)) }
    var members: JSONObject = ["fork": .object(fork)]
    if dice.chance(70) {
      members["output"] = ["as": dice.pick(["{n: 3, all: .}", "{n: length}", "{n: 1, first: .[0]?}"])]
    }
    return members
  }

  private mutating func attempt(_ depth: Int) -> JSONObject {
    var handler: JSONObject = [:]
    if dice.chance(35) {
      var filter: JSONObject = [:]
      if dice.chance(60) { filter["status"] = .number(JSONNumber(dice.pick([400, 408, 503, 409]))) }
      if filter.isEmpty || dice.chance(40) {
        filter["type"] = .string(
          dice.pick(Self.errorTypes + ["https://serverlessworkflow.io/dsl/errors/types/communication"]))
      }
      if dice.chance(15) { filter["title"] = dice.pick(["Busy", "Gone"]) }
      handler["errors"] = ["with": .object(filter)]
    }
    let error = dice.chance(40) ? name("problem") : "error"
    if error != "error" { handler["as"] = .string(error) }
    if dice.chance(20) {
      handler["when"] = .string(dice.pick(["$\(error).status != 404", "$error.status < 500", ".n != 3"]))
    }
    if dice.chance(20) {
      handler["exceptWhen"] = .string(dice.pick(["$\(error).status == 404", "$error.title == \"Gone\""]))
    }
    if dice.chance(55) {
      handler["retry"] = retries.isEmpty || dice.chance(50) ? retry() : .string(retries[0])
    }
    let tasks: JSON = dice.chance(90) ? scope(depth: depth + 1) : task(depth: depth + 1, isAlone: true)
    let outer = locals
    locals.append("\(error).\(dice.pick(["status", "type", "title", "instance"]))")
    if dice.chance(70) { handler["do"] = scope(depth: depth + 1) }
    locals = outer
    return ["try": tasks, "catch": .object(handler)]
  }

  private mutating func retry() -> JSON {
    var policy: JSONObject = [:]
    var limit: JSONObject = [:]
    if dice.chance(80) { policy["delay"] = duration(upTo: 3_000) }
    if dice.chance(60) { policy["backoff"] = [dice.pick(["constant", "linear", "exponential"]): [:]] }
    if dice.chance(20) {
      let (from, more) = (dice.roll(900), dice.roll(900))
      policy["jitter"] = [
        "from": ["milliseconds": .number(JSONNumber(from))], "to": ["milliseconds": .number(JSONNumber(from + more))],
      ]
    }
    if dice.chance(20) { policy["when"] = .string(dice.pick(["$error.status != 400", ".n != 2"])) }
    if dice.chance(15) { policy["exceptWhen"] = "$error.status == 409" }
    var attempt: JSONObject = [:]
    if dice.chance(85) { attempt["count"] = .number(JSONNumber(1 + dice.roll(4))) }
    if dice.chance(20) { attempt["duration"] = duration(upTo: 12_000) }
    if !attempt.isEmpty { limit["attempt"] = .object(attempt) }
    if attempt["count"] == nil || dice.chance(25) { limit["duration"] = duration(upTo: 20_000) }
    policy["limit"] = .object(limit)
    return .object(policy)
  }
}
