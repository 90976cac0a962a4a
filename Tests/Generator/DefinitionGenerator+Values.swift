import Values

/// Durations, expressions, data and listening.
extension DefinitionGenerator {
  enum Place { case workflow, raw, definition, output }

  /// A stage of the data, with a schema now and then.
  mutating func stage(_ key: String, _ transform: JSON) -> JSON {
    var stage: JSONObject = [key: transform]
    guard dice.chance(12) else { return .object(stage) }
    let documents: [JSON] = [
      ["type": "object"], ["type": "object", "required": ["n"]], ["properties": ["n": ["type": ["number", "null"]]]],
      ["properties": ["n": ["maximum": 5]]], ["not": ["required": ["k"]]],
      ["anyOf": [["type": "array"], ["type": "object"]]],
    ]
    stage["schema"] = ["format": "json", "document": dice.pick(documents)]
    if dice.chance(30) { stage[key] = nil }
    return .object(stage)
  }

  /// A unique-looking number of milliseconds, so that two hardly ever end at the same time.
  mutating func duration(upTo limit: Int) -> JSON {
    let milliseconds = dice.chance(4) ? 0 : 1 + dice.roll(limit)
    switch dice.roll(13) / 3 {
    case 4: return "${ \"PT\\(.n // 1)S\" }"
    case 0: return ["milliseconds": .number(JSONNumber(milliseconds))]
    case 1:
      return [
        "seconds": .number(JSONNumber(milliseconds / 1_000)), "milliseconds": .number(JSONNumber(milliseconds % 1_000)),
      ]
    case 2:
      let text = String(1_000_000 + milliseconds).dropFirst(4)
      return .string("PT\(milliseconds / 1_000).\(text)S")
    default: return .string("${ \"PT\(milliseconds / 1_000).\(String(1_000_000 + milliseconds).dropFirst(4))S\" }")
    }
  }

  mutating func timeout(upTo limit: Int) -> JSON { ["after": duration(upTo: limit)] }

  static let data = [
    ".", "{n: .n, s: .s}", "{n: 1, list: .list}", "$context", "[.n, 2]", "{n: $workflow.input.n, ok: .ok}",
  ]
  static let lists = [
    ".list", "[1, 2, 3]", "[.n, 7]", "[range(3)]", "$context.list // [4, 5]", "$workflow.input.list", "[]",
  ]

  mutating func condition(_ place: Place) -> String {
    var pool = [
      ".n > 3", ".n < 5", ".ok", ".n == 2", "$context.k == null", "$context.k > 2", "true", ".ok | not",
      "$workflow.input.n > 2", "$task.name != \"x\"", ".list | length > 1", ".missing",
    ]
    if place == .definition { pool += ["$input.n != 1", "$task.input.n == $input.n"] }
    if let local = locals.last, dice.chance(30) { pool = ["$\(local) != 1", "$\(local) == 2"] }
    return dice.pick(pool)
  }

  mutating func transform(_ place: Place) -> JSON {
    var pool: [JSON] = [
      ".", "{n: .n, s: .s}", ["n": "${ .n }", "list": "${ .list }"], "{n: 4, ok: true, list: [1, 2]}",
      ["n": 2, "was": "${ .n? }"], "{n: (.n + 1)}",
    ]
    switch place {
    case .workflow: pool += ["{n: $workflow.input.n, list: .list, ok: .ok}", ["n": 6, "id": "${ $workflow.id }"]]
    case .raw:
      pool += [
        "{n: $context.k, ok: .ok}", ["n": "${ $task.input.n? }", "at": "${ $task.startedAt.epoch.milliseconds }"],
      ]
    case .definition, .output: pool += ["{n: $context.k, all: .}", "$context"]
    }
    if place == .output { pool += ["{n: 7, all: .}", ["n": 1, "k": "${ $context.k? }"]] }
    return dice.pick(pool)
  }

  mutating func export() -> JSON {
    dice.pick([
      "{k: .n}", "$context + {k: 3}", ".", "{k: $output.n, last: $task.name}",
      ["k": "${ $input.n? }", "list": [8, 9]],
      "{k: ($context.k + 1)}", "{k: .n, raw: $task.output.n}",
    ])
  }

