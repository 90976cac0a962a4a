/// What the standard lets a value look like.
indirect enum Shape: Sendable {
  case any
  case string
  case choice([String])
  case integer
  case boolean
  case object(Members)
  /// Any keys, all values alike.
  case map(Shape)
  case list(Shape)
  /// A list of mappings with one key each, which names the value.
  case namedList(Shape)
  /// Which one is meant shows by the kind of the value: text, list or mapping.
  case either([Shape])
  case task
  /// Looked up in ``Standard``, so that shapes can contain themselves.
  case named(String)

  struct Members: Sendable {
    var keys: [String: Shape]
    var required: Set<String> = []
    /// Of these keys exactly one must be there.
    var exactlyOne: Set<String> = []
    /// Keys beside those listed may be there.
    var others = false
  }

  static func members(
    _ keys: [String: Shape], required: Set<String> = [], exactlyOne: Set<String> = [], others: Bool = false
  ) -> Shape {
    .object(Members(keys: keys, required: required, exactlyOne: exactlyOne, others: others))
  }

  /// As a message names it.
  var description: String {
    switch self {
    case .any: "a value"
    case .string: "text"
    case .choice(let texts): "one of " + texts.joined(separator: ", ")
    case .integer: "a whole number"
    case .boolean: "true or false"
    case .object, .map, .task: "a mapping"
    case .list, .namedList: "a list"
    case .either(let shapes): shapes.map(\.description).joined(separator: " or ")
    case .named(let name): Standard.shape(name).description
    }
  }
}
