/// A failure told to a machine. Source: RFC 7807, section 3.
public struct ProblemDetails: Sendable, Hashable {
  /// A URI that names the kind of problem.
  public var type: String
  public var status: Int
  public var title: String?
  public var detail: String?
  /// A URI that names this occurrence; of a task's error, its task reference.
  public var instance: String?
  /// Every other member.
  public var extensions: JSONObject

  public init(
    type: String, status: Int, title: String? = nil, detail: String? = nil, instance: String? = nil,
    extensions: JSONObject = JSONObject()
  ) {
    self.type = type
    self.status = status
    self.title = title
    self.detail = detail
    self.instance = instance
    self.extensions = extensions
  }

  /// `nil` where the value is no object. A member of the wrong type counts as absent, as section 3.1 has it; without a
  /// type it is `about:blank`, without a status 500.
  public init?(_ json: JSON) {
    guard case .object(var members) = json else { return nil }
    self.init(
      type: members["type"]?.string ?? "about:blank", status: members["status"]?.int ?? 500,
      title: members["title"]?.string, detail: members["detail"]?.string, instance: members["instance"]?.string)
    for name in ["type", "status", "title", "detail", "instance"] { members[name] = nil }
    extensions = members
  }

  public var json: JSON {
    var members: JSONObject = ["type": .string(type), "status": .number(JSONNumber(status))]
    members["title"] = title.map { .string($0) }
    members["detail"] = detail.map { .string($0) }
    members["instance"] = instance.map { .string($0) }
    // The standard members win, should an extension carry one of their names.
    for (name, value) in extensions where members[name] == nil { members[name] = value }
    return .object(members)
  }
}
