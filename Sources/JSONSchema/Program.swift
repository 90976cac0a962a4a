/// A compiled document. Nodes and resources refer to each other by their place, so that cycles cost nothing.
struct Program: Sendable {
  var nodes: [Node] = []
  var resources: [Resource] = []
}

/// A schema.
struct Node: Sendable {
  enum Content: Sendable {
    case boolean(Bool)
    case rules([Rule])
  }

  /// What violations name: see ``Violation/schema``.
  let location: String
  let resource: Int
  var content = Content.boolean(true)
  /// Whether a keyword asks which members or items the others have looked at.
  var tracks = false
}

/// What one keyword, or a few that belong together, demand.
struct Rule: Sendable {
  /// The keyword that violations name.
  let keyword: String
  let demand: Demand
}

/// A schema resource: the document, or a part of it with an `$id` ("Core", section 4.3.5).
struct Resource: Sendable {
  /// Absolute, as far as the document says; without a fragment.
  let base: URIReference
  let root: Int
  var anchors: [Name: Int] = [:]
  var dynamicAnchors: [Name: Int] = [:]
}

enum Demand: Sendable {
  // "Core", section 8.2.3
  case reference(Int)
  /// - Parameter anchor: looked for in the dynamic scope first; `nil` where this is no more than a `$ref`.
  case dynamicReference(Int, anchor: Name?)

  // "Core", section 10.2
  case all([Int])
  case any([Int])
  case one([Int])
  case none(Int)
  case conditional(test: Int, then: Int?, otherwise: Int?)
  case dependentSchemas([(name: String, node: Int)])

  // "Core", sections 10.3 and 11
  case members(MemberRules)
  case names(Int)
  case items(prefix: [Int], rest: Int?)
  case contains(Int, minimum: Int?, maximum: Int?)
  case unevaluatedMembers(Int)
  case unevaluatedItems(Int)

  // "Validation", section 6
  case types(Types)
  case values(Set<ExactValue>, text: String)
  case multiple(ExactNumber, text: String)
  case bound(Bound, ExactNumber, text: String)
  case count(Counted, isMaximum: Bool, Int)
  case pattern(RegularExpression)
  case unique
  case required([String])
  case dependentRequired([(name: String, required: [String])])
}

/// `properties`, `patternProperties` and `additionalProperties`, which only together say what a member has to be.
struct MemberRules: Sendable {
  var named: [Name: Int] = [:]
  var patterns: [(expression: RegularExpression, node: Int)] = []
  var others: Int?
}

enum Bound: String, CaseIterable, Sendable {
  case maximum
  case exclusiveMaximum
  case minimum
  case exclusiveMinimum
}

enum Counted: CaseIterable, Sendable {
  case characters
  case items
  case members

  /// The keywords end in it: `minLength`, `maxItems`.
  var suffix: String {
    switch self {
    case .characters: "Length"
    case .items: "Items"
    case .members: "Properties"
    }
  }
}