  mutating func value() -> JSON {
    var object: JSONObject = [
      "n": dice.pick([
        "${ .n }", "${ .n + 1 }", 1, 2, "${ $input.n }", "${ $context.k }", "${ $workflow.input.n }",
        "${ if .ok then 3 else .n end }", "${ $runtime.name | length }",
      ])
    ]
    if dice.chance(40) { object["ok"] = dice.pick(["${ .ok }", true, false, "${ .n > 2 }"]) }
    if dice.chance(40) { object["list"] = dice.pick(["${ .list }", [1, 2], ["${ .n }", 5], []]) }
    if dice.chance(30) {
      object["s"] = dice.pick([
        "text", "${ .s }", "${ $task.name }", "${ $task.reference }", "${ $task.definition | length }",
      ])
    }
    if let local = locals.last, dice.chance(50) {
      object["local"] = .string("${ $\(dice.chance(60) ? local : dice.pick(locals)) }")
    }
    if dice.chance(6) { object["deep"] = ["n": ["${ .n }", ["m": "${ $task.startedAt.iso8601 }"]]] }
    return .object(object)
  }

  // MARK: Listening

  mutating func listen(_ depth: Int) -> JSONObject {
    var listen: JSONObject = ["to": consumption(isOuter: true)]
    if dice.chance(40) { listen["read"] = dice.pick(["data", "envelope", "raw"]) }
    var members: JSONObject = ["listen": .object(listen)]
    if dice.chance(45) {
      var iterator: JSONObject = [:]
      let item = dice.chance(50) ? name("event") : "item"
      let at = dice.chance(30) ? name("place") : "index"
      if item != "item" { iterator["item"] = .string(item) }
      if at != "index" { iterator["at"] = .string(at) }
      let outer = locals
      locals += [item, at]
      if dice.chance(75) { iterator["do"] = scope(depth: depth + 1) }
      if dice.chance(40) { iterator["output"] = stage("as", dice.pick(["{n: 2, got: .}", .string("{n: $\(at)}")])) }
      if dice.chance(30) {
        iterator["export"] = ["as": dice.pick([.string("{k: $\(at)}"), "$context + {seen: true}"])]
      }
      locals = outer
      members["foreach"] = .object(iterator)
    }
    if dice.chance(60) {
      members["output"] = ["as": dice.pick(["{n: length, all: .}", "{n: 1, first: .[0]?}", "{n: length}"])]
    }
    if dice.chance(60) { members["timeout"] = timeout(upTo: 40_000) }
    return members
  }

  private mutating func consumption(isOuter: Bool) -> JSON {
    func filters(_ count: Int) -> JSON {
      var list: [JSON] = []
      for _ in 0..<count { list.append(filter()) }
      return .array(list)
    }
    switch dice.roll(isOuter ? 6 : 3) {
    case 0: return ["one": filter()]
    case 1: return ["all": filters(1 + dice.roll(3))]
    case 2: return ["any": filters(1 + dice.roll(2))]
    case 3: return ["any": []]
    case 4:
      let count = dice.roll(3)
      return [
        "any": filters(count), "until": .string(dice.pick(["length > 1", "(. | length) == 3", ".[0].n > 2", "true"])),
      ]
    default:
      let count = dice.roll(3)
      return ["any": filters(count), "until": consumption(isOuter: false)]
    }
  }

  private mutating func filter() -> JSON {
    var with: JSONObject = [:]
    if dice.chance(75) {
      with["type"] = dice.pick(["red", "green", "blue", "^gr", "${ . == \"red\" or . == \"blue\" }"])
    }
    if dice.chance(20) { with["subject"] = dice.pick(["a", "b", "${ . == $context.s }"]) }
    if with.isEmpty || dice.chance(20) {
      with["data"] = dice.pick(["${ .n > 2 }", "${ .n < 6 }", "${ .n != $input.n }"])
    }
    var filter: JSONObject = ["with": .object(with)]
    if dice.chance(30) {
      var correlations: JSONObject = [:]
      for name in dice.pick([["order"], ["order"], ["order", "item"]]) {
        var correlation: JSONObject = ["from": dice.pick([".data.n", ".subject", ".data.s"])]
        if dice.chance(45) { correlation["expect"] = dice.pick(["a", "${ .n }", "${ $context.k }", "${ .s }"]) }
        correlations[name] = .object(correlation)
      }
      filter["correlate"] = .object(correlations)
    }
    return .object(filter)
  }
}
