import Values

// The order of the rules is the order in which they are looked at: types first, for the best message, and last what
// depends on all others.

extension SchemaCompiler {
  mutating func compileNode(_ node: Int) throws(JSONSchemaError) {
    let source = sources[node]
    guard let members = source.json.object else {
      program.nodes[node].content = .boolean(source.json.bool ?? true)
      return
    }
    let keywords = KeywordReader(source, members)
    var rules = try valueRules(keywords)
    rules += try referenceRules(node, keywords)
    rules += try textRules(keywords)
    rules += try logicRules(node, keywords)
    rules += try objectRules(node, keywords)
    rules += try arrayRules(node, keywords)
    let unevaluated = unevaluatedRules(node)
    program.nodes[node].tracks = !unevaluated.isEmpty
    program.nodes[node].content = .rules(rules + unevaluated)
  }

  private mutating func referenceRules(_ node: Int, _ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules: [Rule] = []
    if let reference = try keywords.text("$ref") {
      let target = try resolve(reference, at: node, keywords, "$ref")
      rules.append(Rule(keyword: "$ref", demand: .reference(target.node)))
    }
    if let reference = try keywords.text("$dynamicRef") {
      let target = try resolve(reference, at: node, keywords, "$dynamicRef")
      // Dynamic only where the anchor it names is ("Core", section 8.2.3.2).
      let anchors = program.resources[sources[target.node].resource].dynamicAnchors
      let anchor = target.anchor.flatMap { anchors[$0] == target.node ? $0 : nil }
      rules.append(Rule(keyword: "$dynamicRef", demand: .dynamicReference(target.node, anchor: anchor)))
    }
    return rules
  }

  // MARK: - "Validation", section 6

  private func valueRules(_ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules: [Rule] = []
    if let types = try keywords.types() { rules.append(Rule(keyword: "type", demand: .types(types))) }
    if let value = keywords.members["const"] {
      rules.append(
        Rule(keyword: "const", demand: .values([ExactValue(value)], text: "must be \(Excerpt.of(value.text))")))
    }
    if let json = keywords.members["enum"] {
      guard let values = json.array else { throw keywords.error(.keyword, "enum", "must be an array of values") }
      let text = "must be one of " + Excerpt.of(values.map(\.text).joined(separator: ", "))
      rules.append(
        Rule(
          keyword: "enum",
          demand: .values(Set(values.map(ExactValue.init)), text: values.isEmpty ? "can be nothing at all" : text)))
    }
    for bound in Bound.allCases {
      guard let limit = try keywords.number(bound.rawValue) else { continue }
      rules.append(Rule(keyword: bound.rawValue, demand: .bound(bound, limit.value, text: limit.text)))
    }
    if let divisor = try keywords.number("multipleOf") {
      guard divisor.value.isPositive else { throw keywords.error(.keyword, "multipleOf", "must be more than 0") }
      guard !divisor.value.isFar else {
        throw keywords.error(.keyword, "multipleOf", "has an exponent that no number can be divided by")
      }
      rules.append(Rule(keyword: "multipleOf", demand: .multiple(divisor.value, text: divisor.text)))
    }
    return rules
  }

  private func textRules(_ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules = try countRules(.characters, keywords)
    if let source = try keywords.text("pattern") {
      rules.append(Rule(keyword: "pattern", demand: .pattern(try expression(source, keywords, "pattern"))))
    }
    // Annotations, yet of a given shape.
    for keyword in ["format", "contentEncoding", "contentMediaType"] { _ = try keywords.text(keyword) }
    return rules
  }

  private func countRules(_ counted: Counted, _ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules: [Rule] = []
    for isMaximum in [false, true] {
      let keyword = (isMaximum ? "max" : "min") + counted.suffix
      guard let count = try keywords.count(keyword) else { continue }
      rules.append(Rule(keyword: keyword, demand: .count(counted, isMaximum: isMaximum, count)))
    }
    return rules
  }

  private func expression(
    _ source: String, _ keywords: KeywordReader, _ keyword: String
  ) throws(JSONSchemaError) -> RegularExpression {
    do {
      return try RegularExpression(source)
    } catch {
      throw keywords.error(.pattern, keyword, "has an expression, \(Excerpt.of(source)), that \(error.message)")
    }
  }

  // MARK: - "Core", sections 10 and 11

