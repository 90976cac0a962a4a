import Kafka
import Values

/// CloudEvents on Kafka. Source: CloudEvents 1.0.2, "Kafka Protocol Binding" and "JSON Event Format".
public enum CloudEventCodec {
  /// Reads an event in binary or structured mode, or bare JSON.
  ///
  /// Bare JSON (no `ce_` header, no structured content type) is the data of an event whose id is
  /// `topic/partition/offset` and whose type and source the topic's binding gives. A dead letter that is sent again keeps
  /// the id of the record that it was: the same event, however often it comes.
  ///
  /// - Parameter binding: `nil` where the topic takes no bare JSON.
  public static func decode(
    _ record: KafkaRecord, binding: EventBinding?, limits: DecodeLimits = DecodeLimits()
  ) throws(WireError) -> CloudEvent {
    let value = try checkedValue(record, limits)
    let contentType = try Headers(record.headers).text("content-type")
    switch ContentType(contentType) {
    case .cloudEvent: return try structured(value, limits)
    case .otherCloudEvent: throw WireError(.unsupported, "the content type '\(contentType ?? "")'")
    case .json, .text, .other: break
    }
    if record.headers.contains(where: { $0.name.utf8.starts(with: "ce_".utf8) }) {
      return try binary(record.headers, value, contentType, limits)
    }
    guard let binding else {
      throw WireError(
        .missingAttribute, "no 'ce_' headers, no structured event, and the topic has no binding for bare JSON")
    }
    return CloudEvent(
      id: Redrive(record.headers)?.origin ?? "\(record.topic)/\(record.partition)/\(record.offset)",
      source: binding.source, type: binding.type,
      data: try parse(value, limits))
  }

  private static func checkedValue(_ record: KafkaRecord, _ limits: DecodeLimits) throws(WireError) -> [UInt8] {
    guard let value = record.value else { throw WireError(.tombstone, "the record has no value") }
    var size = value.count + (record.key?.count ?? 0)
    for header in record.headers { size += header.name.utf8.count + (header.value?.count ?? 0) }
    guard size <= limits.maxBytes else {
      throw WireError(.tooLarge, "the record has \(size) bytes, more than \(limits.maxBytes)")
    }
    return value
  }

  static func parse(_ bytes: [UInt8], _ limits: DecodeLimits) throws(WireError) -> JSON {
    do throws(JSONError) { return try JSON.parse(bytes, limits: limits.json) } catch { throw WireError(error) }
  }
}

// MARK: - Binary mode

extension CloudEventCodec {
  private static func binary(
    _ headers: [KafkaHeader], _ value: [UInt8], _ contentType: String?, _ limits: DecodeLimits
  ) throws(WireError) -> CloudEvent {
    var draft = Draft()
    for header in headers {
      guard let bytes = header.value, header.name.utf8.starts(with: "ce_".utf8) else { continue }
      try draft.set(String(header.name.dropFirst(3)), try Headers.text(bytes, of: header.name))
    }
    if draft.extensions["traceparent"] == nil, let trace = try Headers(headers).text("traceparent"),
      TraceParent.isValid(trace)
    {
      draft.extensions["traceparent"] = trace
    }
    if let contentType { draft.dataContentType = contentType }
    var event = try draft.event()
    // An event without data; a record without a value would mean something else to Kafka.
    if !value.isEmpty { try setData(of: &event, value, limits) }
    return event
  }

  private static func setData(
    of event: inout CloudEvent, _ bytes: [UInt8], _ limits: DecodeLimits
  ) throws(WireError) {
    switch ContentType(event.dataContentType) {
    case .json: event.data = try parse(bytes, limits)
    case .text:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw WireError(.notUTF8, "the value is not UTF-8")
      }
      event.data = .string(text)
    case .cloudEvent, .otherCloudEvent, .other: event.binaryData = bytes
    }
  }
}

// MARK: - Structured mode

extension CloudEventCodec {
  static func structured(_ value: [UInt8], _ limits: DecodeLimits) throws(WireError) -> CloudEvent {
    guard case .object(let members) = try parse(value, limits) else {
      throw WireError(.notJSON, "a structured event is a JSON object")
    }
    var draft = Draft()
    var data: JSON?
    var encoded: String?
    for (name, value) in members {
      switch (name, value) {
      case ("data", _): data = value
      // `null` is the same as nothing ("JSON Event Format", section 2.2).
      case (_, .null): break
      case ("data_base64", .string(let text)): encoded = text
      case (_, .string(let text)): try draft.set(name, text)
      case (_, .bool(let flag)): try draft.set(name, flag ? "true" : "false")
      case (_, .number(let number)) where number.int != nil: try draft.set(name, number.text)
      default: throw WireError(.invalidAttribute, "'\(name)' is no string, boolean or whole number")
      }
    }
    var event = try draft.event()
    event.data = data
    if let encoded {
      guard data == nil else { throw WireError(.invalidAttribute, "both 'data' and 'data_base64' are given") }
      guard let bytes = Base64.decode(encoded) else {
        throw WireError(.invalidAttribute, "'data_base64' is not Base64")
      }
      try setData(of: &event, bytes, limits)
    }
    return event
  }
}

/// Attributes as they come in.
private struct Draft {
  var dataContentType: String?
  var extensions: [String: String] = [:]
  private var specVersion: String?
  private var id: String?
  private var source: String?
  private var type: String?
  private var subject: String?
  private var time: String?
  private var dataSchema: String?

  mutating func set(_ name: String, _ value: String) throws(WireError) {
    guard Attributes.isLegal(value: value) else {
      throw WireError(.invalidAttribute, "'\(name)' holds a control character")
    }
    switch name {
    case "specversion": try Self.set(&specVersion, name, value)
    case "id": try Self.set(&id, name, value)
    case "source": try Self.set(&source, name, value)
    case "type": try Self.set(&type, name, value)
    case "subject": try Self.set(&subject, name, value)
    case "time": try Self.set(&time, name, value)
    case "datacontenttype": try Self.set(&dataContentType, name, value)
    case "dataschema": try Self.set(&dataSchema, name, value)
    default:
      guard Attributes.isLegal(name: name), name != "data" else {
        throw WireError(.invalidAttribute, "'\(name)' is no name: only lower-case letters and digits may be in it")
      }
      try Self.set(&extensions[name], name, value)
    }
  }

  private static func set(_ attribute: inout String?, _ name: String, _ value: String) throws(WireError) {
    guard attribute == nil else { throw WireError(.invalidAttribute, "'\(name)' is given twice") }
    attribute = value
  }

  func event() throws(WireError) -> CloudEvent {
    try CloudEvent.checkVersion(try required(specVersion, "specversion"))
    if let time, Timestamp(rfc3339: time) == nil {
      throw WireError(.invalidAttribute, "'time' is no RFC 3339 timestamp: '\(time)'")
    }
    for (name, value) in [("subject", subject), ("dataschema", dataSchema)] where value?.isEmpty == true {
      throw WireError(.invalidAttribute, "'\(name)' is empty")
    }
    return CloudEvent(
      id: try required(id, "id"), source: try required(source, "source"), type: try required(type, "type"),
      subject: subject, time: time, dataContentType: dataContentType, dataSchema: dataSchema, extensions: extensions)
  }

  private func required(_ value: String?, _ name: String) throws(WireError) -> String {
    guard let value else { throw WireError(.missingAttribute, "the attribute '\(name)' is missing") }
    guard !value.isEmpty else { throw WireError(.invalidAttribute, "the attribute '\(name)' is empty") }
    return value
  }
}
