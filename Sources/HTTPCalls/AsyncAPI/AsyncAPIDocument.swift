import HTTP
import Values

/// A description of an API of messages: AsyncAPI 2 or 3, in JSON or YAML.
public struct AsyncAPIDocument: FetchedDocument {
  enum Version: Sendable { case two, three }

  let tree: DocumentTree
  let version: Version

  var root: JSON { tree.root }

  /// - Throws: `configuration`.
  public init(_ root: JSON, url: HTTPURL) throws(HTTPCallError) {
    try self.init(DocumentTree(root, url: url))
  }

  /// Reads the text.
  ///
  /// - Throws: `configuration` with the place of the mistake.
  public init(_ bytes: [UInt8], url: HTTPURL) throws(HTTPCallError) {
    try self.init(DocumentTree(bytes, url: url))
  }

  private init(_ tree: DocumentTree) throws(HTTPCallError) {
    self.tree = tree
    switch tree.root["asyncapi"]?.scalarText {
    case let text? where text.hasPrefix("2."): version = .two
    case let text? where text.hasPrefix("3."): version = .three
    default: throw .misconfigured("\(tree.place) is neither AsyncAPI 2 nor AsyncAPI 3")
    }
  }

  // MARK: Operations

  /// Where a message goes.
  struct Channel: Sendable {
    let name: String
    let value: JSON
    /// The first that the document describes, of several.
    let message: JSON?
  }

  /// What sends is, in AsyncAPI 3, an operation with the action `send`; in AsyncAPI 2, as the DSL says ("AsyncAPI Call"),
  /// the `publish` of a channel. A channel of AsyncAPI 3 knows no direction.
  ///
  /// - Throws: `configuration`, with the name that was probably meant.
  func channel(of target: AsyncAPICall.Target) throws(HTTPCallError) -> Channel {
    switch (target, version) {
    case (.channel(let name), .two): try publishing(try channel(name))
    case (.channel(let name), .three): try channel(name)
    case (.operation(let id), .two): try channelOfOperation2(id)
    case (.operation(let id), .three): try channelOfOperation3(id)
    }
  }

  private var channels: JSONObject { root["channels"]?.object ?? JSONObject() }

  private func channel(_ name: String) throws(HTTPCallError) -> Channel {
    guard let value = channels[name] else { throw unknown("channel", name, among: channels.keys) }
    let channel = try tree.resolved(value)
    return Channel(name: name, value: channel, message: try firstMessage(of: channel))
  }

  private func publishing(_ channel: Channel) throws(HTTPCallError) -> Channel {
    guard let operation = channel.value["publish"] else {
      throw .misconfigured("the channel '\(channel.name)' has no 'publish', so nothing is sent to it")
    }
    return Channel(
      name: channel.name, value: channel.value, message: try oneMessage(try tree.resolved(operation)["message"]))
  }

  private func channelOfOperation2(_ id: String) throws(HTTPCallError) -> Channel {
    var known: [String] = []
    for name in channels.keys {
      let channel = try channel(name)
      if channel.value["subscribe"]?["operationId"]?.string == id {
        throw .misconfigured("the operation '\(id)' is a 'subscribe', which receives; a 'publish' sends")
      }
      guard let publish = channel.value["publish"] else { continue }
      guard let operationID = try tree.resolved(publish)["operationId"]?.string else { continue }
      if operationID == id { return try publishing(channel) }
      known.append(operationID)
    }
    throw unknown("operation", id, among: known)
  }

  private func channelOfOperation3(_ id: String) throws(HTTPCallError) -> Channel {
    let operations = root["operations"]?.object ?? JSONObject()
    guard let value = operations[id] else { throw unknown("operation", id, among: operations.keys) }
    let operation = try tree.resolved(value)
    guard operation["action"]?.string == "send" else {
      let action = operation["action"]?.scalarText ?? "none"
      throw .misconfigured("the operation '\(id)' has the action '\(action)'; one with 'send' sends")
    }
    guard let reference = operation["channel"] else {
      throw .misconfigured("the operation '\(id)' names no channel")
    }
    let channel = try tree.resolved(reference)
    let name = reference["$ref"]?.string.flatMap { JSONPointer.parts(ofFragment: $0.dropFirst())?.last } ?? id
    var message: JSON?
    if let first = operation["messages"]?[0] { message = try tree.resolved(first) }
    if message == nil { message = try firstMessage(of: channel) }
    return Channel(name: name, value: channel, message: message)
  }

  private func unknown(
    _ kind: String, _ name: String, among known: some Sequence<String>
  ) -> HTTPCallError {
    .misconfigured("\(tree.place) has no \(kind) '\(name)'\(suggestion(for: name, among: known))")
  }

  // MARK: Messages

  /// Of a channel of AsyncAPI 3.
  private func firstMessage(of channel: JSON) throws(HTTPCallError) -> JSON? {
    guard let message = channel["messages"]?.object?.first(where: { _ in true })?.value else { return nil }
    return try tree.resolved(message)
  }

  /// Of an operation of AsyncAPI 2.
  private func oneMessage(_ value: JSON?) throws(HTTPCallError) -> JSON? {
    guard let value else { return nil }
    let message = try tree.resolved(value)
    guard let first = message["oneOf"]?[0] else { return message }
    return try tree.resolved(first)
  }

  /// Of a channel's message; JSON where nobody says.
  func contentType(of channel: Channel) -> String {
    channel.message?["contentType"]?.string ?? root["defaultContentType"]?.string ?? "application/json"
  }

  /// The header that holds the correlation id.
  func correlationHeader(of channel: Channel) throws(HTTPCallError) -> String {
    guard let value = channel.message?["correlationId"] else { return "correlationId" }
    guard let location = try tree.resolved(value)["location"]?.string else { return "correlationId" }
    guard case .header(let path)? = MessageLocation(location), let name = path.first, path.count == 1 else {
      throw .misconfigured(
        "the document has the correlation id at '\(location)'; with.message.correlationId can only become a header")
    }
    return name
  }
}

/// A place in a message (AsyncAPI 3.0.0, "Runtime Expression").
enum MessageLocation {
  case header([String])
  case payload([String])

  init?(_ text: String) {
    guard let hash = text.firstIndex(of: "#"), let path = JSONPointer.parts(ofFragment: text[hash...].dropFirst())
    else { return nil }
    switch text[..<hash] {
    case "$message.header": self = .header(path)
    case "$message.payload": self = .payload(path)
    default: return nil
    }
  }

  func value(in message: AsyncAPICall.Message) -> JSON? {
    switch self {
    case .header(let path): JSON.object(message.headers)[path]
    case .payload(let path): message.payload?[path]
    }
  }
}
