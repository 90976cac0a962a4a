import Values

/// An event. Source: CloudEvents 1.0.2.
public struct CloudEvent: Sendable, Hashable {
  public var id: String
  /// A URI reference; with `id` it identifies the event.
  public var source: String
  public var type: String
  public var subject: String?
  /// RFC 3339, as it was written: it may be more precise than a ``Timestamp``.
  public var time: String?
  public var dataContentType: String?
  public var dataSchema: String?
  /// Every other attribute in its string form ("Type System": `true`, `42`), whatever mode it arrived in.
  public var extensions: [String: String]
  /// JSON, or the text of a `text/…` content type as a string. `nil` where there is no data, or other data.
  public var data: JSON?
  /// Data that is neither JSON nor text.
  public var binaryData: [UInt8]?

  public init(
    id: String, source: String, type: String, subject: String? = nil, time: String? = nil,
    dataContentType: String? = nil, dataSchema: String? = nil, extensions: [String: String] = [:], data: JSON? = nil,
    binaryData: [UInt8]? = nil
  ) {
    self.id = id
    self.source = source
    self.type = type
    self.subject = subject
    self.time = time
    self.dataContentType = dataContentType
    self.dataSchema = dataSchema
    self.extensions = extensions
    self.data = data
    self.binaryData = binaryData
  }

  static let specVersion = "1.0"

  static func checkVersion(_ version: String) throws(WireError) {
    guard version == specVersion else {
      throw WireError(.unsupported, "CloudEvents version '\(version)'; version 1.0 is understood")
    }
  }

  /// A member of ``json`` by its name, without making the rest.
  public func attribute(_ name: String) -> JSON? {
    func string(_ text: String?) -> JSON? { text.map { .string($0) } }
    return switch name {
    case "specversion": .string(Self.specVersion)
    case "id": .string(id)
    case "source": .string(source)
    case "type": .string(type)
    case "subject": string(subject)
    case "time": string(time)
    case "datacontenttype": string(dataContentType)
    case "dataschema": string(dataSchema)
    case "data": data
    case "data_base64": string(binaryData.map(Base64.encode))
    default: string(extensions[name])
    }
  }

  /// The event in the JSON event format: attributes, extensions by name, `data` or `data_base64`.
  public var json: JSON {
    var members: JSONObject = [
      "specversion": .string(Self.specVersion), "id": .string(id), "source": .string(source),
      "type": .string(type),
    ]
    for name in ["subject", "time", "datacontenttype", "dataschema"] { members[name] = attribute(name) }
    for name in extensions.keys.sorted() { members[name] = attribute(name) }
    for name in ["data", "data_base64"] { members[name] = attribute(name) }
    return .object(members)
  }
}

/// What events on a topic are that carry no attributes of their own.
public struct EventBinding: Sendable, Hashable {
  public var type: String
  public var source: String

  public init(type: String, source: String) {
    self.type = type
    self.source = source
  }
}
