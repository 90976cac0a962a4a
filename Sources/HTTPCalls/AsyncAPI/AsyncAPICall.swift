import HTTP
import Values

/// A message that is to be published as an AsyncAPI document describes (DSL 1.0.3, "AsyncAPI Call").
public struct AsyncAPICall: Sendable, Hashable {
  public enum Target: Sendable, Hashable {
    case operation(String)
    case channel(String)
  }

  public struct Message: Sendable, Hashable {
    public var payload: JSON?
    public var headers: JSONObject
    public var correlationID: String?

    public init(payload: JSON? = nil, headers: JSONObject = JSONObject(), correlationID: String? = nil) {
      self.payload = payload
      self.headers = headers
      self.correlationID = correlationID
    }
  }

  public var document: HTTPURL
  /// What the document needs, not the server.
  public var documentAuthentication: Authentication?
  public var target: Target
  /// One of the document's servers; nil: the first that will do.
  public var server: String?
  public var variables: [String: String]
  public var message: Message

  public init(
    document: HTTPURL, documentAuthentication: Authentication? = nil, target: Target, server: String? = nil,
    variables: [String: String] = [:], message: Message = Message()
  ) {
    self.document = document
    self.documentAuthentication = documentAuthentication
    self.target = target
    self.server = server
    self.variables = variables
    self.message = message
  }

  /// Reads the evaluated `with`. Pure.
  ///
  /// - Throws: `validation`, `configuration`.
  public init(_ data: JSON) throws(HTTPCallError) {
    let members = try Members(
      data, "with",
      known: ["document", "operation", "channel", "server", "protocol", "message", "authentication"])
    if members["authentication"] != nil {
      throw .misconfigured("with.authentication: the login to a Kafka cluster comes from processors.asyncapi.servers")
    }
    let document = try DocumentReference(members)
    let target = try Self.target(members)
    var server: Members?
    if let value = members["server"] { server = try Members(value, "with.server", known: ["name", "variables"]) }
    // The standard has it ignored when a server is named.
    if server == nil, let name = try members.text("protocol"), !AsyncAPIServer.isKafka(name) {
      throw .misconfigured("with.protocol is '\(name)'; only kafka is spoken here")
    }
    self.init(
      document: document.url, documentAuthentication: document.authentication, target: target,
      server: try server?.requiredText("name"), variables: try Self.variables(server),
      message: try Message(members.required("message")))
  }

  private static func target(_ members: Members) throws(HTTPCallError) -> Target {
    switch (try members.text("operation"), try members.text("channel")) {
    case (let operation?, nil): return .operation(operation)
    case (nil, let channel?): return .channel(channel)
    default: throw .invalid("with needs exactly one of operation and channel")
    }
  }

  private static func variables(_ server: Members?) throws(HTTPCallError) -> [String: String] {
    guard let server, let value = server["variables"] else { return [:] }
    let members = try Members(value, "with.server.variables", known: nil)
    var variables: [String: String] = [:]
    for name in value.object?.keys.map(\.self) ?? [] { variables[name] = try members.text(name) }
    return variables
  }
}

extension AsyncAPICall.Message {
  init(_ value: JSON) throws(HTTPCallError) {
    let members = try Members(value, "with.message", known: ["payload", "headers", "correlationId"])
    self.init(
      payload: members["payload"], headers: try members.object("headers"),
      correlationID: try members.text("correlationId"))
  }
}
