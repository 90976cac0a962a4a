import HTTP
import Values

/// A message, ready to be published, but for what the publisher knows itself.
public struct AsyncAPIPublication: Sendable, Hashable {
  public let server: AsyncAPIServer
  public let topic: String
  /// nil where the message has no payload.
  public let value: [UInt8]?
  public let headers: [HTTPHeader]
}

/// Makes a message for Kafka of a call and the document that it refers to. Pure.
public enum AsyncAPIResolver {
  /// - Throws: `validation` for a message that does not fit, `configuration` for what the document lacks.
  public static func resolve(
    _ call: AsyncAPICall, in document: AsyncAPIDocument
  ) throws(HTTPCallError) -> AsyncAPIPublication {
    let channel = try document.channel(of: call.target)
    let server = try document.server(of: channel, for: call)
    var headers: [HTTPHeader] = []
    for (name, value) in call.message.headers where !value.isNull {
      headers.append(HTTPHeader(name, value.scalarText ?? value.text))
    }
    if let id = call.message.correlationID {
      headers.set(HTTPHeader(try document.correlationHeader(of: channel), id))
    }
    let type = headers.value(of: "content-type") ?? document.contentType(of: channel)
    let body = try CallBody(call.message.payload, contentType: type, place: "with.message.payload")
    if body.bytes != nil, headers.value(of: "content-type") == nil { headers.append(HTTPHeader("content-type", type)) }
    let topic = try topic(of: channel, call.message, document)
    return AsyncAPIPublication(server: server, topic: topic, value: body.bytes, headers: headers)
  }

  // MARK: The topic

  /// The binding's, else the channel's address, with its parameters in their places (AsyncAPI bindings, "Kafka").
  private static func topic(
    of channel: AsyncAPIDocument.Channel, _ message: AsyncAPICall.Message, _ document: AsyncAPIDocument
  ) throws(HTTPCallError) -> String {
    let bindings = try document.tree.resolved(channel.value["bindings"] ?? .null)
    let address = document.version == .two ? channel.name : channel.value["address"]?.string
    guard var topic = bindings["kafka"]?["topic"]?.string ?? address else {
      throw .misconfigured("the channel '\(channel.name)' has neither an address nor bindings.kafka.topic")
    }
    for (name, parameter) in channel.value["parameters"]?.object ?? [:] where topic.contains("{\(name)}") {
      let parameter = try document.tree.resolved(parameter)
      topic = topic.replacing("{\(name)}", with: try value(of: name, parameter, message))
    }
    guard isTopic(topic) else {
      throw .misconfigured(
        "the channel '\(channel.name)' leads to '\(topic)', which is no name of a Kafka topic; "
          + "the document can name one under bindings.kafka.topic of the channel")
    }
    return topic
  }

  /// From where the document says that it is in the message, else the document's default.
  private static func value(
    of name: String, _ parameter: JSON, _ message: AsyncAPICall.Message
  ) throws(HTTPCallError) -> String {
    let place = parameter["location"]?.string
    let given = place.flatMap { MessageLocation($0) }?.value(in: message)?.scalarText
    let schema = parameter["schema"]
    guard let value = given ?? (parameter["default"] ?? schema?["default"])?.scalarText else {
      guard let place else {
        throw .misconfigured("the channel's parameter '\(name)' has neither a location in the message nor a default")
      }
      throw .invalid("the message has nothing at '\(place)' for the channel's parameter '\(name)'")
    }
    let known = (parameter["enum"] ?? schema?["enum"])?.array?.compactMap(\.scalarText)
    if let known, !known.contains(value) {
      throw .invalid(
        "the channel's parameter '\(name)' is '\(value)'; known are \(known.joined(separator: ", "))")
    }
    return value
  }

  /// As in Kafka's `Topic.validate`.
  private static func isTopic(_ name: String) -> Bool {
    1...249 ~= name.utf8.count && name != "." && name != ".."
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
