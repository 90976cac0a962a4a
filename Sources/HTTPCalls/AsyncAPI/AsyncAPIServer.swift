import Values

/// A server of an AsyncAPI document that takes messages.
public struct AsyncAPIServer: Sendable, Hashable {
  /// In the document.
  public let name: String
  /// `host:port`, several separated by commas; what the document says, and no proof of where that leads.
  public let host: String

  public init(name: String, host: String) {
    self.name = name
    self.host = host
  }

  static func isKafka(_ name: String) -> Bool { name == "kafka" || name == "kafka-secure" }
}

extension AsyncAPIDocument {
  /// The server that the call names, or the first of the channel's that speaks Kafka.
  ///
  /// - Throws: `configuration`; `validation` for variables that do not fit.
  func server(of channel: Channel, for call: AsyncAPICall) throws(HTTPCallError) -> AsyncAPIServer {
    let servers = root["servers"]?.object ?? JSONObject()
    let names = try serverNames(of: channel) ?? servers.keys.map(\.self)
    if let name = call.server {
      guard let value = servers[name] else {
        throw .misconfigured("\(tree.place) has no server '\(name)'\(suggestion(for: name, among: servers.keys))")
      }
      guard names.contains(name) else {
        throw .misconfigured(
          "the channel '\(channel.name)' is not on the server '\(name)', but on \(names.joined(separator: ", "))")
      }
      let server = try tree.resolved(value)
      let spoken = server["protocol"]?.string ?? "none"
      guard AsyncAPIServer.isKafka(spoken) else {
        throw .misconfigured("the server '\(name)' has the protocol '\(spoken)'; only kafka is spoken here")
      }
      return try made(name, server, call.variables)
    }
    var others: [String] = []
    for name in names {
      guard let value = servers[name] else { continue }
      let server = try tree.resolved(value)
      let spoken = server["protocol"]?.string ?? "none"
      if AsyncAPIServer.isKafka(spoken) { return try made(name, server, call.variables) }
      others.append("'\(name)' (\(spoken))")
    }
    let found = others.isEmpty ? "" : "; there is \(others.joined(separator: ", "))"
    throw .misconfigured("the document has no server with the protocol kafka for '\(channel.name)'\(found)")
  }

  /// Those that a channel is on; nil: all of them.
  private func serverNames(of channel: Channel) throws(HTTPCallError) -> [String]? {
    guard let list = channel.value["servers"]?.array, !list.isEmpty else { return nil }
    var names: [String] = []
    for item in list {
      let path = item["$ref"]?.string.flatMap { JSONPointer.parts(ofFragment: $0.dropFirst()) }
      guard let name = item.string ?? path?.last else {
        throw .misconfigured("the channel '\(channel.name)' is on a server that is no reference to one")
      }
      names.append(name)
    }
    return names
  }

  private func made(
    _ name: String, _ server: JSON, _ variables: [String: String]
  ) throws(HTTPCallError) -> AsyncAPIServer {
    let address = server[version == .two ? "url" : "host"]?.string ?? ""
    var declared: JSONObject = [:]
    for (name, variable) in server["variables"]?.object ?? [:] { declared[name] = try tree.resolved(variable) }
    var host = try ServerVariables.expand(address, declared, given: variables)[...]
    if let scheme = host.firstRange(of: "://") { host = host[scheme.upperBound...] }
    host = host.prefix { $0 != "/" }
    guard !host.isEmpty, !host.contains("{") else {
      throw .misconfigured("the server '\(name)' has the address '\(address)', which names no host")
    }
    return AsyncAPIServer(name: name, host: String(host))
  }
}