  private func children(_ node: Int, _ keywords: KeywordReader, _ keyword: String) -> [Int]? {
    keywords.members[keyword]?.array.map { $0.indices.compactMap { child(of: node, "/\(keyword)/\($0)") } }
  }

  private func logicRules(_ node: Int, _ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules: [Rule] = []
    if let nodes = children(node, keywords, "allOf") { rules.append(Rule(keyword: "allOf", demand: .all(nodes))) }
    if let nodes = children(node, keywords, "anyOf") { rules.append(Rule(keyword: "anyOf", demand: .any(nodes))) }
    if let nodes = children(node, keywords, "oneOf") { rules.append(Rule(keyword: "oneOf", demand: .one(nodes))) }
    if let other = child(of: node, "/not") { rules.append(Rule(keyword: "not", demand: .none(other))) }
    if let test = child(of: node, "/if") {
      let then = child(of: node, "/then")
      let otherwise = child(of: node, "/else")
      rules.append(Rule(keyword: "if", demand: .conditional(test: test, then: then, otherwise: otherwise)))
    }
    return rules
  }

  private func objectRules(_ node: Int, _ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules = try countRules(.members, keywords)
    if let names = try keywords.names("required") {
      rules.append(Rule(keyword: "required", demand: .required(names)))
    }
    if let members = try keywords.object("dependentRequired") {
      var dependent: [(String, [String])] = []
      for (name, json) in members { dependent.append((name, try keywords.names(in: json, "dependentRequired"))) }
      rules.append(Rule(keyword: "dependentRequired", demand: .dependentRequired(dependent)))
    }
    if let members = try memberRules(node, keywords) {
      rules.append(Rule(keyword: "properties", demand: .members(members)))
    }
    if let names = child(of: node, "/propertyNames") {
      rules.append(Rule(keyword: "propertyNames", demand: .names(names)))
    }
    if let members = keywords.members["dependentSchemas"]?.object {
      let dependent = members.keys.compactMap { name in
        child(of: node, "/dependentSchemas/" + JSONPointer.escape(name)).map { (name, $0) }
      }
      rules.append(Rule(keyword: "dependentSchemas", demand: .dependentSchemas(dependent)))
    }
    return rules
  }

  private func memberRules(_ node: Int, _ keywords: KeywordReader) throws(JSONSchemaError) -> MemberRules? {
    var rules = MemberRules()
    for name in keywords.members["properties"]?.object?.keys ?? [] {
      rules.named[Name(name)] = child(of: node, "/properties/" + JSONPointer.escape(name))
    }
    for source in keywords.members["patternProperties"]?.object?.keys ?? [] {
      guard let target = child(of: node, "/patternProperties/" + JSONPointer.escape(source)) else { continue }
      rules.patterns.append((try expression(source, keywords, "patternProperties"), target))
    }
    rules.others = child(of: node, "/additionalProperties")
    return rules.named.isEmpty && rules.patterns.isEmpty && rules.others == nil ? nil : rules
  }

  private func arrayRules(_ node: Int, _ keywords: KeywordReader) throws(JSONSchemaError) -> [Rule] {
    var rules = try countRules(.items, keywords)
    if try keywords.boolean("uniqueItems") == true { rules.append(Rule(keyword: "uniqueItems", demand: .unique)) }
    let prefix = children(node, keywords, "prefixItems") ?? []
    let rest = child(of: node, "/items")
    if !prefix.isEmpty || rest != nil {
      rules.append(Rule(keyword: "items", demand: .items(prefix: prefix, rest: rest)))
    }
    // Both mean nothing without `contains`, and have their shape all the same.
    let minimum = try keywords.count("minContains")
    let maximum = try keywords.count("maxContains")
    if let contained = child(of: node, "/contains") {
      rules.append(
        Rule(keyword: "contains", demand: .contains(contained, minimum: minimum, maximum: maximum)))
    }
    return rules
  }

  private func unevaluatedRules(_ node: Int) -> [Rule] {
    var rules: [Rule] = []
    if let rest = child(of: node, "/unevaluatedItems") {
      rules.append(Rule(keyword: "unevaluatedItems", demand: .unevaluatedItems(rest)))
    }
    if let rest = child(of: node, "/unevaluatedProperties") {
      rules.append(Rule(keyword: "unevaluatedProperties", demand: .unevaluatedMembers(rest)))
    }
    return rules
  }
}
