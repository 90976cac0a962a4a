import Values

/// What an operator asks for who wants an instance to go on in another version of its workflow.
public struct MigrationRequest: Sendable, Hashable {
  /// As the command line and the store name it.
  public static let verb = "migrate"

  /// The other version of the workflow.
  public let version: String
  /// Tasks that have another name there: each a task reference or a name, by that of the present version.
  public let renames: [String: String]

  public init(version: String, renames: [String: String] = [:]) {
    self.version = version
    self.renames = renames
  }

  /// The form in which it rests.
  public var json: JSON {
    var object: JSONObject = ["verb": .string(Self.verb), "to": .string(version)]
    if !renames.isEmpty { object["map"] = renames.json }
    return .object(object)
  }

  public init(_ json: JSON) throws(CodingError) {
    guard let version = json["to"]?.string else { throw CodingError("the operation 'migrate' names no version") }
    self.init(version: version, renames: [String: String](texts: json["map"]))
  }
}

/// That an instance goes on in another version, as its journal tells it.
public struct MigrationRecord: Sendable, Hashable {
  /// The version that it ran.
  public let from: String
  public let to: String
  /// The task references that are others in the new version, by what they were; an empty text where what stands at the
  /// old one now is another task.
  public let moved: [String: String]

  public init(from: String, to: String, moved: [String: String]) {
    self.from = from
    self.to = to
    self.moved = moved
  }

  /// A reference from before, in the words of the version after; nil when it is another task's now.
  public func reference(_ old: String) -> String? {
    guard let new = moved[old] else { return old }
    return new.isEmpty ? nil : new
  }
}

extension [String: String] {
  var json: JSON {
    var object = JSONObject()
    for (key, value) in sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
    return .object(object)
  }

  init(texts json: JSON?) {
    self.init()
    for (key, value) in json?.object ?? [:] { self[key] = value.string }
  }
}
